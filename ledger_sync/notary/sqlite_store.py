"""The embedded backend: SQLite, write-ahead log, one flush for a batch.

Rule: claims are written to the log and not flushed; the statements that come after them in the same log are, and a
flush keeps all that stands before it. What is not flushed is lost in a power cut only, and then nobody was told.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hsm.failpoint import reach
from ledger_sync.notary.store import Claim, CommitItem, Statement
from wallet.database import Schema, connect, insert, transaction
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

SCHEMA: Final = Schema("ledger_sync.notary")
_NO_PROOF: Final = b""
"""The commit behind a relearnt statement is with the bank that it names."""
_WINNER: Final = """
select number, body, statement from won join claims on number = claim where txid = ? and output = ?
"""
_WIN: Final = "insert into won (txid, output, claim) values (?, ?, ?) on conflict do nothing"
_IS_WON: Final = "select 1 from won where txid = ? and output = ? and claim = ?"
_ATTEST: Final = """
update claims set statement = ?, body = null
where number = (select claim from won where txid = ? and output = ?) and body = ?
"""


class SqliteStore:
    """`ledger_sync.notary.store.Store` in one file."""

    def __init__(self, path: Path) -> None:
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer = connect(path, SCHEMA, shared=True)
        self._reader = connect(path, SCHEMA, shared=True)

    def claim(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        with self._writing:
            with self._unflushed(), transaction(self._writer):
                fresh = self._put(batch, time)
                reach("notary.commit.written")
            lost = {ref for item in batch for ref in item.refs if ref not in fresh}
            return fresh | _winners(self._writer, lost)

    def attest(self, statements: Sequence[Statement]) -> list[Statement]:
        with self._writing:
            with transaction(self._writer):
                is_all = self._attest(statements)
            reach("notary.commit.done")
            return list(statements) if is_all else [self._standing(statement) for statement in statements]

    def winners(self, refs: Sequence[TokenRef]) -> dict[TokenRef, Claim]:
        with self._reading:
            return _winners(self._reader, refs)

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        with self._writing, transaction(self._writer):
            return [statement for statement in statements if not self._learn(statement)]

    def earliest_of_last(self, count: int) -> int:
        with self._reading:
            rows = self._reader.execute(
                "select statement from claims where statement is not null order by number desc limit ?",
                (count,),
            ).fetchall()
        times = [_read(b"", raw).body.time for (raw,) in rows]
        return min(times) if len(times) == count else 0

    def close(self) -> None:
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    @contextmanager
    def _unflushed(self) -> Iterator[None]:
        self._writer.execute("pragma synchronous = normal")
        try:
            yield
        finally:
            self._writer.execute("pragma synchronous = full")

    def _put(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        """Claim in order what nobody has."""
        items = dict(enumerate(batch, self._next()))
        won = self._win([(*ref, number) for number, item in items.items() for ref in item.refs])
        bodies = {
            number: Consumption(items[number].consumer, items[number].bank, time, refs)
            for number, refs in won.items()
        }
        rows = [
            (number, codec.encode(body.to_cbor()), items[number].proof) for number, body in bodies.items()
        ]
        self._writer.executemany("insert into claims (number, body, proof) values (?, ?, ?)", rows)
        return {ref: claim for body in bodies.values() for claim in [Claim(body, None)] for ref in body.refs}

    def _next(self) -> int:
        ((number,),) = self._writer.execute("select coalesce(max(number), 0) + 1 from claims")
        return int(number)

    def _win(self, asked: Sequence[tuple[bytes, int, int]]) -> dict[int, tuple[TokenRef, ...]]:
        """What each claim has of the references that it asks for."""
        won = asked
        if self._writer.executemany(_WIN, asked).rowcount != len(asked):
            won = [row for row in asked if self._writer.execute(_IS_WON, row).fetchone()]
        found: dict[int, tuple[TokenRef, ...]] = {}
        for txid, output, number in won:
            found[number] = (*found.get(number, ()), TokenRef(txid, output))
        return found

    def _attest(self, statements: Sequence[Statement]) -> bool:
        """Put each statement where its claim has none; whether all of them were put there."""
        rows = [(said.encode(), *said.body.refs[0], said.payload) for said in statements]
        return self._writer.executemany(_ATTEST, rows).rowcount == len(rows)

    def _standing(self, statement: Statement) -> Statement:
        ref = statement.body.refs[0]
        claim = _winners(self._writer, [ref]).get(ref)
        if claim is None or claim.statement is None or claim.body != statement.body:
            raise Refusal(Code.INTERNAL, {"token": str(ref)})
        return claim.statement

    def _learn(self, statement: Statement) -> bool:
        """Whether it stands now. All its references or none."""
        if self._attest([statement]):
            return True
        number, refs = self._next(), statement.body.refs
        self._writer.execute("savepoint learnt")
        self._give_way(refs)
        if self._win([(*ref, number) for ref in refs]) == {number: refs}:
            raw = statement.encode()
            insert(self._writer, "claims", number=number, statement=raw, proof=_NO_PROOF)
        else:
            self._writer.execute("rollback to learnt")
        self._writer.execute("release learnt")
        standing = _winners(self._writer, refs)
        return all(claim.body == statement.body for claim in standing.values())

    def _give_way(self, refs: Sequence[TokenRef]) -> None:
        """Let go of the claims on these that were never attested, with all that each has won."""
        for ref in refs:
            number, body, statement = self._writer.execute(_WINNER, ref).fetchone() or (0, b"", b"")
            if statement is None:
                claim = _read(body, None)
                self._writer.executemany("delete from won where txid = ? and output = ?", claim.body.refs)
                self._writer.execute("delete from claims where number = ?", (number,))


def _winners(db: sqlite3.Connection, refs: Iterable[TokenRef]) -> dict[TokenRef, Claim]:
    claims: dict[int, Claim] = {}
    found: dict[TokenRef, Claim] = {}
    for ref in refs:
        row = db.execute(_WINNER, ref).fetchone()
        if row is not None:
            number, body, statement = row
            claims[number] = found[ref] = claims.get(number) or _read(body, statement)
    return found


def _read(body: bytes, statement: bytes | None) -> Claim:
    """A claim as it is stored. INTERNAL if the store was tampered with."""
    try:
        if statement is None:
            return Claim(codec.read(body, Consumption.KIND.most, Consumption.from_cbor), None)
        signed = cose.parse(Consumption, statement)
        return Claim(signed.body, signed)
    except Refusal as refusal:
        raise Refusal(Code.INTERNAL) from refusal
