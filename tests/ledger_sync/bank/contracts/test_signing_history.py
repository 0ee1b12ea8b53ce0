"""The signing history's contract: contradictions are found by signer; a payment counts once until it is forgotten."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import DEVICE, PURPOSE, Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW
from wallet.protocol.bounds import MAX_TIME
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import issued_tokens

OTHER = b"\3" + bytes(32)


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage)


def payments(chain: Chain, count: int) -> list[Signed[Transfer]]:
    """Of one person, each of a token of its own, with numbers that go up by one."""
    person = chain.world.person("payer")
    with chain.storage.unit.transaction():
        chain.objects.certificates.add(person.certificate)
    made = []
    for amount in range(100, 100 + count):
        issuance = chain.world.issue(person, amount)
        chain.keep(issuance)
        (token,) = issued_tokens(issuance)
        made.append(chain.pay(person, token, chain.people[0].key.public, amount, PURPOSE, "waiting"))
    return made


def test_a_contradiction_is_found_by_its_token_or_by_its_number(chain: Chain) -> None:
    history, payer = chain.storage.signing_history, chain.people[0]
    (first, second, _) = chain.transfers
    key, next_key = payer.key.public, chain.people[1].key.public
    assert history.rivals([(first, key), (second, next_key)]) == {}
    payer.sequence -= 1
    rival = chain.pay(payer, chain.tokens[0], chain.people[2].key.public, 500, PURPOSE, "waiting")
    assert rival.body.sequence == first.body.sequence
    assert history.rivals([(first, key), (second, next_key), (rival, key), (first, OTHER)]) == {
        (first.id, key): [rival.id, rival.id],
        (rival.id, key): [first.id, first.id],
    }
    assert history.rivals([]) == {}
    assert sorted(history.signed(payer.key.public)) == sorted([first.id, rival.id])
    assert history.signed(chain.people[1].key.public) == [second.id]


moments = st.one_of(st.integers(0, MAX_TIME), st.integers(NOW - 5_000, NOW + 5_000))
amounts = st.tuples(moments, st.integers(1, 2**40))


def test_what_was_refreshed_since_a_time_is_the_sum_of_what_was_signed_since(
    storage: Storage, some: settings
) -> None:
    history, numbers = storage.signing_history, count()

    @some
    @given(refreshed=st.lists(amounts, max_size=6), since=moments)
    def beside_a_list_of_all(refreshed: list[tuple[int, int]], since: int) -> None:
        key = next(numbers).to_bytes(33, "big")
        with storage.unit.transaction():
            for time, amount in refreshed:
                history.count_refreshed(key, time, amount)
        for at in (since, *(time + more for time, _ in refreshed for more in (0, 1))):
            assert history.refreshed(key, at) == sum(amount for time, amount in refreshed if time >= at)
        assert history.refreshed(OTHER, 0) == 0

    beside_a_list_of_all()


def test_a_payment_counts_once_for_its_device_and_request(chain: Chain, backend: Backend) -> None:
    history, other = chain.storage.signing_history, backend.open().signing_history
    one, two = payments(chain, 2)
    assert history.given([(DEVICE, PURPOSE)]) == {}
    assert history.count([(DEVICE, one)]) == 1
    assert other.count([(DEVICE, one), (DEVICE, two), (OTHER, one), (DEVICE, two)]) == 2
    assert history.count([(DEVICE, one), (DEVICE, two), (OTHER, one)]) == 0
    assert history.given([(DEVICE, PURPOSE), (OTHER, PURPOSE), (DEVICE, bytes(15) + b"\1")]) == {
        (DEVICE, PURPOSE): 201,
        (OTHER, PURPOSE): 100,
    }


def test_what_is_forgotten_counts_for_nothing_at_any_device(chain: Chain) -> None:
    history = chain.storage.signing_history
    one, two = payments(chain, 2)
    history.count([(DEVICE, one), (OTHER, one), (DEVICE, two)])
    history.uncount(one.id, PURPOSE)
    assert history.given([(DEVICE, PURPOSE), (OTHER, PURPOSE)]) == {(DEVICE, PURPOSE): 101}
    history.uncount(one.id, PURPOSE)
    assert history.given([(DEVICE, PURPOSE)]) == {(DEVICE, PURPOSE): 101}
    history.uncount(two.id, PURPOSE)
    assert history.given([(DEVICE, PURPOSE)]) == {}
    assert history.count([(DEVICE, one)]) == 1


def test_the_neighbours_of_a_number_are_the_next_that_are_counted(chain: Chain) -> None:
    history = chain.storage.signing_history
    made = payments(chain, 4)
    numbers = [transfer.body.sequence for transfer in made]
    history.count([(DEVICE, transfer) for transfer in (made[0], made[1], made[3])])
    asked = [(DEVICE, numbers[0]), (DEVICE, numbers[2]), (DEVICE, numbers[3]), (OTHER, numbers[2])]
    assert history.neighbours([*asked, asked[0]]) == {
        (DEVICE, numbers[0]): (None, made[1].body),
        (DEVICE, numbers[2]): (made[1].body, made[3].body),
        (DEVICE, numbers[3]): (made[1].body, None),
        (OTHER, numbers[2]): (None, None),
    }
    assert history.neighbours([]) == {}
