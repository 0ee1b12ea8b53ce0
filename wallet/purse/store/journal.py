"""The journal and the keystore's record: how a purse notices that somebody put an older copy of it in place.

Every transition that changes money or intents is one transaction that also writes the next row here; then the
record moves, at once or with a later one (`RECORDED_LATER`); only then is anything signed or shown. A store ahead
of the record by rows that may be recorded later, and one more of any kind at their end, whose predecessor is the
record, was killed in between and rolls the record forward. Every other difference is a rollback: the purse refuses
to spend until the ledger knows a transfer for every sequence number that was signed.

A row's digest is SHA-256(previous digest ‖ step ‖ sequence ‖ SHA-256(content)), counts as 8 bytes big-endian.
``sequence`` is the highest number signed so far.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hsm.keystore import Keystore, Record
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.purse.store.store import DELIVERY_CURSOR, Store
from wallet.purse.store.transitions import RECORDED_LATER, Transition

GENESIS: Final = hashlib.sha256(b"qalta purse").digest()
_ROLLBACK: Final = "rollback"
"""The fact that holds the sequence number up to which the ledger must know a transfer."""
_SINCE: Final = "rollback_since"
"""The fact that holds the agreed time at which the purse first reconciled after it had fallen back."""


class PurseState(StrEnum):
    """Whether the purse is at least as new as the keystore's record says, or an older copy of itself."""

    SOUND = "sound"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row's place in the chain."""

    step: int
    sequence: int
    previous: bytes
    digest: bytes

    @property
    def record(self) -> Record:
        return Record(self.step, self.sequence, self.digest)


_BEFORE_ALL: Final = Entry(0, 0, GENESIS, GENESIS)


def entry_after(step: int, sequence: int, previous: bytes, content: Cbor) -> Entry:
    """The entry of a transition with this content."""
    hashed = hashlib.sha256(codec.encode(content)).digest()
    counts = step.to_bytes(8, "big") + sequence.to_bytes(8, "big")
    return Entry(step, sequence, previous, hashlib.sha256(previous + counts + hashed).digest())


class Journal:
    """The chain of transitions, and the record that follows it."""

    def __init__(self, store: Store, keystore: Keystore, now: Callable[[], int]) -> None:
        self._store = store
        self._keystore = keystore
        self._now = now
        self._is_behind = False

    def last(self) -> Entry:
        row = self._store.row(
            "SELECT step, sequence, previous, digest FROM journal ORDER BY step DESC LIMIT 1"
        )
        return _BEFORE_ALL if row is None else Entry(*row)

    def append(self, transition: Transition, content: Cbor) -> None:
        """Inside the transition's transaction."""
        last = self.last()
        sequence = max(last.sequence, self._signed())
        self._insert(
            transition, entry_after(last.step + 1, sequence, last.digest, [transition.value, content])
        )

    def _signed(self) -> int:
        return int(self._store.value("SELECT max(sequence) FROM outgoing WHERE state = 'signed'") or 0)

    def _insert(self, transition: Transition, entry: Entry) -> None:
        self._store.insert(
            "journal",
            step=entry.step,
            sequence=entry.sequence,
            previous=entry.previous,
            digest=entry.digest,
            transition=transition.value,
            at=self._now(),
        )

    def move_record(self) -> None:
        """After the transaction, before anything is signed or shown."""
        self._is_behind = True
        self._keystore.write_record(self.last().record)
        self._is_behind = False

    def follow(self, transition: Transition) -> None:
        """After the transaction of ``transition``: move the record where that can't wait."""
        if transition not in RECORDED_LATER:
            self.move_record()

    def catch_up(self) -> None:
        """Before anything else is done, signed or shown: the record must have followed the last transition that could
        not wait, whatever the keystore said then."""
        if self._is_behind:
            self.move_record()

    def catch_up_wholly(self) -> None:
        """Before the purse is closed: what could wait is recorded too."""
        if self._keystore.read_record() != self.last().record:
            self.move_record()

    def settle(self) -> None:
        """At opening: compare store and record; roll forward, or fall into ROLLED_BACK."""
        last = self.last()
        kept = self._keystore.read_record() or _BEFORE_ALL.record
        if last.record == kept:
            return
        if self._is_ahead_of(kept):
            self.move_record()
            return
        self._fall_back(last, kept)

    def _is_ahead_of(self, kept: Record) -> bool:
        """Whether the store only went on from ``kept``: by what is recorded later, and at the end one of any kind."""
        rows = self._store.rows(
            "SELECT previous, transition FROM journal WHERE step > ? ORDER BY step", kept.step
        )
        waiting = [Transition(row["transition"]) for row in rows]
        return (
            bool(rows)
            and rows[0]["previous"] == kept.digest
            and all(transition in RECORDED_LATER for transition in waiting[:-1])
        )

    def _fall_back(self, last: Entry, kept: Record) -> None:
        highest = max(last.sequence, kept.sequence)
        step = max(last.step, kept.step) + 1
        entry = entry_after(step, highest, kept.digest, [Transition.ROLLBACK.value, last.digest])
        with self._store.transaction():
            self._store.set_fact(_ROLLBACK, max(highest, self._store.fact(_ROLLBACK) or 0))
            self._store.clear_fact(_SINCE)
            self._store.clear_fact(DELIVERY_CURSOR)
            self._insert(Transition.ROLLBACK, entry)
        self.move_record()

    @property
    def state(self) -> PurseState:
        """State of the purse: sound, or rolled back (an older copy was put in place, and the ledger has not said
        yet what is missing)."""
        return PurseState.SOUND if self.unknown_until is None else PurseState.ROLLED_BACK

    @property
    def unknown_until(self) -> int | None:
        """In a rollback: the ledger must know a transfer for every sequence number up to this one."""
        found: int | None = self._store.fact(_ROLLBACK)
        return found

    @property
    def unknown_since(self) -> int | None:
        """In a rollback: an agreed time (unix seconds) after all that was signed before it; None before the first
        reconciling."""
        found: int | None = self._store.fact(_SINCE)
        return found

    def note_unknown_since(self, agreed_time: int) -> None:
        """Inside a transaction."""
        self._store.set_fact(_SINCE, agreed_time)

    def require_sound(self) -> None:
        """ROLLBACK, with the sequence number that the ledger must have reached."""
        until = self.unknown_until
        require(until is None, Code.ROLLBACK, sequence=until or 0)

    def leave_rollback(self) -> None:
        """Inside a transaction whose transition is RESUME."""
        self._store.clear_fact(_ROLLBACK)
        self._store.clear_fact(_SINCE)
