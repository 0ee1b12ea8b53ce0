"""Read once: what a transaction has read is not read again in it.

Rule: outside a transaction nothing is kept, and whoever writes what stands here puts it here too, or forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from ledger_sync.bank.ports.unit import UnitOfWork

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
