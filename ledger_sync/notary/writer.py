"""One thread that commits: it takes whatever has queued and makes one batch of it.

Rule: no timer; while one batch is being made durable the next one queues. A full queue is BUSY, never memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from ledger_sync.notary.store import CommitItem, Store, Verdicts
from wallet.protocol.codes import Code, Refusal

MAX_WAITING: Final = 64
"""Calls that may wait."""
MAX_BATCH: Final = 512
"""Commits after which a batch takes no further call."""
_WAIT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class _Order:
    items: Sequence[CommitItem]
    answer: Future[list[Verdicts]] = field(default_factory=Future)


class Writer:
    """Brings the commits of many calls to one store, in the order of their arrival."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orders: queue.Queue[_Order | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="notary writer", daemon=True)
        self._thread.start()

    def commit(self, items: Sequence[CommitItem]) -> list[Verdicts]:
        """The verdicts on `items` once they are durable. BUSY."""
        order = _Order(items)
        try:
            self._orders.put_nowait(order)
            return order.answer.result(_WAIT_SECONDS)
        except (queue.Full, TimeoutError) as error:
            raise Refusal(Code.BUSY) from error

    def close(self) -> None:
        """Finish what has queued, then close the store."""
        self._orders.put(None)
        self._thread.join()
        self._store.close()

    def _run(self) -> None:
        while True:
            orders, is_last = self._drain()
            if orders:
                self._make(orders)
            if is_last:
                return

    def _drain(self) -> tuple[list[_Order], bool]:
        orders: list[_Order] = []
        size = 0
        while not orders or size < MAX_BATCH:
            try:
                order = self._orders.get(block=not orders)
            except queue.Empty:
                break
            if order is None:
                return orders, True
            orders.append(order)
            size += len(order.items)
        return orders, False

    def _make(self, orders: Sequence[_Order]) -> None:
        try:
            verdicts = self._store.commit([item for order in orders for item in order.items])
        except Exception as error:  # noqa: BLE001 - whoever waits is told, the writer goes on
            for order in orders:
                order.answer.set_exception(error)
            return
        start = 0
        for order in orders:
            order.answer.set_result(verdicts[start : start + len(order.items)])
            start += len(order.items)
