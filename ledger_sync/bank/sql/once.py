"""Read once: what a transaction has read is not read again in it, and what never changes is not read again at all.

Rule: what may change is kept by nobody outside a transaction, and whoever writes what stands here puts it here too, or
forgets. What never changes, nor goes, is kept from when it was read by whoever had not written any of it: then it
stands, and not only if that one's transaction does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final, Generic, TypeVar

from ledger_sync.bank.ports.unit import UnitOfWork

_KEPT: Final = 16_384

K = TypeVar("K")
V = TypeVar("V")


class Once(Generic[K, V]):
    """What was read by its key, until the transaction ends."""

    def __init__(self, unit: UnitOfWork, read: Callable[[K], V]) -> None:
        self._unit = unit
        self._read = read
        self._held: dict[K, V] = {}
        unit.at_end(self._held.clear, self._held.clear)

    def get(self, key: K) -> V:
        """What is stored under ``key``."""
        if not self._unit.in_transaction:
            return self._read(key)
        if key not in self._held:
            self._held[key] = self._read(key)
        return self._held[key]

    def get_each(self, keys: Collection[K], read: Callable[[Collection[K]], Mapping[K, V]]) -> Mapping[K, V]:
        """What is stored under each of ``keys``, and perhaps more; ``read`` reads many at once, and has something for
        each."""
        if not self._unit.in_transaction:
            return read(keys)
        missing = [key for key in keys if key not in self._held]
        if missing:
            self._held.update(read(missing))
        return self._held

    def put(self, key: K, value: V) -> None:
        """This is written."""
        if self._unit.in_transaction:
            self._held[key] = value

    def forget(self) -> None:
        """Something else is written. What another thread's transaction has read stays that one's."""
        if self._unit.in_transaction:
            self._held.clear()


class Ever(Generic[K, V]):
    """What never changes once it is there, the newest of it. Safe to share between threads."""

    def __init__(self, unit: UnitOfWork, most: int = _KEPT) -> None:
        self._unit = unit
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[K, V] = OrderedDict()
        self._is_writing = False
        unit.at_end(self._ended, self._ended)

    def get_each(self, keys: Collection[K], read: Callable[[Collection[K]], Mapping[K, V]]) -> Mapping[K, V]:
        """What there is under these keys; ``read`` reads many at once."""
        found = {key: value for key in keys if (value := self._held.get(key)) is not None}
        missing = [key for key in keys if key not in found]
        if missing:
            news = read(missing)
            found.update(news)
            if not (self._unit.in_transaction and self._is_writing):
                self._keep(news)
        return found

    def written(self) -> None:
        """The transaction under way wrote some of it."""
        if self._unit.in_transaction:
            self._is_writing = True

    def _keep(self, news: Mapping[K, V]) -> None:
        with self._lock:
            self._held.update(news)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def _ended(self) -> None:
        if self._unit.in_transaction:
            self._is_writing = False
