"""The contact key: by it a payee who wants to be recognised signs beside its request. SPEC section 4.13.

Every epoch has another wallet id and another key, so nothing in a request tells two requests of one person from those
of two. Whoever wants to be recognised says so, request by request, with a key of its own that stays. What it is called
is for whoever pays it to say. Rule: it is nobody's word but the holder's: no rule about money looks at it, and what
does not verify is no contact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.attachments import Attachment
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.keys import Sign, p256
from wallet.protocol.kinds import Kind
from wallet.protocol.request import Request


@dataclass(frozen=True, slots=True)
class Contact:
    """``[key, request]``: the 33-byte contact key, which signs this, and the 32-byte id of the request."""

    KIND: ClassVar[Kind] = kinds.CONTACT

    key: bytes
    request: bytes

    def to_cbor(self) -> Cbor:
        return [self.key, self.request]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        key, request = codec.array(value, 2)
        return cls(codec.public_key(key), codec.octets(request, ID_BYTES))


def contact_beside(request: Signed[Request], key: bytes, sign: Sign) -> Attachment:
    """What stands beside ``request``, so that whoever knows the 33-byte contact ``key`` recognises its holder."""
    return Attachment(kinds.CONTACT.typ, cose.sign(Contact(key, request.id), sign).encode())


def contact_of(request: Signed[Request], attachments: Iterable[Attachment]) -> bytes | None:
    """The 33-byte contact key that signed beside ``request``.

    None where there is none, or more than one; where it is garbled, not by the key that it names, or about another
    request; or where the key is the one that is paid, which says nothing new.
    """
    found = [item.content for item in attachments if item.kind == kinds.CONTACT.typ]
    if len(found) != 1:
        return None
    try:
        signed = cose.parse(Contact, found[0])
    except Refusal:
        return None
    body = signed.body
    is_good = body.request == request.id and body.key != request.body.key and signed.signed_by(p256(body.key))
    return body.key if is_good else None
