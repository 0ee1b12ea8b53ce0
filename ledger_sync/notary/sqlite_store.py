"""The embedded backend: SQLite, write-ahead log, synchronous FULL, one writer, one transaction per batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from hsm.failpoint import reach
from ledger_sync.notary.store import (
    CommitItem,
    Decision,
    Sign,
    Statement,
    Verdicts,
    decide,
    read_statement,
    relearn,
)
from wallet.database import Schema, connect, transaction
from wallet.protocol.transfer import TokenRef

SCHEMA: Final = Schema("ledger_sync.notary")
_NO_PROOF: Final = b""
"""The commit behind a relearnt statement is with the bank that it names."""
_STANDING: Final = """
select raw from consumed join statements on number = statement where txid = ? and output = ?
"""


class SqliteStore:
    """`Store` in one file. Statements are made by `sign` and dated by `clock` (unix seconds)."""

    def __init__(self, path: Path, sign: Sign, clock: Callable[[], int]) -> None:
        self._sign = sign
        self._clock = clock
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer = connect(path, SCHEMA, shared=True)
        self._reader = connect(path, SCHEMA, shared=True)

    def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
        with self._writing:
            with transaction(self._writer):
                decision = self._decide(batch)
                self._keep(decision)
                reach("notary.commit.written")
            reach("notary.commit.done")
            return list(decision.verdicts)

    def lookup(self, refs: Sequence[TokenRef]) -> list[Statement | None]:
        with self._reading:
            rows = [self._reader.execute(_STANDING, ref).fetchone() for ref in refs]
        return [None if row is None else read_statement(row[0]) for row in rows]

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        refs = {ref for statement in statements for ref in statement.body.refs}
        with self._writing, transaction(self._writer):
            learnt = relearn(statements, self._standing(refs))
            for statement in learnt.fresh:
                self._insert(statement, _NO_PROOF)
        return list(learnt.contradicting)

    def earliest_of_last(self, count: int) -> int:
        with self._reading:
            rows = self._reader.execute(
                "select raw from statements order by number desc limit ?", (count,)
            ).fetchall()
        times = [read_statement(row[0]).body.time for row in rows]
        return min(times) if len(times) == count else 0

    def close(self) -> None:
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    def _decide(self, batch: Sequence[CommitItem]) -> Decision:
        standing = self._standing({ref for item in batch for ref in item.refs})
        return decide(batch, standing, self._sign, self._clock())

    def _standing(self, refs: Iterable[TokenRef]) -> dict[TokenRef, Statement]:
        rows = {ref: self._writer.execute(_STANDING, ref).fetchone() for ref in refs}
        return {ref: read_statement(row[0]) for ref, row in rows.items() if row is not None}

    def _keep(self, decision: Decision) -> None:
        for statement, proof in decision.made:
            self._insert(statement, proof)

    def _insert(self, statement: Statement, proof: bytes) -> None:
        row = self._writer.execute(
            "insert into statements (raw, proof) values (?, ?)", (statement.encode(), proof)
        )
        self._writer.executemany(
            "insert into consumed (txid, output, statement) values (?, ?, ?)",
            [(ref.txid, ref.output, row.lastrowid) for ref in statement.body.refs],
        )
