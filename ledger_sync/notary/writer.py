"""The commits of many calls, decided in batches: whoever finds nobody writing writes for all who wait.

Rule: no timer and no thread; while one batch is being made durable the next one queues. A full queue is BUSY, never
memory; what gives up while it queues is never carried out afterwards.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from ledger_sync.notary.attestor import Verdicts
from ledger_sync.notary.store import CommitItem
from wallet.protocol.codes import Code, Refusal

MAX_WAITING: Final = 64
"""Calls that may wait."""
MAX_BATCH: Final = 512
"""Commits after which a batch takes no further call."""
_WAIT_SECONDS: Final = 30
"""Until a call that queues is BUSY."""


@dataclass(frozen=True, slots=True)
class _Order:
    items: Sequence[CommitItem]
    answer: Future[list[Verdicts]] = field(default_factory=Future)


class Writer:
    """Brings the commits of many calls to ``commit``, in the order of their arrival."""

    def __init__(
        self,
        commit: Callable[[Sequence[CommitItem]], list[Verdicts]],
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self._commit = commit
        self._wait_seconds = wait_seconds
        self._turn = threading.Lock()
        self._orders: queue.Queue[_Order] = queue.Queue(MAX_WAITING)

    def commit(self, items: Sequence[CommitItem]) -> list[Verdicts]:
        """The verdicts on `items` once they are durable. BUSY."""
        order = _Order(items)
        try:
            self._orders.put_nowait(order)
        except queue.Full as error:
            raise Refusal(Code.BUSY) from error
        if self._turn.acquire(timeout=self._wait_seconds):
            try:
                self._write_until(order)
            finally:
                self._turn.release()
        elif order.answer.cancel():
            raise Refusal(Code.BUSY)
        try:
            return order.answer.result(self._wait_seconds)
        except TimeoutError as error:
            raise Refusal(Code.BUSY) from error

    def close(self) -> None:
        """Finish what has queued."""
        with self._turn:
            while not self._orders.empty():
                self._write()

    def _write_until(self, order: _Order) -> None:
        """Batches until `order` is among what was written; mostly whoever wrote before has done it already."""
        while not order.answer.done():
            self._write()

    def _write(self) -> None:
        orders = self._drain()
        if not orders:
            return
        try:
            verdicts = self._commit([item for order in orders for item in order.items])
        except Exception as error:  # noqa: BLE001 - whoever waits is told, the next batch is made anew
            for order in orders:
                order.answer.set_exception(error)
            return
        except BaseException:
            for order in orders:
                order.answer.set_exception(Refusal(Code.BUSY))
            raise
        start = 0
        for order in orders:
            order.answer.set_result(verdicts[start : start + len(order.items)])
            start += len(order.items)

    def _drain(self) -> list[_Order]:
        """What has queued, but for what was given up meanwhile."""
        orders: list[_Order] = []
        size = 0
        while size < MAX_BATCH:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                break
            if order.answer.set_running_or_notify_cancel():
                orders.append(order)
                size += len(order.items)
        return orders
