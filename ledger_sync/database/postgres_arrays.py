"""Columns of values for PostgreSQL: an array of one type, written in PostgreSQL's own form in one go.

Rule: what is written is what psycopg writes of a list, byte for byte. That asks of each value what it is and how it is
written; in a column all are of one type, and nearly always all are there and of one length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from struct import pack
from typing import Any, Final

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.postgres import types
from psycopg.pq import Format

_NULL: Final = b"\xff\xff\xff\xff"
"""The length of what is null."""


class Octets(list[bytes | None]):
    """A column of bytes."""


class Numbers(list[int | None]):
    """A column of integers."""


class Texts(list[str | None]):
    """A column of texts."""


COLUMNS: Final[Mapping[str, type[list[Any]]]] = {"bytea": Octets, "bigint": Numbers, "text": Texts}
"""By the type of what is in it."""


def register(adapters: AdaptersMap) -> None:
    """Columns are values of the statements of who has these."""
    for column, dumper in ((Octets, _OctetsDumper), (Numbers, _NumbersDumper), (Texts, _TextsDumper)):
        adapters.register_dumper(column, dumper)


def _head(count: int, *, has_null: bool, kind: int) -> bytes:
    """Dimensions, whether any is null, their type; of the one dimension how many there are, counted from 1."""
    return pack("!5i", 1, has_null, kind, count, 1) if count else pack("!3i", 0, 0, kind)


def _strings(values: Sequence[bytes | None], kind: int) -> bytes:
    """An array of strings of bytes, each after its length."""
    lengths = {-1 if value is None else len(value) for value in values}
    head = _head(len(values), has_null=-1 in lengths, kind=kind)
    if len(lengths) == 1 and -1 not in lengths:
        before = pack("!i", *lengths)
        return head + before + before.join(values)  # type: ignore[arg-type]  # none is null
    parts: Iterable[bytes] = (_NULL if value is None else pack("!i", len(value)) + value for value in values)
    return head + b"".join(parts)


class _OctetsDumper(Dumper):
    format = Format.BINARY
    oid = types["bytea"].array_oid

    def dump(self, obj: Octets) -> bytes:
        return _strings(obj, types["bytea"].oid)


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = types["text"].array_oid

    def dump(self, obj: Texts) -> bytes:
        return _strings([None if value is None else value.encode() for value in obj], types["text"].oid)


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = types["int8"].array_oid

    def dump(self, obj: Numbers) -> bytes:
        kind = types["int8"].oid
        if None in obj:
            return _strings([None if value is None else pack("!q", value) for value in obj], kind)
        flat = [part for value in obj for part in (8, value)]
        return _head(len(obj), has_null=False, kind=kind) + pack("!" + "iq" * len(obj), *flat)
