"""Strict CBOR: RFC 8949 section 4.2.1 deterministic encoding, and nothing else is read.

Decoding is decode, re-encode, compare: whatever is not the one encoding of its value is refused. Map keys are
integers whose encodings sort alike by bytes and by length first, so that any deterministic encoder agrees.

Of what knows its own length nothing is encoded (``read_measured``): with definite lengths and without tags, every other
encoding of the same items in the same order is longer than the one. That only ever says yes; what is refused, and why,
the comparison says.

This is the hot path of verification: it raises where it stands instead of going through ``require``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import cbor2

from wallet.protocol.bounds import MAX_DEPTH, MAX_SIGNER_KEY_BYTES, MAX_SUM, MAX_TIME
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.keys import ALGORITHMS, ES256, PublicKey, UnknownAlgorithm, is_key, p256

Cbor = Any
"""int, bytes, str, bool, None, or a list or int-keyed dict of these."""

Read = TypeVar("Read")


@runtime_checkable
class Measured(Protocol):
    """What was read, and knows how long its one encoding is."""

    def size(self) -> int:
        """Bytes of its deterministic encoding."""


M = TypeVar("M", bound=Measured)

_SCALARS: Final = frozenset((int, bytes, str, bool, type(None)))
_AFTER_UNSIGNED: Final = 2**64


class _NoTags(dict[int, Any]):
    """Refuses every tag as it is met, so that shared references and the like never unfold."""

    def __missing__(self, tag: int) -> Any:
        raise ValueError("tags are not used")


_NO_TAGS: Final = _NoTags()


def encode(value: Cbor) -> bytes:
    """The one deterministic encoding of ``value``."""
    return cbor2.dumps(value, canonical=True)


def encode_in_order(value: Cbor) -> bytes:
    """``encode``, where every map in ``value`` has its keys in their order: they are not sorted again."""
    return cbor2.dumps(value)


def decode(raw: bytes, limit: int) -> Cbor:
    """The value whose deterministic encoding is ``raw``.

    Raises ``Refusal``: TOO_LARGE (more than ``limit`` bytes), MALFORMED_CBOR (no CBOR, too deep, a type that
    Qalta does not use), NOT_CANONICAL (another encoding of a value, or bytes left over).
    """
    value = _loaded(raw, limit)
    _check_plain(value)
    if cbor2.dumps(value) != raw:
        raise Refusal(Code.NOT_CANONICAL)  # 8.1.3
    return value


def read(raw: bytes, limit: int, reader: Callable[[Cbor], Read]) -> Read:
    """``reader(decode(raw, limit))``, and the same refusals, without looking at every type twice.

    ``reader`` must go through all of the value with the readers below: each of them knows the exact type of what
    it gives back. Only where something is refused are the types looked at on their own, to tell why.
    """
    value = _loaded(raw, limit)
    try:
        if cbor2.dumps(value) != raw:
            raise Refusal(Code.NOT_CANONICAL)  # 8.1.3
        return reader(value)
    except (Refusal, cbor2.CBOREncodeError):
        _check_plain(value)
        raise


def read_measured(raw: bytes, limit: int, reader: Callable[[Cbor], M]) -> M:
    """``read``, of what knows its length; ``reader`` must also know the order of every map's keys."""
    return read_of_length(raw, limit, reader, _size)


def _size(found: Measured) -> int:
    return found.size()


def read_of_length(
    raw: bytes, limit: int, reader: Callable[[Cbor], Read], length: Callable[[Read], int]
) -> Read:
    """``read_measured``, where ``length`` knows how long the one encoding of what was read is."""
    try:
        found = reader(_loaded(raw, limit))
        if length(found) == len(raw):
            return found
    except Refusal:
        pass
    return read(raw, limit, reader)


def head_size(argument: int) -> int:
    """Bytes of an item's head: RFC 8949 section 3. ``argument``: an unsigned integer, or the length of a string, list
    or map. So of an integer it is the size of all of it."""
    if argument < 24:
        return 1
    if argument < 256:
        return 2
    if argument < 65_536:
        return 3
    return 5 if argument < 2**32 else 9


def string_size(length: int) -> int:
    """Bytes of a string of so many bytes, with its head."""
    return head_size(length) + length


def text_size(value: str) -> int:
    """Bytes of a text, with its head."""
    return string_size(len(value) if value.isascii() else len(value.encode()))


def _loaded(raw: bytes, limit: int) -> Cbor:
    if len(raw) > limit:
        raise Refusal(Code.TOO_LARGE, {"bytes": len(raw), "limit": limit})  # 8.1.1
    try:
        return cbor2.loads(
            raw,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            max_depth=MAX_DEPTH,
            semantic_decoders=_NO_TAGS,
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refusal(Code.MALFORMED_CBOR) from error  # 8.1.2


def _check_plain(value: Cbor) -> None:
    """That every type below is one of ours (MALFORMED_CBOR) and every map has its keys in order (NOT_CANONICAL):
    the re-encoding keeps the order in which they came."""
    in_order = True
    waiting = [[value]]
    while waiting:
        for item in waiting.pop():
            kind = type(item)
            if kind in _SCALARS:
                continue
            if kind is list:
                waiting.append(item)
            elif kind is dict:
                if item:
                    in_order = _keys_ascend(item) and in_order
                    waiting.append(item.values())
            else:
                raise Refusal(Code.MALFORMED_CBOR)  # 8.1.2
    if not in_order:
        raise Refusal(Code.NOT_CANONICAL)  # 8.1.3


def _keys_ascend(found: dict[Any, Cbor]) -> bool:
    """Whether the encodings of the keys ascend: 0, 1, 2 … then -1, -2 … MALFORMED_CBOR where one is no integer."""
    ascending, last = True, -1
    for key in found:
        if type(key) is not int:
            raise Refusal(Code.MALFORMED_CBOR)  # 8.1.2
        place = key if key >= 0 else _AFTER_UNSIGNED - key
        ascending = ascending and place > last
        last = place
    return ascending


# Readers of one field. Each takes what was decoded and returns it with its exact type known.


def array(value: Cbor, size: int | None = None, *, most: int | None = None, least: int = 0) -> list[Cbor]:
    """A list, of exactly ``size`` items, or of ``least`` to ``most``. MALFORMED, or TOO_MANY over ``most``."""
    if type(value) is not list or len(value) < least or (size is not None and len(value) != size):
        raise Refusal(Code.MALFORMED)  # 8.1.4
    if most is not None and len(value) > most:
        raise Refusal(Code.TOO_MANY, {"count": len(value), "limit": most})  # 8.1.5
    return value


def mapping(value: Cbor, keys: tuple[int, ...]) -> dict[int, Cbor]:
    """A map with exactly these keys, in this order. MALFORMED."""
    if type(value) is not dict or tuple(value) != keys:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    for key in value:
        if type(key) is not int:
            raise Refusal(Code.MALFORMED)  # 8.1.4
    return value


def octets(value: Cbor, size: int | None = None, *, most: int = MAX_SUM) -> bytes:
    """A byte string of exactly ``size``, or of up to ``most``, bytes. MALFORMED."""
    if type(value) is not bytes or (size is not None and len(value) != size) or len(value) > most:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return value


def text(value: Cbor, most: int, *, least: int = 0) -> str:
    """A text of ``least`` to ``most`` UTF-8 bytes. MALFORMED."""
    if type(value) is not str or not least <= len(value.encode()) <= most:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return value


def flag(value: Cbor) -> bool:
    """A boolean. MALFORMED."""
    if type(value) is not bool:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return value


def uint(value: Cbor, most: int) -> int:
    """An integer from 0 to ``most``. MALFORMED."""
    if type(value) is not int or not 0 <= value <= most:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    return value


def amount(value: Cbor, *, least: int = 1) -> int:
    """Tiyn: an integer from ``least`` to 2^53 - 1. AMOUNT_INVALID."""
    if type(value) is not int or not least <= value <= MAX_SUM:
        raise Refusal(Code.AMOUNT_INVALID)  # 8.1.10
    return value


def moment(value: Cbor) -> int:
    """Unix seconds, 0 to 2^32 - 1. TIME_INVALID."""
    if type(value) is not int or not 0 <= value <= MAX_TIME:
        raise Refusal(Code.TIME_INVALID)  # 8.1.11
    return value


def public_key(value: Cbor) -> bytes:
    """A compressed P-256 point, SEC 1 section 2.3.3, that is on the curve. KEY_INVALID."""
    if type(value) is not bytes or not is_key(value):
        raise Refusal(Code.KEY_INVALID)  # 8.1.12
    return value


def signer_key(value: Cbor) -> PublicKey:
    """A key of a role or bank: an ES256 key as ``public_key`` has it, or ``[algorithm, key]`` of any other algorithm,
    known here or not. KEY_INVALID, MALFORMED."""
    if type(value) is not list:
        return p256(public_key(value))
    number, raw = array(value, 2)
    if type(number) is not int or abs(number) > MAX_TIME or number == ES256.number:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    octets(raw, most=MAX_SIGNER_KEY_BYTES)
    algorithm = ALGORITHMS.get(number, UnknownAlgorithm(number))
    if not algorithm.is_key(raw):
        raise Refusal(Code.KEY_INVALID)  # 8.1.12
    return PublicKey(algorithm, raw)


def written_key(key: PublicKey) -> Cbor:
    """The form that ``signer_key`` reads."""
    return key.raw if key.algorithm is ES256 else [key.algorithm.number, key.raw]
