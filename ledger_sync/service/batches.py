"""The work of many callers done together: whoever finds nobody at it does it for all who wait.

Rule: no timer and no thread; while one batch is being done the next one queues. A full queue is BUSY, never memory;
what gives up while it queues is never done afterwards. What fails together is done one by one, so that nobody bears
what another's work came to; but where the store is away from one of them too, it is so for the rest, and no more is
tried: each would wait for it as long again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ledger_sync.database.store import Unavailable
from ledger_sync.http.problems import busy

MAX_WAITING: Final = 64
"""Pieces of work that may wait."""
_WAIT_SECONDS: Final = 30.0
"""Until a piece that queues is BUSY."""
_BUSY_SECONDS: Final = 1
"""After which another may find room."""

W = TypeVar("W")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Order(Generic[W, R]):
    piece: W
    end: Future[R] = field(default_factory=Future)


class Batches(Generic[W, R]):
    """Brings the work of many callers to ``do``, in the order of its arrival, in as few calls as there can be."""

    def __init__(
        self,
        do: Callable[[Sequence[W]], Sequence[R]],
        *,
        weight: Callable[[W], int],
        most: int,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        """``do`` does all of it, and has a result for each, or, where it raises, nothing. A batch that has a ``weight``
        of ``most`` takes no more."""
        self._do = do
        self._weight = weight
        self._most = most
        self._wait_seconds = wait_seconds
        self._turn = threading.Lock()
        self._orders: queue.Queue[_Order[W, R]] = queue.Queue(MAX_WAITING)

    @property
    def waiting(self) -> int:
        """How many queue."""
        return self._orders.qsize()

    def close(self) -> None:
        """Do what has queued."""
        with self._turn:
            while not self._orders.empty():
                self._do_waiting()

    def do(self, piece: W) -> R:
        """What it came to, once it is done. Raises what doing it alone raises; ``Refusal``: BUSY."""
        order: _Order[W, R] = _Order(piece)
        try:
            self._orders.put_nowait(order)
        except queue.Full as error:
            raise busy(_BUSY_SECONDS) from error
        if self._turn.acquire(timeout=self._wait_seconds):
            try:
                while not order.end.done():
                    self._do_waiting()
            finally:
                self._turn.release()
        elif order.end.cancel():
            raise busy(_BUSY_SECONDS)
        try:
            return order.end.result(self._wait_seconds)
        except TimeoutError as error:
            raise busy(_BUSY_SECONDS) from error

    def _do_waiting(self) -> None:
        orders = self._drain()
        if not orders:
            return
        try:
            self._do_batch(orders)
        except BaseException:
            for order in orders:
                if not order.end.done():
                    order.end.set_exception(busy(_BUSY_SECONDS))
            raise

    def _do_batch(self, orders: Sequence[_Order[W, R]]) -> None:
        try:
            results = self._do([order.piece for order in orders])
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            if len(orders) == 1:
                orders[0].end.set_exception(error)
                return
            self._do_each(orders)
            return
        for order, result in zip(orders, results, strict=True):
            order.end.set_result(result)

    def _do_each(self, orders: Sequence[_Order[W, R]]) -> None:
        for place, order in enumerate(orders, 1):
            self._do_batch([order])
            away = order.end.exception()
            if isinstance(away, Unavailable):
                for other in orders[place:]:
                    other.end.set_exception(Unavailable(str(away)))
                return

    def _drain(self) -> list[_Order[W, R]]:
        """What has queued, but for what was given up meanwhile."""
        orders: list[_Order[W, R]] = []
        weight = 0
        while weight < self._most:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                break
            if order.end.set_running_or_notify_cancel():
                orders.append(order)
                weight += self._weight(order.piece)
        return orders
