"""One view that somebody watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Observed(Generic[V]):
    """``view`` is a frozen dataclass; every change makes a new one and tells the watchers, in the window's thread."""

    def __init__(self, view: V) -> None:
        self._view = view
        self._watchers: list[Callable[[V], None]] = []

    @property
    def view(self) -> V:
        return self._view

    def watch(self, watcher: Callable[[V], None]) -> Callable[[], None]:
        """Tell ``watcher`` now and at every change; the function returned ends it."""
        self._watchers.append(watcher)
        watcher(self._view)
        return lambda: self._watchers.remove(watcher)

    def _show(self, **changes: Any) -> None:
        view = replace(self._view, **changes)  # type: ignore[type-var]
        if view == self._view:
            return
        self._view = view
        for watcher in tuple(self._watchers):
            watcher(self._view)
