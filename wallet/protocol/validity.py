"""Validity: what depends on the bytes and the directory alone, the same for everyone, for ever.

Payee and bank node call the same functions. Nothing here looks at a clock, a policy or a store. The order of
the checks is SPEC section 8.3; the first that fails gives the code. The hot path raises where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.keys import p256
from wallet.protocol.lifetime import is_good
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.transfer import Refresh, TokenRef, ToPayer, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An output as its provenance proves it: amount in tiyn, times in unix seconds.

    ``made`` is the time of the issuance or transfer that made it; ``payer`` the key that signed the transfer
    whose output 0 it is, None for issued tokens and change.
    """

    ref: TokenRef
    amount: int
    owner: bytes
    currency: str
    mark: bytes | None
    hop: int
    expires: int
    made: int
    payer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A payment whose every signature, sum, hop and time was checked.

    ``tokens`` has every output of the payment, spent ones too; ``signers`` the certificate each transfer was
    signed under, by transfer id.
    """

    payment: Payment
    tokens: Mapping[TokenRef, Token]
    signers: Mapping[bytes, Signed[Certificate]]

    @property
    def received(self) -> tuple[Token, ...]:
        """Output 0 of each new transfer: what the payee gets."""
        return tuple(self.tokens[TokenRef(txid, 0)] for txid in self.payment.ids)


def verify(raw: bytes, directory: Directory) -> Verified:
    """Check the validity of an encoded payment.

    Raises ``Refusal`` with the first code of SPEC 8.1 to 8.3 that applies. What it returns may still be refused
    by its payee (``acceptance``).
    """
    return verify_payment(parse_payment(raw), directory)


def verify_payment(payment: Payment, directory: Directory) -> Verified:
    """``verify`` for a payment that was already read."""
    for certificate in payment.certificates:
        check_certificate(certificate, directory)
    tokens: dict[TokenRef, Token] = {}
    for issuance in payment.issuances:
        check_issuance(issuance, directory)
        for token in issued_tokens(issuance):
            tokens[token.ref] = token
    signers: dict[bytes, Signed[Certificate]] = {}
    for transfer in payment.transfers:
        inputs = [_known(tokens, ref) for ref in transfer.body.inputs]
        certificate = choose_certificate(payment.certificates, inputs[0].owner, transfer.body.time)
        for token in check_transfer(transfer, inputs, certificate.body, directory):
            tokens[token.ref] = token
        signers[transfer.id] = certificate
    _check_all_needed(payment, signers)
    return Verified(payment, tokens, signers)


def _known(tokens: Mapping[TokenRef, Token], ref: TokenRef) -> Token:
    token = tokens.get(ref)
    if token is None:
        raise Refusal(Code.PROVENANCE_MISSING, {"token": str(ref)})  # 8.3.1
    return token


def choose_certificate(
    certificates: Iterable[Signed[Certificate]], owner: bytes, time: int
) -> Signed[Certificate]:
    """The certificate of ``owner`` that is in force at ``time``: one that covers it, or else one that has expired
    by then (enough for a redemption), or else one that is not issued yet; of several the last to expire.
    CERTIFICATE_MISSING.

    A merchant's key is recertified and kept, so one key can have several. More certificates never make a valid
    transfer invalid.
    """
    own = [certificate for certificate in certificates if certificate.body.key == owner]
    if not own:
        raise Refusal(Code.CERTIFICATE_MISSING, {"key": owner.hex()})  # 8.3.2
    if len(own) == 1:
        return own[0]
    issued = [item for item in own if item.body.issued <= time]
    covering = [item for item in issued if time <= item.body.expires]
    return max(covering or issued or own, key=lambda item: (item.body.expires, item.id))


def issued_tokens(issuance: Signed[Issuance]) -> tuple[Token, ...]:
    """The tokens of an issuance, at hop 0."""
    body = issuance.body
    return tuple(
        Token(
            ref=TokenRef(issuance.id, index),
            amount=amount,
            owner=body.owner,
            currency=body.currency,
            mark=body.mark,
            hop=0,
            expires=body.expires,
            made=body.issued,
        )
        for index, amount in enumerate(body.amounts)
    )


def check_transfer(
    transfer: Signed[Transfer], inputs: Sequence[Token], certificate: Certificate, directory: Directory
) -> tuple[Token, ...]:
    """Check one transfer against the tokens it consumes, in the order it names them; return its outputs.

    Raises ``Refusal``: CERTIFICATE_MISSING, OWNER_MIXED, CURRENCY_MIXED, MARK_MIXED, TRANSFER_SIGNATURE,
    VALUE_MISMATCH, REDEMPTION_KEY, REDEMPTION_AMOUNTS, REDEMPTION_PAYER, SELF_PAYMENT, TIME_BEFORE_INPUTS,
    TIME_BEFORE_CERTIFICATE, TOKEN_EXPIRED, CERTIFICATE_EXPIRED, HOP_LIMIT.
    """
    owner = inputs[0].owner
    if certificate.key != owner:
        raise Refusal(Code.CERTIFICATE_MISSING, {"key": owner.hex()})  # 8.3.2
    return _checked(transfer, inputs, certificate, directory, is_signed=False)


def check_but_certificate(
    transfer: Signed[Transfer], inputs: Sequence[Token], directory: Directory, *, is_signed: bool = False
) -> tuple[Token, ...]:
    """``check_transfer`` but for what a certificate can change: what this refuses is refused for ever.

    ``is_signed``: that the owner of the inputs signed it was checked before. With a certificate of that owner for
    which ``is_signed_under`` holds, the transfer is valid; raises ``Refusal`` as ``check_transfer``, but none about
    certificates.
    """
    return _checked(transfer, inputs, None, directory, is_signed=is_signed)


def is_signed_under(body: Transfer, certificate: Certificate) -> bool:
    """Whether a transfer's time is one in which its signer may sign under ``certificate``. SPEC 8.3.13, 8.3.15."""
    return _is_begun(body, certificate) and _is_in_force(body, certificate)


def _is_begun(body: Transfer, certificate: Certificate) -> bool:
    return body.time >= certificate.issued


def _is_in_force(body: Transfer, certificate: Certificate) -> bool:
    return body.redemption is not None or is_good(body.time, certificate.expires)


def _checked(
    transfer: Signed[Transfer],
    inputs: Sequence[Token],
    certificate: Certificate | None,
    directory: Directory,
    *,
    is_signed: bool,
) -> tuple[Token, ...]:
    body = transfer.body
    if len(inputs) > 1:
        _check_alike(inputs)
    if not is_signed and not transfer.signed_by(p256(inputs[0].owner)):
        raise Refusal(Code.TRANSFER_SIGNATURE)  # 8.3.6
    total_in = sum([token.amount for token in inputs])
    total_out = body.amount + body.change
    if total_in != total_out:
        raise Refusal(Code.VALUE_MISMATCH, {"inputs": total_in, "outputs": total_out})  # 8.3.7
    _check_purpose(body, inputs, directory)
    _check_times(body, inputs, certificate)
    return _outputs(transfer, inputs)


def _check_alike(inputs: Sequence[Token]) -> None:
    first = inputs[0]
    require(all(token.owner == first.owner for token in inputs), Code.OWNER_MIXED)  # 8.3.3
    require(all(token.currency == first.currency for token in inputs), Code.CURRENCY_MIXED)  # 8.3.4
    require(all(token.mark == first.mark for token in inputs), Code.MARK_MIXED)  # 8.3.5


def _check_purpose(body: Transfer, inputs: Sequence[Token], directory: Directory) -> None:
    redemption = body.redemption
    if directory.is_redemption_key(body.payee) != (redemption is not None):
        raise Refusal(Code.REDEMPTION_KEY)  # 8.3.8
    if isinstance(redemption, Refresh):
        require(sum(redemption.amounts) == body.amount, Code.REDEMPTION_AMOUNTS)  # 8.3.9
    elif isinstance(redemption, ToPayer):
        require(body.change == 0, Code.REDEMPTION_AMOUNTS)  # 8.3.9
        require(all(token.payer == redemption.payer for token in inputs), Code.REDEMPTION_PAYER)  # 8.3.10
    if body.payee == inputs[0].owner:
        raise Refusal(Code.SELF_PAYMENT)  # 8.3.11


def _check_times(body: Transfer, inputs: Sequence[Token], certificate: Certificate | None) -> None:
    time = body.time
    made = max([token.made for token in inputs])
    if time < made:
        raise Refusal(Code.TIME_BEFORE_INPUTS, {"time": time, "inputs": made})  # 8.3.12
    if certificate is not None and not _is_begun(body, certificate):
        raise Refusal(Code.TIME_BEFORE_CERTIFICATE, {"time": time, "issued": certificate.issued})  # 8.3.13
    expires = min([token.expires for token in inputs])
    if body.redemption is None and not is_good(time, expires):
        raise Refusal(Code.TOKEN_EXPIRED, {"time": time, "expires": expires})  # 8.3.14
    if certificate is not None and not _is_in_force(body, certificate):
        raise Refusal(Code.CERTIFICATE_EXPIRED, {"time": time, "expires": certificate.expires})  # 8.3.15


def _outputs(transfer: Signed[Transfer], inputs: Sequence[Token]) -> tuple[Token, ...]:
    body, first = transfer.body, inputs[0]
    hop = max([token.hop for token in inputs])
    paid_hop = hop if body.redemption is not None else hop + 1
    if paid_hop > MAX_HOP:
        raise Refusal(Code.HOP_LIMIT, {"hop": paid_hop, "limit": MAX_HOP})  # 8.3.16
    expires = min([token.expires for token in inputs])
    currency, mark, owner = first.currency, first.mark, first.owner
    paid_ref = TokenRef(transfer.id, 0)
    paid = Token(
        ref=paid_ref,
        amount=body.amount,
        owner=body.payee,
        currency=currency,
        mark=mark,
        hop=paid_hop,
        expires=expires,
        made=body.time,
        payer=owner,
    )
    if body.change == 0:
        return (paid,)
    change_ref = TokenRef(transfer.id, 1)
    return (
        paid,
        Token(
            ref=change_ref,
            amount=body.change,
            owner=owner,
            currency=currency,
            mark=mark,
            hop=hop,
            expires=expires,
            made=body.time,
        ),
    )


def _check_all_needed(payment: Payment, signers: Mapping[bytes, Signed[Certificate]]) -> None:
    """Every item stands in the payment because a new transfer descends from it. UNNEEDED_ITEM."""
    needed = set(payment.ids)
    for transfer in reversed(payment.transfers):
        if transfer.id not in needed:
            raise Refusal(Code.UNNEEDED_ITEM, {"transfer": transfer.id.hex()})  # 8.3.17
        for ref in transfer.body.inputs:
            needed.add(ref.txid)
    for issuance in payment.issuances:
        require(issuance.id in needed, Code.UNNEEDED_ITEM)  # 8.3.17
    used = {certificate.id for certificate in signers.values()}
    for certificate in payment.certificates:
        require(certificate.id in used, Code.UNNEEDED_ITEM)  # 8.3.17
