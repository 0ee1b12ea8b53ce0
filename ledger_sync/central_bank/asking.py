"""Asking a bank to show the transfer for which it had tokens consumed, until that has an end.

Rule: every question ends once, and never changes: the bank has shown a transfer that consumes the token and that the
token's owner signed, or it has failed. Shown once is shown: it is kept, and the bank is not asked again. A bank has
failed that says itself that it has none, that shows another thing, or that gave no answer at `ATTEMPTS` moments, spread
over the whole of the terms' `challenge_wait`: the central bank asks by itself as well, so that nobody chooses them.
A bank is asked one question at a time, and whoever comes meanwhile is told that it is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.central_bank.partners import BankLine
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock
from ledger_sync.http.peers import NoAnswer, is_asked_again
from wallet.protocol import cose
from wallet.protocol.codes import Code, Fact, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.keys import p256
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef, Transfer

ATTEMPTS: Final = 24
"""Moments at which a bank must have been out of reach."""
_ROUND: Final = 64
"""Transfers asked for in one round of the worker."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a bank shows in answer; None where it has none."""

    transfer: Signed[Transfer] | None

    def answers(self, consumer: bytes, ref: TokenRef, owner: bytes) -> bool:
        """Whether that is the transfer with this id, consumes the token, and is signed by the token's owner."""
        signed = self.transfer
        return (
            signed is not None
            and signed.id == consumer
            and ref in signed.body.inputs
            and signed.signed_by(p256(owner))
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks banks, and keeps what they answered."""

    store: Store
    banks: Mapping[str, BankLine]
    terms: Terms
    clock: Clock

    def ask(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> Signed[Transfer] | None:
        """The transfer for which `said` had the tokens `lost` of `owner` consumed; None once its bank has failed.

        Raises `Refusal`: UNREACHABLE (that is still open: ask again), with the bank and until when; COMMIT_MISMATCH.
        """
        ended = self._ended(said, owner, lost)
        if ended is None:
            self._try(said.bank, said.consumer)
            ended = self._ended(said, owner, lost)
        if ended is None:
            until, consumer = self._until(lost), said.consumer.hex()
            facts: dict[str, Fact] = {"bank": said.bank, "until": until, "consumer": consumer}
            raise Refusal(Code.UNREACHABLE, facts)
        return ended.transfer

    def ask_again(self, bank: str | None = None) -> None:
        """Ask this bank, or all, what is open and due: the step of a background worker. What is due later than after
        any pause was put off by a clock that was wrong."""
        with self.store.reading() as db:
            rows = db.execute(
                "select distinct bank, consumer from asked where shown is null and failed is null"
                " and (due <= ?1 or due > ?1 + ?4) and (?2 is null or bank = ?2) order by due limit ?3",
                (self.clock(), bank, _ROUND, self.terms.challenge_wait),
            ).fetchall()
        for bank, consumer in rows:
            self._try(bank, consumer)

    def _ended(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> Shown | None:
        """How it ended for these tokens; None while it is open for one of them. The questions are noted first."""
        now = self.clock()
        with self.store.writing() as db:
            db.executemany(
                "insert into asked (txid, output, consumer, bank, owner, since, due) values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict do nothing",
                [(*ref, said.consumer, said.bank, owner, now, now) for ref in lost],
            )
            rows = [_end_of(db, ref, said.consumer) for ref in lost]
        shown = next((raw for raw, _ in rows if raw is not None), None)
        if shown is not None:
            return Shown(cose.parse(Transfer, shown))
        return Shown(None) if all(failed is not None for _, failed in rows) else None

    def _until(self, lost: Sequence[TokenRef]) -> int:
        with self.store.reading() as db:
            sql = "select since from asked where txid = ? and output = ?"
            since: list[int] = [db.execute(sql, ref).fetchone()[0] for ref in lost]
        return max(since) + self.terms.challenge_wait

    def _try(self, bank: str, consumer: bytes) -> None:
        line = self.banks.get(bank)
        if line is None:
            self._ask_bank(bank, None, consumer)
        elif line.turn.acquire(blocking=False):
            try:
                self._ask_bank(bank, line, consumer)
            finally:
                line.turn.release()

    def _ask_bank(self, bank: str, line: BankLine | None, consumer: bytes) -> None:
        answer: Shown | None = None
        try:
            if line is None:
                raise NoAnswer(Code.UNREACHABLE, {"bank": bank})
            answer = Shown(line.show(consumer)[0])
        except Refusal as refusal:
            if refusal.code is Code.NOT_FOUND or not is_asked_again(refusal):
                answer = Shown(None)
        with self.store.writing() as db:
            if answer is None:
                self._note_failure(db, consumer)
            else:
                self._note_end(db, consumer, answer)

    def _note_end(self, db: sqlite3.Connection, consumer: bytes, answer: Shown) -> None:
        for txid, output, owner in _open(db, consumer):
            ref = TokenRef(txid, output)
            if answer.answers(consumer, ref, owner) and answer.transfer is not None:
                sql = "update asked set shown = ? where txid = ? and output = ?"
                db.execute(sql, (answer.transfer.encode(), *ref))
            else:
                sql = "update asked set failed = ? where txid = ? and output = ?"
                db.execute(sql, (self.clock(), *ref))

    def _note_failure(self, db: sqlite3.Connection, consumer: bytes) -> None:
        now, pause = self.clock(), max(1, self.terms.challenge_wait // ATTEMPTS)
        db.execute(
            "update asked set failures = failures + 1, due = ?1 + ?2, since = min(since, ?1)"
            " where consumer = ?3 and shown is null and failed is null and (due <= ?1 or due > ?1 + ?4)",
            (now, pause, consumer, self.terms.challenge_wait),
        )
        db.execute(
            "update asked set failed = ? where consumer = ? and shown is null and failed is null"
            " and failures > ? and since + ? <= ?",
            (now, consumer, ATTEMPTS, self.terms.challenge_wait, now),
        )


def _open(db: sqlite3.Connection, consumer: bytes) -> list[tuple[bytes, int, bytes]]:
    return db.execute(
        "select txid, output, owner from asked where consumer = ? and shown is null and failed is null",
        (consumer,),
    ).fetchall()


def _end_of(db: sqlite3.Connection, ref: TokenRef, consumer: bytes) -> tuple[bytes | None, int | None]:
    """COMMIT_MISMATCH where the notary has named another consumer before. What ended before there were questions bears
    none."""
    row: tuple[bytes, bytes | None, int | None] = db.execute(
        "select consumer, shown, failed from asked where txid = ? and output = ?", ref
    ).fetchone()
    require(row[0] in (b"", consumer), Code.COMMIT_MISMATCH, token=str(ref))
    return row[1:]
