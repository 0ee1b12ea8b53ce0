"""Settings files that a program wrote once and reads at each start: JSON, or a typed error that names the file."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in a file. ``OSError``: missing, unreadable, or damaged (EBADMSG)."""
    raw = path.read_bytes()
    with sound(path):
        held = json.loads(raw)
        if not isinstance(held, dict):
            raise TypeError("no object")
        return held


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """Taking out of a file's content what must be there: whatever fails in the block means that it is damaged."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise OSError(errno.EBADMSG, f"damaged ({error!r:.80})", str(path)) from error
