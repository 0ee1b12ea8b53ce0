"""Whatever a central bank writes whose commit was not heard to end is the same again: money moves once in any case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from ledger_sync.central_bank.ports.books import ISSUED, OUTSTANDING, MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause, RefusedFunding
from ledger_sync.central_bank.ports.returns import Paid, Refunded
from ledger_sync.central_bank.sql.storage import KIND, SqlStorage
from ledger_sync.database.opening import open_store
from ledger_sync.database.store import OutcomeUnknown
from tests.ledger_sync.central_bank.contracts.test_issuances import FUNDING, OWNER, TXID, issued
from tests.ledger_sync.central_bank.contracts.test_questions import REF, TRANSFER, ask
from tests.support.cut_lines import Cut, cut_line
from tests.support.postgres import Cluster
from tests.support.whole import everything
from tests.support.world import NOW

ALATAU: Final = position("alatau")
MADE: Final = issued(10)


def fund(storage: SqlStorage) -> None:
    if storage.issuances.keep(Cause.FUNDING, FUNDING, "alatau", MADE):
        storage.books.book(MovementKind.FUNDING, FUNDING, NOW, {ALATAU: -10, OUTSTANDING: 10}, [ALATAU])


def refuse(storage: SqlStorage) -> None:
    storage.issuances.refuse(RefusedFunding(FUNDING, "alatau", OWNER.public, (1,)), NOW)


def redeem(storage: SqlStorage) -> None:
    if storage.returns.keep_redemption(TXID, Paid(None, 10, "alatau")):
        storage.books.book(MovementKind.REDEMPTION, TXID, NOW, {OUTSTANDING: -10, ALATAU: 10}, ())


def refund(storage: SqlStorage) -> None:
    if storage.returns.keep_refund(REF, Refunded("alatau", 10)):
        storage.books.book(MovementKind.REFUND, TXID, NOW, {OUTSTANDING: -10, ALATAU: 10}, ())


def question(storage: SqlStorage) -> None:
    ask(storage)
    storage.questions.show(REF, TRANSFER)
    storage.winners.keep(REF, TXID)


ACTS: Final[dict[str, Callable[[SqlStorage], object]]] = {
    act.__name__: act for act in (fund, refuse, redeem, refund, question)
}


def opened(url: str) -> SqlStorage:
    return SqlStorage(open_store(url, KIND, Path()))


def rows(storage: SqlStorage) -> dict[str, list[tuple[Any, ...]]]:
    return everything(storage.store, KIND.name)


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("name", sorted(ACTS))
def test_the_same_again_finds_out(name: str, cut: Cut, postgres: Cluster, tmp_path: Path) -> None:
    act = ACTS[name]
    with postgres.lent(KIND.name, lambda url: opened(url).close()) as url, cut_line(url, tmp_path) as line:
        storage, behind = opened(url), opened(line.url)
        storage.books.book(MovementKind.ISSUE, b"issue", NOW, {ALATAU: 100, ISSUED: -100}, ())
        before, line.armed = rows(storage), cut
        with pytest.raises(OutcomeUnknown), behind.transaction():
            act(behind)
        found = rows(storage)
        assert (found == before) == (cut == "before")
        for _ in range(2):
            with behind.transaction():
                act(behind)
            assert cut == "before" or rows(storage) == found
            found = rows(storage)
        assert found != before
        assert storage.books.is_sound()
        storage.close()
        behind.close()
