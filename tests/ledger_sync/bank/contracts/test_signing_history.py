"""The signing history's contract: contradictions are found by signer; a payment counts once until it is forgotten."""

from __future__ import annotations

import pytest

from ledger_sync.bank.ports.redemptions import Opened
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import DEVICE, PURPOSE, Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
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
    assert list(history.rivals(first, payer.key.public)) == []
    payer.sequence -= 1
    rival = chain.pay(payer, chain.tokens[0], chain.people[2].key.public, 500, PURPOSE, "waiting")
    assert rival.body.sequence == first.body.sequence
    assert list(history.rivals(first, payer.key.public)) == [rival.id, rival.id]
    assert list(history.rivals(rival, payer.key.public)) == [first.id, first.id]
    assert list(history.rivals(first, OTHER)) == []
    assert sorted(history.signed(payer.key.public)) == sorted([first.id, rival.id])
    assert history.signed(chain.people[1].key.public) == [second.id]


def test_what_a_key_redeemed_is_what_it_signed_of_redemptions(chain: Chain) -> None:
    redeemer = chain.people[-1]
    redemption = chain.redeem(redeemer, chain.tokens[-1])
    history = chain.storage.signing_history
    assert history.redeemed(redeemer.key.public) == []
    chain.storage.redemptions.open(redemption.id, Opened(None, 5))
    assert history.redeemed(redeemer.key.public) == [redemption.id]
    assert history.redeemed(chain.people[0].key.public) == []


def test_a_payment_counts_once_for_its_device_and_request(chain: Chain, backend: Backend) -> None:
    history, other = chain.storage.signing_history, backend.open().signing_history
    one, two = payments(chain, 2)
    assert history.given(DEVICE, PURPOSE) == 0
    assert history.count(DEVICE, one)
    assert not other.count(DEVICE, one)
    assert other.count(DEVICE, two)
    assert history.count(OTHER, one)
    assert (history.given(DEVICE, PURPOSE), history.given(OTHER, PURPOSE)) == (201, 100)
    assert history.given(DEVICE, bytes(15) + b"\1") == 0


def test_what_is_forgotten_counts_for_nothing_at_any_device(chain: Chain) -> None:
    history = chain.storage.signing_history
    one, two = payments(chain, 2)
    for device in (DEVICE, OTHER):
        history.count(device, one)
    history.count(DEVICE, two)
    history.uncount(one.id, PURPOSE)
    assert (history.given(DEVICE, PURPOSE), history.given(OTHER, PURPOSE)) == (101, 0)
    history.uncount(one.id, PURPOSE)
    assert history.given(DEVICE, PURPOSE) == 101
    history.uncount(two.id, PURPOSE)
    assert history.given(DEVICE, PURPOSE) == 0
    assert history.count(DEVICE, one)


def test_the_neighbours_of_a_number_are_the_next_that_are_counted(chain: Chain) -> None:
    history = chain.storage.signing_history
    made = payments(chain, 4)
    numbers = [transfer.body.sequence for transfer in made]
    for transfer in (made[0], made[1], made[3]):
        history.count(DEVICE, transfer)
    assert history.neighbours(DEVICE, numbers[0]) == (None, made[1].id)
    assert history.neighbours(DEVICE, numbers[2]) == (made[1].id, made[3].id)
    assert history.neighbours(DEVICE, numbers[3]) == (made[1].id, None)
    assert history.neighbours(OTHER, numbers[2]) == (None, None)
