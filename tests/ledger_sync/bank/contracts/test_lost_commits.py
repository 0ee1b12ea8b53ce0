"""Whatever a bank writes whose commit was not heard to end is the same again: done once, whether it stood or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from ledger_sync.bank.ports.feed import What
from ledger_sync.bank.ports.fundings import Funding, FundingStage
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.sql.storage import KIND, SqlStorage
from ledger_sync.database.opening import open_store
from ledger_sync.database.store import OutcomeUnknown
from tests.ledger_sync.bank.contracts.chain import Chain, enter
from tests.support.cut_lines import Cut, cut_line
from tests.support.postgres import Cluster
from tests.support.whole import everything as rows_of
from tests.support.world import NOW

JOB: Final = Job(JobKind.REDEEM, "", b"1")
GIVEN_BY_THE_ENGINE: Final = {
    ("entries", "id"),
    ("postings", "entry"),
    ("heard", "number"),
    ("to_answer", "noted"),
}
"""Numbers of which an attempt that came to nothing uses up one."""

Act = Callable[[SqlStorage, Chain], object]


def book(storage: SqlStorage, _: Chain) -> None:
    storage.accounts.book("cause", "own", enter(storage), 700, NOW, is_covered=False)


def fund(storage: SqlStorage, _: Chain) -> None:
    storage.fundings.add(Funding(b"f", enter(storage), b"k", (700,), FundingStage.DEBITED, 1))


def list_news(storage: SqlStorage, chain: Chain) -> None:
    storage.feed.append([(enter(storage), What.TRANSFER, txid) for txid in chain.ids], 5)


def note_words(storage: SqlStorage, chain: Chain) -> None:
    storage.settlements.note(chain.said(*chain.transfers), are_ours=True)


def commit(storage: SqlStorage, chain: Chain) -> None:
    storage.settlements.committed(chain.ids)
    storage.settlements.look_at(chain.ids)


def answer(storage: SqlStorage, chain: Chain) -> None:
    storage.settlements.answer([Answer(chain.verdict(chain.transfers[0], 700, 300), None)])


def work(storage: SqlStorage, _: Chain) -> None:
    storage.jobs.add(JOB, NOW)
    storage.jobs.done(JOB, NOW + 9)


ACTS: Final[dict[str, Act]] = {
    act.__name__: act for act in (book, fund, list_news, note_words, commit, answer, work)
}


@contextmanager
def a_chain(cluster: Cluster) -> Iterator[tuple[str, SqlStorage, Chain]]:
    """A store with valid transfers, that others may open; its accounts and a customer."""
    with cluster.lent(KIND.name, lambda made: open_store(made, KIND, Path()).close()) as url:
        storage = SqlStorage(open_store(url, KIND, Path()))
        storage.accounts.open("own")
        enter(storage)
        yield url, storage, Chain(storage)
        storage.close()


def everything(storage: SqlStorage) -> dict[str, list[tuple[Any, ...]]]:
    return rows_of(storage.store, KIND.name, GIVEN_BY_THE_ENGINE)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_the_same_again_finds_out(name: str, postgres: Cluster, tmp_path: Path) -> None:
    act = ACTS[name]
    with a_chain(postgres) as (_, storage, chain):
        with storage.unit.transaction():
            act(storage, chain)
        expected = everything(storage)
    cuts: tuple[Cut, ...] = ("before", "after")
    for cut in cuts:
        with a_chain(postgres) as (url, storage, chain), cut_line(url, tmp_path / cut) as line:
            behind = SqlStorage(open_store(line.url, KIND, Path()))
            before, line.armed = everything(storage), cut
            with pytest.raises(OutcomeUnknown), behind.unit.transaction():
                act(behind, chain)
            assert everything(storage) == (before if cut == "before" else expected)
            with behind.unit.transaction():
                act(behind, chain)
            assert everything(storage) == expected
            behind.close()
