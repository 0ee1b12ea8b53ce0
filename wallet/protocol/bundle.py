"""The bundle: what is uploaded, relayed and delivered, any fragments in any order. SPEC section 4.11."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from wallet.protocol import codec, cose
from wallet.protocol.attachments import Attachment, split, with_attachments
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.payment import Payment
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer

MAX_BUNDLE_BYTES: Final = 262_144
MAX_BUNDLE_ITEMS: Final = 256
"""Of each kind."""
MAX_PROVENANCE_BYTES: Final = 147_456
"""Payloads of a transfer and all that it descends from, with ``PROVENANCE_ITEM_BYTES`` for each; the rest of a
bundle is left to certificates and requests."""
PROVENANCE_ITEM_BYTES: Final = 96
"""What header and signature add to a payload, and more."""
REDEMPTION_BYTES: Final = 1_024
"""Left free above what leaves money offline: a redemption of one token, with all that it can say, is smaller."""
MAX_STATEMENTS: Final = 4_096
"""Of the notary in one proof: one for every input that such payloads can name, of 36 bytes each."""
MAX_PROOF_BYTES: Final = 1_048_576
"""A bundle with the notary's word on every token that is consumed in it, and what the call says beside."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Signed objects, each once; read, not yet verified."""

    transfers: tuple[Signed[Transfer], ...] = ()
    issuances: tuple[Signed[Issuance], ...] = ()
    certificates: tuple[Signed[Certificate], ...] = ()
    requests: tuple[Signed[Request], ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @classmethod
    def of_payment(cls, payment: Payment, requests: Iterable[Signed[Request]] = ()) -> Self:
        """Bundle of a payment's transfers, issuances and certificates, with the requests that its transfers answer."""
        return cls(payment.transfers, payment.issuances, payment.certificates, tuple(requests))

    def to_cbor(self) -> Cbor:
        fields: list[Cbor] = [
            [item.to_cbor() for item in self.transfers],
            [item.to_cbor() for item in self.issuances],
            [item.to_cbor() for item in self.certificates],
            [item.to_cbor() for item in self.requests],
        ]
        return with_attachments(fields, self.attachments)

    def encode(self) -> bytes:
        """Canonical CBOR of the bundle. SPEC 9."""
        return codec.encode(self.to_cbor())

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        fields, attachments = split(value, 4, MAX_BUNDLE_ITEMS)
        lists = [codec.array(items, most=MAX_BUNDLE_ITEMS) for items in fields]
        bundle = cls(
            tuple(cose.from_cbor(Transfer, item) for item in lists[0]),
            tuple(cose.from_cbor(Issuance, item) for item in lists[1]),
            tuple(cose.from_cbor(Certificate, item) for item in lists[2]),
            tuple(cose.from_cbor(Request, item) for item in lists[3]),
            attachments,
        )
        ids = [item.id for item in bundle.transfers] + [item.id for item in bundle.issuances]
        ids += [item.id for item in bundle.certificates] + [item.id for item in bundle.requests]
        require(len(set(ids)) == len(ids), Code.DUPLICATE_ITEM)  # 8.1.14
        return bundle


def parse_bundle(raw: bytes) -> Bundle:
    """The bundle in ``raw``. Raises the codes of SPEC 8.1 and DUPLICATE_ITEM."""
    return codec.read(raw, MAX_BUNDLE_BYTES, Bundle.from_cbor)
