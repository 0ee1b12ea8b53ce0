"""The outbox: does the durable work, at once where it can and again until it is done.

Rule: work is read from the store each time. A partner that can't be reached keeps its own work waiting and
nobody else's; an answer that refuses is noted with the work and asked for again later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ledger_sync.bank.store import Store
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.http.peers import NoAnswer
from wallet.protocol.codes import Code, Refusal

Handler = Callable[[Item], None]
"""Does one piece of work and notes that it is done. Raises ``Refusal``."""

ROUND: Final = 512
_log: Final = logging.getLogger(__name__)


class Outbox:
    """Runs handlers over due work."""

    def __init__(self, store: Store, work: WorkList, handlers: Mapping[Kind, Handler]) -> None:
        self._store = store
        self._work = work
        self._handlers = handlers

    def round(self, kinds: frozenset[Kind] | None = None) -> int:
        """Try everything that is due, or what of it is of these ``kinds``; how much got done."""
        return self.do(self._work.due(ROUND, kinds))

    def do(self, items: Iterable[Item]) -> int:
        """Try these now; how many got done."""
        silent: set[str] = set()
        done = 0
        for item in items:
            if item.target in silent or not self._work.is_open(item):
                continue
            try:
                self._handlers[item.kind](item)
                self._work.reached(item.target)
                done += 1
            except Refusal as refusal:
                _log.info("%s for %s: %s", item.kind, item.target or "the central bank", refusal)
                self._work.failed(item, refusal)
                if isinstance(refusal, NoAnswer) and refusal.is_silence:
                    silent.add(item.target)
                    self._work.postpone(item)
            except Exception:  # noqa: BLE001  (one piece of work must not keep the others waiting)
                _log.exception("%s %s", item.kind, item.subject.hex())
                self._work.failed(item, Refusal(Code.INTERNAL))
        return done
