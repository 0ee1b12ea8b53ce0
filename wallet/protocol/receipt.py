"""The receipt: the payee's signed acceptance, or final refusal, of a payment. SPEC section 4.7.

A refusal undoes nothing that was signed: the redemptions that give the money back to the payer travel with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import ID_BYTES, MAX_CODE_BYTES, MAX_REFUSALS, MAX_TRANSFERS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import p256
from wallet.protocol.kinds import Kind
from wallet.protocol.request import Request
from wallet.protocol.transfer import ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer


@dataclass(frozen=True, slots=True)
class ReceiptBody:
    """``transfers``: ids of the payment's new transfers, as the payment has them; ``code`` None when accepted;
    ``refusals``: ids of the redemptions that give refused money back; ``time`` in unix seconds."""

    KIND: ClassVar[Kind] = kinds.RECEIPT

    transfers: tuple[bytes, ...]
    code: Code | None
    refusals: tuple[bytes, ...]
    time: int

    def to_cbor(self) -> Cbor:
        code = None if self.code is None else self.code.value
        return [list(self.transfers), code, list(self.refusals), self.time]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        transfers, code, refusals, time = codec.array(value, 4)
        body = cls(
            tuple(
                codec.octets(txid, ID_BYTES) for txid in codec.array(transfers, least=1, most=MAX_TRANSFERS)
            ),
            None if code is None else _code(code),
            tuple(codec.octets(txid, ID_BYTES) for txid in codec.array(refusals, most=MAX_REFUSALS)),
            codec.moment(time),
        )
        require((body.code is None) == (not body.refusals), Code.MALFORMED)  # 8.1.4
        return body


def _code(value: Cbor) -> Code:
    name = codec.text(value, MAX_CODE_BYTES, least=1)
    try:
        return Code(name)
    except ValueError as error:
        raise Refusal(Code.MALFORMED) from error  # 8.1.4


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed receipt with the refusal transfers it names."""

    signed: Signed[ReceiptBody]
    refusals: tuple[Signed[Transfer], ...] = ()

    def to_cbor(self) -> Cbor:
        return [self.signed.to_cbor(), [refusal.to_cbor() for refusal in self.refusals]]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        signed, refusals = codec.array(value, 2)
        return cls(
            cose.from_cbor(ReceiptBody, signed),
            tuple(cose.from_cbor(Transfer, refusal) for refusal in codec.array(refusals, most=MAX_REFUSALS)),
        )


def check_receipt(receipt: Receipt, payee: bytes) -> None:
    """That the compressed P-256 ``payee`` signed the receipt and the very refusals it names. RECEIPT_SIGNATURE."""
    key, body = p256(payee), receipt.signed.body
    require(receipt.signed.signed_by(key), Code.RECEIPT_SIGNATURE)  # 8.2.8
    require(
        tuple(refusal.id for refusal in receipt.refusals) == body.refusals, Code.RECEIPT_SIGNATURE
    )  # 8.2.8
    for refusal in receipt.refusals:
        require(isinstance(refusal.body.purpose, ToPayer), Code.RECEIPT_SIGNATURE)  # 8.2.8
        require(refusal.signed_by(key), Code.RECEIPT_SIGNATURE)  # 8.2.8


def check_answer(receipt: Receipt, paid: Sequence[Token], request: Request, directory: Directory) -> None:
    """That the receipt is by the request's payee and for this payment and that, where it refuses, its redemptions
    are valid and give back every output to the key that paid it. ``paid``: what the payee gets of each new transfer
    (``Verified.received``).

    Raises ``Refusal``: RECEIPT_SIGNATURE; PAYMENT_UNKNOWN for another payment's receipt; PROVENANCE_MISSING or
    REDEMPTION_AMOUNTS where the redemptions take something else, or not all; what ``check_transfer`` gives.
    """
    check_receipt(receipt, request.key)
    require(
        receipt.signed.body.transfers == tuple(token.ref.txid for token in paid), Code.PAYMENT_UNKNOWN
    )  # 8.2.9
    if receipt.signed.body.code is None:
        return
    owed = {token.ref: token for token in paid}
    for refusal in receipt.refusals:
        inputs = []
        for ref in refusal.body.inputs:
            require(ref in owed, Code.PROVENANCE_MISSING, token=str(ref))  # 8.3.1
            inputs.append(owed.pop(ref))
        check_transfer(refusal, inputs, request.payee.body, directory)
    require(not owed, Code.REDEMPTION_AMOUNTS)  # 8.3.9
