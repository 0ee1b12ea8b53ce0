"""The payment: what the payer hands over, new transfers and everything needed to verify them offline.

``[new, transfers, issuances, certificates, policy]``, and attachments where there are any; transfers in topological
order, the ``new`` last ones are those that answer the request; everything stands in it once. SPEC section 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from wallet.protocol import codec, cose
from wallet.protocol.attachments import Attachment, split, with_attachments
from wallet.protocol.bounds import (
    MAX_CERTIFICATES,
    MAX_ISSUANCES,
    MAX_PAYMENT_BYTES,
    MAX_TRANSFERS,
)
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import PolicyUpdate
from wallet.protocol.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Payment:
    """Read, not yet verified: nothing in it is money before ``verify`` says so."""

    new: int
    transfers: tuple[Signed[Transfer], ...]
    issuances: tuple[Signed[Issuance], ...]
    certificates: tuple[Signed[Certificate], ...]
    policy: PolicyUpdate | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def newest(self) -> tuple[Signed[Transfer], ...]:
        """The transfers that answer the request."""
        return self.transfers[-self.new :]

    @property
    def ids(self) -> tuple[bytes, ...]:
        """Ids of the new transfers: the payment's name in receipts and stores."""
        return tuple(transfer.id for transfer in self.newest)

    def to_cbor(self) -> Cbor:
        fields: list[Cbor] = [
            self.new,
            [transfer.to_cbor() for transfer in self.transfers],
            [issuance.to_cbor() for issuance in self.issuances],
            [certificate.to_cbor() for certificate in self.certificates],
            None if self.policy is None else self.policy.to_cbor(),
        ]
        return with_attachments(fields, self.attachments)

    def encode(self) -> bytes:
        """Canonical CBOR of the payment, as it travels."""
        return codec.encode(self.to_cbor())

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        fields, attachments = split(value, 5)
        new, transfers, issuances, certificates, policy = fields
        payment = cls(
            codec.uint(new, MAX_TRANSFERS),
            tuple(
                cose.from_cbor(Transfer, item) for item in codec.array(transfers, least=1, most=MAX_TRANSFERS)
            ),
            tuple(
                cose.from_cbor(Issuance, item) for item in codec.array(issuances, least=1, most=MAX_ISSUANCES)
            ),
            tuple(
                cose.from_cbor(Certificate, item)
                for item in codec.array(certificates, least=1, most=MAX_CERTIFICATES)
            ),
            None if policy is None else PolicyUpdate.from_cbor(policy),
            attachments,
        )
        require(1 <= payment.new <= len(payment.transfers), Code.MALFORMED)  # 8.1.4
        ids = [item.id for item in payment.transfers]
        ids += [item.id for item in payment.issuances]
        ids += [item.id for item in payment.certificates]
        require(len(set(ids)) == len(ids), Code.DUPLICATE_ITEM)  # 8.1.14
        return payment


def parse_payment(raw: bytes) -> Payment:
    """The payment in ``raw`` (at most MAX_PAYMENT_BYTES). Raises the codes of SPEC 8.1 and DUPLICATE_ITEM."""
    return codec.read(raw, MAX_PAYMENT_BYTES, Payment.from_cbor)
