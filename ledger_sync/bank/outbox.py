"""The outbox: does the durable work, and again until it is done. Who does which, `lanes` says.

Rule: work is read from the store each time. A partner that can't be reached keeps its own work waiting and
nobody else's; an answer that refuses is noted with the work and asked for again later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.http.peers import NoAnswer
from wallet.protocol.codes import Code, Refusal

Handler = Callable[[Item], None]
"""Does one piece of work and notes that it is done. Raises ``Refusal``."""

ROUND: Final = 512
_log: Final = logging.getLogger(__name__)


class Outbox:
    """Runs handlers over due work."""

    def __init__(self, work: WorkList, handlers: Mapping[Kind, Handler]) -> None:
        self._work = work
        self._handlers = handlers

    def due(self, kinds: Collection[Kind], target: str | None = None) -> list[Item]:
        """A round's work of these ``kinds``, for one ``target`` or for all, oldest first."""
        return self._work.due(ROUND, kinds, target)

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
