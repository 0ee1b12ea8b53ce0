"""The fundings' contract: an attempt is ended once, by whoever comes first, and nobody who is late ends a later one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger_sync.bank.ports.customers import Customer
from ledger_sync.bank.ports.fundings import Denial, Funding, Fundings, FundingStage
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import PURPOSE, Chain
from tests.ledger_sync.bank.contracts.chain import enter as enter_with_device
from tests.ledger_sync.bank.contracts.conftest import Backend
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.limits import Commitments

ACCOUNT = "a" * 32
DENIAL = Denial(Code.POSITION_SHORT, {"position": 3, "bank": "alatau"}, 1_000)


def funding(number: int = 0, account: str = ACCOUNT, **changes: object) -> Funding:
    made = Funding(number.to_bytes(16, "big"), account, bytes(33), (300, 200))
    return replace(made, **changes)  # type: ignore[arg-type]


def enter(storage: Storage, *accounts: str) -> Fundings:
    """Customers of these accounts."""
    for account in accounts or (ACCOUNT,):
        storage.accounts.open(account)
        storage.customers.add(Customer(account, "Aigul", WalletKind.PERSON, 0), 0, 1)
    return storage.fundings


def never_debited(number: int, since: int, account: str = ACCOUNT) -> Funding:
    return funding(number, account, stage=FundingStage.DENIED, attempt=0, denial=replace(DENIAL, since=since))


def test_a_funding_is_kept_once_and_as_it_came(storage: Storage) -> None:
    fundings = enter(storage)
    assert fundings.get(funding().id) is None
    assert fundings.add(funding())
    assert not fundings.add(funding(amounts=(1,)))
    assert fundings.get(funding().id) == funding()
    denied = never_debited(1, 5)
    assert fundings.add(denied)
    found = fundings.get(denied.id)
    assert found == denied
    assert found.denial == denied.denial
    assert fundings.remove(denied.id)
    assert not fundings.remove(denied.id)


def test_a_denied_one_is_resumed_by_its_next_attempt(storage: Storage) -> None:
    fundings = enter(storage)
    fundings.add(funding())
    assert not fundings.resumed(funding().id, 1)
    assert fundings.denied(funding().id, 1, DENIAL)
    assert not fundings.denied(funding().id, 1, replace(DENIAL, code=Code.ACCOUNT_SHORT))
    found = fundings.get(funding().id)
    assert found is not None
    assert (found.stage, found.attempt, found.denial) == (FundingStage.DENIED, 1, DENIAL)
    assert fundings.resumed(funding().id, 1)
    found = fundings.get(funding().id)
    assert found is not None
    assert (found, found.denial) == (funding(attempt=2), None)


def test_who_is_late_ends_no_later_attempt(storage: Storage) -> None:
    fundings = enter(storage)
    fundings.add(funding())
    fundings.denied(funding().id, 1, DENIAL)
    fundings.resumed(funding().id, 1)
    assert not fundings.denied(funding().id, 1, DENIAL)
    assert not fundings.resumed(funding().id, 1)
    assert fundings.get(funding().id) == funding(attempt=2)
    assert fundings.denied(funding().id, 2, DENIAL)


def test_tokens_end_the_attempt_that_is_debited_and_no_other(storage: Storage) -> None:
    fundings, issuance = enter(storage), Chain(storage).issuance.id
    fundings.add(funding())
    assert not fundings.issued(funding().id, 2, issuance)
    assert fundings.issued(funding().id, 1, issuance)
    assert fundings.get(funding().id) == funding(stage=FundingStage.ISSUED, issuance=issuance)
    assert not fundings.issued(funding().id, 1, issuance)
    assert not fundings.denied(funding().id, 1, DENIAL)
    assert not fundings.resumed(funding().id, 1)
    assert fundings.open_ones() == []


def test_a_purse_has_one_devices_tokens_and_fundings(storage: Storage) -> None:
    """Of another device's keys and of other accounts nothing counts, nor what has expired before or was paid."""
    chain = Chain(storage)
    mine = [chain.owned(amount) for amount in (1_000, 2_000)]
    account, key, expires = enter_with_device(storage), mine[0].owner, mine[0].expires
    storage.fundings.add(funding(1, account, owner=key))
    assert storage.fundings.commitments(account, key, expires) == Commitments(held=3_000, fundings=500)
    assert storage.fundings.commitments(account, key, expires + 1) == Commitments(held=0, fundings=500)
    assert storage.fundings.commitments("b" * 32, key, expires) == Commitments()
    assert storage.fundings.commitments(account, chain.people[0].key.public, expires) == Commitments()
    chain.pay(chain.world.person("customer 1000"), mine[0], chain.people[0].key.public, 700, PURPOSE, "valid")
    assert storage.fundings.commitments(account, key, expires) == Commitments(held=2_300, fundings=500)


def test_what_is_debited_is_open_until_it_is_ended(storage: Storage) -> None:
    other = "b" * 32
    fundings = enter(storage, ACCOUNT, other)
    for number, account in ((3, ACCOUNT), (1, ACCOUNT), (2, other)):
        fundings.add(funding(number, account))
    assert fundings.open_ones() == [(funding(number).id, 500) for number in (1, 2, 3)]
    assert fundings.open_ones(ACCOUNT) == [(funding(number).id, 500) for number in (1, 3)]
    fundings.denied(funding(1).id, 1, DENIAL)
    assert fundings.open_ones(ACCOUNT) == [(funding(3).id, 500)]


def test_what_was_debited_in_a_time_is_counted_whatever_became_of_it(storage: Storage) -> None:
    other, issuance = "b" * 32, Chain(storage).issuance.id
    fundings = enter(storage, ACCOUNT, other)
    for number in range(4):
        fundings.add(funding(number, since=number))
    fundings.add(funding(4, other, since=2))
    fundings.add(replace(never_debited(5, since=2), since=2))
    fundings.issued(funding(1).id, 1, issuance)
    fundings.denied(funding(2).id, 1, DENIAL)
    assert fundings.count_debited(ACCOUNT, 0, 2) == 2
    assert fundings.count_debited(ACCOUNT, -1, 9) == 4
    assert fundings.count_debited(other, 2, 9) == 0


def test_only_what_was_never_debited_is_forgotten_the_oldest_first(storage: Storage) -> None:
    other = "b" * 32
    fundings = enter(storage, ACCOUNT, other)
    for number in range(6):
        fundings.add(never_debited(number, since=number))
    fundings.add(never_debited(6, 0, other))
    fundings.add(funding(7))
    fundings.denied(funding(7).id, 1, replace(DENIAL, since=0))
    assert fundings.forget_denied(ACCOUNT, before=2, most=3) == 3
    assert [fundings.get(funding(number).id) is not None for number in range(8)] == [False] * 3 + [True] * 5
    assert fundings.forget_denied(ACCOUNT, before=2, most=3) == 0


# two writers


@pytest.mark.parametrize("attempt", [1, 2])
def test_one_of_two_ends_an_attempt_that_both_have_read(backend: Backend, attempt: int) -> None:
    one, other = backend.open(), backend.open().fundings
    enter(one).add(funding(attempt=attempt))
    assert one.fundings.get(funding().id) == other.get(funding().id)
    assert other.denied(funding().id, attempt, DENIAL)
    assert not one.fundings.denied(funding().id, attempt, DENIAL)


def test_writers_that_overlap_take_turns_and_lose_no_attempt(backend: Backend) -> None:
    """One ends attempts, the other resumes them: each step is taken once, and the steps alternate."""
    denying, resuming = backend.open().fundings, backend.open().fundings
    enter(backend.open()).add(funding())
    last = 20

    def attempt(fundings: Fundings) -> int:
        found = fundings.get(funding().id)
        assert found is not None
        return found.attempt

    def until_the_last(fundings: Fundings, step: Callable[[int], bool]) -> int:
        taken = 0
        for _ in range(100_000):
            now = attempt(fundings)
            if now == last:
                return taken
            taken += step(now)
        raise AssertionError("the others do nothing")

    with ThreadPoolExecutor(3) as pool:
        denied = pool.submit(until_the_last, denying, lambda now: denying.denied(funding().id, now, DENIAL))
        both = [
            pool.submit(until_the_last, fundings, lambda now, at=fundings: at.resumed(funding().id, now))  # type: ignore[misc]
            for fundings in (resuming, backend.open().fundings)
        ]
        assert denied.result() == sum(one.result() for one in both) == last - 1
