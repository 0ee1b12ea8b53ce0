"""Which calls were answered already: a nonce counts once per sender, also after a crash.

Rule: a nonce is durable before its call is answered. It is kept while a call of its time could still be taken for a
fresh one, and swept in passing. Calls that come while others are noted are noted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.database.store import Kind, Row, Store
from ledger_sync.http.call import WINDOW, SignedCall
from ledger_sync.service.batches import Batches
from wallet.database import Schema
from wallet.protocol.codes import Code, Refusal

SCHEMA: Final = Schema("ledger_sync.service", "migrations/nonces")
KIND: Final = Kind("nonces", SCHEMA)
_SWEEP_EVERY: Final = 256
"""Calls between two sweeps."""
_TOGETHER: Final = 256
"""Calls that are noted in one transaction, at most."""
_NOTE: Final = """
insert into nonces (sender, nonce, time) select column1, column2, column3 from ({rows}) as came where true
on conflict do nothing returning sender, nonce
"""
_NOTE_TYPES: Final = ("bytea", "bytea", "bigint")


class Nonces:
    """The calls of the last minutes, in a store of their own; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls = 0
        self._batches = Batches(self._remember, weight=lambda _call: 1, most=_TOGETHER)

    def remember(self, call: SignedCall, now: int) -> None:
        """Take note of `call`. AUTH_REPLAYED if it was noted before. BUSY."""
        if not self._batches.do((call, now)):
            raise Refusal(Code.AUTH_REPLAYED)

    def _remember(self, calls: Sequence[tuple[SignedCall, int]]) -> list[bool]:
        """Of each whether it is new; durable, for all of them at once."""
        before = self._calls
        self._calls += len(calls)
        with self._store.transaction():
            if before // _SWEEP_EVERY < self._calls // _SWEEP_EVERY or before == 0:
                oldest = min(now for _, now in calls) - WINDOW
                self._store.run("delete from nonces where time < ?", (oldest,))
            rows = sorted({(call.sender, call.nonce): call.time for call, _ in reversed(calls)}.items())
            fresh = set(self._store.rows_over(_NOTE, _NOTE_TYPES, [(*name, time) for name, time in rows]))
        return [_is_first(call, fresh) for call, _ in calls]

    def close(self) -> None:
        self._store.close()


def _is_first(call: SignedCall, fresh: set[Row]) -> bool:
    """Whether it is new, and no other of the same batch was before it; which is then no longer new."""
    name = (call.sender, call.nonce)
    if name not in fresh:
        return False
    fresh.remove(name)
    return True
