"""Sets of values in statements.

Rule: a place for each value, and their number rounded up with nulls, which equal nothing: so a few statements, prepared
once, do for sets of any size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

_SIZES: Final = (1, 4, 16, 64)


def ids(values: Collection[bytes]) -> Iterator[tuple[str, list[bytes | None]]]:
    """For ``in``: places in brackets with their values, some at a time."""
    for piece in _pieces(list(values)):
        size = _size(piece)
        yield f"({', '.join('?' * size)})", [*piece, *[None] * (size - len(piece))]


def tuples(values: Collection[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """For ``with x (a, b) as``: a table of tuples, all of one width, with their values, some at a time."""
    for piece in _pieces(list(values)):
        size, width = _size(piece), len(piece[0])
        flat = [value for row in piece for value in row]
        places = f"({', '.join('?' * width)})"
        yield f"(values {', '.join([places] * size)})", [*flat, *[None] * (width * (size - len(piece)))]


def _pieces(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _SIZES[-1]):
        yield values[start : start + _SIZES[-1]]


def _size(piece: list[Any]) -> int:
    return next(size for size in _SIZES if size >= len(piece))
