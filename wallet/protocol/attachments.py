"""Attachments: what travels beside a request, with a payment or in a bundle, by kind.

``[kind, content]``, in a field that stands only where there is at least one. Rule: what a reader has to understand
raises the version of the object that needs it; what it may pass over is an attachment. So one of a kind that is not
known is kept with what it came in and passed over, and the content of one that is known is read by whoever needs it,
and by nobody else. SPEC section 4.12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_ATTACHMENTS, MAX_KIND_BYTES, MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require


@dataclass(frozen=True, slots=True, order=True)
class Attachment:
    """``kind``: a ``typ`` of section 2.2, or one that is not known here; ``content``: what that kind says."""

    kind: str
    content: bytes

    def to_cbor(self) -> Cbor:
        return [self.kind, self.content]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        kind, content = codec.array(value, 2)
        return cls(
            codec.text(kind, MAX_KIND_BYTES, least=1),
            _content(content),
        )


def _content(value: Cbor) -> bytes:
    size = len(codec.octets(value))
    require(size <= MAX_OBJECT_BYTES, Code.TOO_LARGE, bytes=size, limit=MAX_OBJECT_BYTES)  # 8.1.1
    return codec.octets(value)


def with_attachments(fields: list[Cbor], attachments: Iterable[Attachment]) -> list[Cbor]:
    """The fields of what carries them, and one more where there are any."""
    ordered = sorted(attachments)
    return [*fields, [item.to_cbor() for item in ordered]] if ordered else fields


def split(value: Cbor, size: int, most: int = MAX_ATTACHMENTS) -> tuple[list[Cbor], tuple[Attachment, ...]]:
    """The ``size`` fields of what may carry attachments, and up to ``most`` of these: ascending, each once.

    Raises ``Refusal``: MALFORMED, also for a field with none in it; TOO_MANY, TOO_LARGE, DUPLICATE_ITEM.
    """
    fields = codec.array(value)
    if len(fields) == size:
        return fields, ()
    if len(fields) != size + 1:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    found = tuple(Attachment.from_cbor(item) for item in codec.array(fields[size], least=1, most=most))
    require(list(found) == sorted(found), Code.MALFORMED)  # 8.1.4
    require(len(set(found)) == len(found), Code.DUPLICATE_ITEM)  # 8.1.14
    return fields[:size], found
