"""Names that are fetched from their modules when they are first asked for, so that importing a door is quick and opens
nothing.

Rule: each door tells every name once for type checkers (imports under TYPE_CHECKING) and once here; a test holds the
two to each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(
    door: str, rooms: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` (PEP 562) of the module ``door``; ``rooms``: the names it shows, by module."""
    home = {name: room for room, shown in rooms.items() for name in shown}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        value = getattr(import_module(home[name]), name)
        setattr(sys.modules[door], name, value)
        return value

    def known() -> list[str]:
        return sorted({*vars(sys.modules[door]), *home})

    return get, known
