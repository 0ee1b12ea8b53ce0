"""Services put back from a backup, and the notary after them: what it had said on their commits is not lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.hearing import PAGES_IN_A_ROUND
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from ledger_sync.own_words import OwnWords, Statements
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, cut
from tests.ledger_sync.notary.backends import consumer, ref, sign
from tests.support.put_back import BANK, OTHER_BANK, Backup, agree
from tests.support.system import OPENING, System
from tests.support.world import NOW, World
from wallet.protocol.bounds import DAY, FAR_AHEAD
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Consumption

DIRECTORY = World().directory()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "own words") as system:
        yield system


def test_what_a_bank_that_was_put_back_had_committed_is_given_to_nobody_by_a_notary_put_back_next(
    system: System, tmp_path: Path
) -> None:
    """The payee of the one half has its verdict before, and nobody reconciles between; the other half comes first
    afterwards."""
    cheat, first = system.holder("cheat", BANK), system.holder("first", BANK)
    second = system.holder("second", OTHER_BANK)
    cheat.fund(5_000)
    copy = cheat.clone(cheat.snapshot(), "copy")
    notary, bank = Backup(system, tmp_path, NOTARY), Backup(system, tmp_path)
    cheat.pay(first, 5_000)
    first.sync()
    copy.pay(second, 5_000)
    bank.put_back()
    notary.put_back()
    second.sync()
    system.bring_together()
    assert (first.held, second.held) == (5_000, 0)
    assert agree(system)


def test_what_a_central_bank_that_was_put_back_had_refunded_is_given_to_nobody_by_a_notary_put_back_next(
    system: System, tmp_path: Path
) -> None:
    """The owner had signed the token away, and reconciles before its bank and the central bank have a line again, so
    that nobody has asked for the refund once more."""
    owner, payee = system.holder("owner", BANK), system.holder("payee", OTHER_BANK)
    owner.fund(5_000)
    owner.sync()
    notary, central = Backup(system, tmp_path, NOTARY), Backup(system, tmp_path, CENTRAL_BANK)
    owner.pay_unseen(payee, 5_000)
    system.now += 125 * DAY
    system.settle_down()
    system.now += DAY
    system.settle_down()
    assert owner.account_balance() == OPENING
    network = system.network
    lines = network.lines
    with (
        lines.disturbed(cut, caller=BANK, callee=CENTRAL_BANK),
        lines.disturbed(cut, caller=CENTRAL_BANK, callee=BANK),
    ):
        network.put_back(CENTRAL_BANK, central.folder)
        network.work()
        network.put_back(NOTARY, notary.folder)
        network.work()
        owner.try_sync()
    system.settle_down()
    system.bring_together()
    assert owner.account_balance() == OPENING
    assert payee.account_balance() + payee.held == OPENING
    assert agree(system)
    assert agree(system, OTHER_BANK)


class Lister:
    """A notary with so many words, ``page`` of them at a time; ``fault``: what it answers in their place."""

    def __init__(self, count: int, page: int = 1, bank: str = BANK) -> None:
        self.said = [sign(Consumption(consumer(n), bank, NOW + n, (ref(n),))) for n in range(count)]
        self.page = page
        self.asked: list[int] = []
        self.fault: Refusal | None = None

    def get(self, path: str) -> Cbor:
        query = path.partition("?")[2]
        since, after = (int(part.partition("=")[2]) for part in query.split("&"))
        self.asked.append(after)
        if self.fault is not None:
            raise self.fault
        page = [said.to_cbor() for said in self.said[after : after + self.page] if said.body.time >= since]
        return [min(after + self.page, len(self.said)), page]


class Kept:
    def __init__(self) -> None:
        self.words: list[Consumption] = []

    def __call__(self, statements: Statements) -> None:
        self.words += [said.body for said in statements]


def asking(kept: Kept, *notaries: Lister, last: int = NOW) -> OwnWords:
    return OwnWords(BANK, dict(zip("ab", notaries, strict=False)), last, lambda: DIRECTORY, kept)


def numbers(words: Sequence[Consumption]) -> list[int]:
    return [body.time - NOW for body in words]


def test_all_pages_are_kept_in_as_many_rounds_as_it_takes() -> None:
    kept, notary = Kept(), Lister(2 * PAGES_IN_A_ROUND)
    words = asking(kept, notary)
    for done in (False, False, True):
        words.round()
        assert words.is_done is done
    assert numbers(kept.words) == list(range(2 * PAGES_IN_A_ROUND))
    words.round()
    assert numbers(kept.words) == list(range(2 * PAGES_IN_A_ROUND))


def test_it_asks_from_two_days_before_the_last_that_it_has() -> None:
    kept, notary = Kept(), Lister(10, page=3)
    asking(kept, notary, last=NOW + FAR_AHEAD + 7).round()
    assert numbers(kept.words) == [7, 8, 9]
    assert FAR_AHEAD == 2 * DAY


def test_a_notary_that_is_away_is_asked_again_from_the_beginning_and_holds_up_no_other() -> None:
    kept, silent, other = Kept(), Lister(PAGES_IN_A_ROUND + 1), Lister(2)
    words = asking(kept, silent, other)
    words.round()
    assert words.left == ("a",)
    silent.fault = NoAnswer(Code.UNREACHABLE, {})
    words.round()
    silent.fault = None
    silent.asked.clear()
    words.round()
    assert silent.asked[0] == 0
    while not words.is_done:
        words.round()
    assert set(numbers(kept.words)) == set(range(PAGES_IN_A_ROUND + 1))


def test_a_notary_that_is_older_than_this_call_has_nothing_to_say() -> None:
    kept, notary = Kept(), Lister(1)
    notary.fault = RemoteRefusal(Code.NOT_FOUND, {})
    words = asking(kept, notary)
    words.round()
    assert words.is_done
    assert not kept.words


@pytest.mark.parametrize("fault", ["another's", "backwards", "forged"])
def test_what_cannot_be_believed_is_not_kept_and_the_notary_stays_to_be_asked(fault: str) -> None:
    kept, notary = Kept(), Lister(3, bank=OTHER_BANK if fault == "another's" else BANK)
    if fault == "backwards":
        notary.page = -1
    if fault == "forged":
        notary.said[0] = replace(notary.said[0], signature=notary.said[1].signature)
    words = asking(kept, notary)
    words.round()
    assert words.left == ("a",)
    assert not kept.words
