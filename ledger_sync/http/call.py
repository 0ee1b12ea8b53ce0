"""The signed call: who asks for what, when, once. SPEC 9.7.

`Authorization: Qalta <base64url without padding of a COSE_Sign1>`; the payload is `[method, target, SHA-256 of
the body, time, nonce, sender]`. The target begins with the server's authority, so that a call to one service is
nothing to another. The order of the checks: AUTH_MISSING, its form, method and target (AUTH_SIGNATURE), its time
(AUTH_STALE), its signature (AUTH_SIGNATURE), who it is (AUTH_FORBIDDEN); then the body is read, and its digest
(AUTH_SIGNATURE) and AUTH_REPLAYED come last. Whether it comes a second time is for `Nonces`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import ID_BYTES, NONCE_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.keys import Sign, p256
from wallet.protocol.kinds import Kind

Clock = Callable[[], int]
"""Unix seconds."""
Random = Callable[[int], bytes]
"""That many random bytes."""

SCHEME: Final = "Qalta"
WINDOW: Final = 300
"""Seconds that a call's time may lie before or after the server's clock."""
MAX_TARGET_BYTES: Final = 512
MAX_METHOD_BYTES: Final = 8
MAX_CALL_BYTES: Final = 1_024
"""Of the COSE_Sign1; checked before anything of the header is decoded."""
_MAX_HEADER: Final = len(SCHEME) + 1 + (MAX_CALL_BYTES * 4 + 2) // 3


@dataclass(frozen=True, slots=True)
class SignedCall:
    """`target` is `authority/path?query`; `digest` the SHA-256 of the body; `time` in unix seconds; `sender` the
    33-byte key that signs."""

    KIND: ClassVar[Kind] = kinds.CALL

    method: str
    target: str
    digest: bytes
    time: int
    nonce: bytes
    sender: bytes

    def to_cbor(self) -> Cbor:
        return [self.method, self.target, self.digest, self.time, self.nonce, self.sender]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        method, target, digest, time, nonce, sender = codec.array(value, 6)
        return cls(
            codec.text(method, MAX_METHOD_BYTES, least=1),
            codec.text(target, MAX_TARGET_BYTES, least=1),
            codec.octets(digest, ID_BYTES),
            codec.moment(time),
            codec.octets(nonce, NONCE_BYTES),
            codec.public_key(sender),
        )


@dataclass(frozen=True, slots=True)
class Signer:
    """A key in some keystore: its 33 public bytes, and how to have it sign a message."""

    key: bytes
    sign: Sign

    def at(self, _time: int) -> Signer:
        """Itself: who has one key signs by it whenever."""
        return self

    calling = at


class Signers(Protocol):
    """Somebody who signs, by one key after another."""

    @property
    def key(self) -> bytes:
        """The first of them."""

    def at(self, time: int) -> Signer:
        """By which of them a statement is signed that is dated ``time`` (unix seconds). BUSY where none is here by
        which it would verify."""

    def calling(self, time: int) -> Signer:
        """By which of them a call of that time is signed, which some other service may answer to a key that it does not
        know."""


def sign_call(method: str, target: str, body: bytes, signer: Signer, clock: Clock, random: Random) -> str:
    """The `Authorization` header for one call; every call has a fresh nonce."""
    call = SignedCall(method, target, hashlib.sha256(body).digest(), clock(), random(NONCE_BYTES), signer.key)
    raw = cose.sign(call, signer.sign).encode()
    return f"{SCHEME} {base64.urlsafe_b64encode(raw).rstrip(b'=').decode('ascii')}"


def read_call(header: str | None, method: str, target: str, now: int | None) -> Signed[SignedCall]:
    """The call that `header` says it is, before its body is read: of this form, for this request, dated about now (at
    any time, where that is None).

    Raises `Refusal`: AUTH_MISSING, AUTH_SIGNATURE, AUTH_STALE.
    """
    if header is None or not header.startswith(SCHEME + " "):
        raise Refusal(Code.AUTH_MISSING)
    signed = _parse(header)
    call = signed.body
    require((call.method, call.target) == (method, target), Code.AUTH_SIGNATURE)
    if now is not None:
        require(abs(call.time - now) <= WINDOW, Code.AUTH_STALE, time=call.time, now=now)
    return signed


def check_sender(signed: Signed[SignedCall]) -> SignedCall:
    """The call, if its sender signed it. AUTH_SIGNATURE."""
    require(signed.signed_by(p256(signed.body.sender)), Code.AUTH_SIGNATURE)
    return signed.body


def check_body(call: SignedCall, body: bytes) -> None:
    """AUTH_SIGNATURE for another body than the call's."""
    require(call.digest == hashlib.sha256(body).digest(), Code.AUTH_SIGNATURE)


def _parse(header: str) -> Signed[SignedCall]:
    require(len(header) <= _MAX_HEADER, Code.AUTH_SIGNATURE)
    token = header.removeprefix(SCHEME + " ")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return cose.parse(SignedCall, raw)
    except (binascii.Error, ValueError, Refusal) as error:
        raise Refusal(Code.AUTH_SIGNATURE) from error
