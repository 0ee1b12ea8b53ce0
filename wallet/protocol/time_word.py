"""A bank's word on what time it is: signed for whoever asks, with the asker's own nonce, so that none is played again.

A wallet whose clock the bank does not agree with asks for one. SPEC section 9.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from wallet.protocol import codec, kinds
from wallet.protocol.bounds import MAX_ID_BYTES, NONCE_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.kinds import Kind


@dataclass(frozen=True, slots=True)
class TimeWord:
    """``[bank, nonce, time]``: the bank's id, what the asker sent, and the bank's clock, unix seconds."""

    KIND: ClassVar[Kind] = kinds.TIME_WORD

    bank: str
    nonce: bytes
    time: int

    def to_cbor(self) -> Cbor:
        return [self.bank, self.nonce, self.time]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        bank, nonce, time = codec.array(value, 3)
        return cls(
            codec.text(bank, MAX_ID_BYTES, least=1),
            codec.octets(nonce, NONCE_BYTES),
            codec.moment(time),
        )


def check_time_word(signed: Signed[TimeWord], bank: str, nonce: bytes, directory: Directory) -> None:
    """That this bank signed it for this question. BANK_UNKNOWN, AUTH_SIGNATURE."""
    body = signed.body
    require((body.bank, body.nonce) == (bank, nonce), Code.AUTH_SIGNATURE)  # 9.8.2
    keys = directory.bank_keys(body.bank, body.time)
    require(any(signed.signed_by(key) for key in keys), Code.AUTH_SIGNATURE)  # 9.8.2
