"""Paying: consider → reserve → sign → shown → acknowledge, or drop while nothing is signed.

Killed after ``reserve``: at the next opening the person signs the same bytes or drops the intent; by itself it is
dropped once its request has expired. Killed after ``sign``: it is shown again, as often as needed. Nothing that
was signed is ever taken back, and its tokens are never freed.
"""

from __future__ import annotations

from collections.abc import Sequence

from hsm.failpoint import reach
from wallet.protocol import codec
from wallet.protocol.acceptance import check_answers, check_passable, check_payers_limits
from wallet.protocol.bounds import MAX_MESSAGE_BYTES
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import is_good
from wallet.protocol.receipt import Receipt, check_answer
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, check_transfer, verify
from wallet.purse.pay.forgotten import ForgottenPayments
from wallet.purse.pay.preflight import Consideration, Preflight
from wallet.purse.pay.selection import Choice
from wallet.purse.purse import Purse
from wallet.purse.store.objects import outputs_of
from wallet.purse.store.outgoing import Made, SignedUnder
from wallet.purse.store.payments import (
    OPEN,
    PAYMENT_ID_BYTES,
    Payments,
    PaymentState,
    PaymentSummary,
)
from wallet.purse.store.tokens import TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.turns import one_at_a_time


@one_at_a_time
class Paying:
    """The payer's side of the purse."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._payments = Payments(purse.store, purse.objects)
        self._considering = Preflight(purse, self._payments)
        self._remembering = ForgottenPayments(purse)

    def consider(self, request: Signed[Request], amount: int | None = None) -> Consideration:
        """A preview of the payment that ``request`` asks for, after every check that can be made before a person
        confirms; changes nothing of what was paid.

        ``amount`` (tiyn) may be left out, and must be named for an open request before tokens are looked for. A
        request that has a payment already gives that one (``prior``), to be shown again, and no further checks.

        Raises ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, REQUEST_SIGNATURE, AMOUNT_MISMATCH; ROLLBACK,
        CURRENCY_OTHER, SELF_PAYMENT, REQUEST_EXPIRED, CERTIFICATE_EXPIRED, REVOKED_CONFLICT, REVOKED_COUNTERPART
        (the payee), NOT_CERTIFIED, WALLET_REVOKED, LIMIT_DAYS (this wallet); AMOUNT_INVALID, AMOUNT_OVER_CEILING,
        LIMIT_PAYMENT, LIMIT_TOTAL, LIMIT_BALANCE (the payee's), FUNDS_SHORT, HOPS_USED_UP, RECONCILE_FIRST,
        FUNDS_SCATTERED, POLICY_TOO_FAR.
        """
        return self._considering.consider(request, amount)[0]

    def reserve(
        self,
        request: Signed[Request],
        amount: int | None = None,
        *,
        allow_second: bool = False,
        contact: bytes | None = None,
    ) -> bytes:
        """The payment's id (16 bytes), once its intent is on disk: tokens, bodies, numbers and totals are fixed.

        A request with a nonce never gets a second payment: the id of the one it has is returned. ``anew``: pay a
        printed code again although a payment to it has no receipt. ``contact``: the key that signed beside the
        request.

        Raises ``Refusal``: ALREADY_PAID (a printed code; or the payment there is has another amount), PAYMENT_STATE
        (another payment is reserved and neither signed nor dropped); BANK_UNKNOWN, CERTIFICATE_SIGNATURE,
        REQUEST_SIGNATURE, AMOUNT_MISMATCH; ROLLBACK, CURRENCY_OTHER, SELF_PAYMENT, REQUEST_EXPIRED,
        CERTIFICATE_EXPIRED, REVOKED_CONFLICT, REVOKED_COUNTERPART (the payee), NOT_CERTIFIED, WALLET_REVOKED,
        LIMIT_DAYS (this wallet); AMOUNT_INVALID, AMOUNT_OVER_CEILING, LIMIT_PAYMENT, LIMIT_TOTAL, LIMIT_BALANCE
        (the payee's), FUNDS_SHORT, HOPS_USED_UP, RECONCILE_FIRST, FUNDS_SCATTERED, POLICY_TOO_FAR.
        """
        self.resume()
        considered, choice = self._considering.consider(request, amount)
        if considered.payment is not None:
            self._check_same(considered, amount)
            return considered.payment
        if considered.amount is None or choice is None:
            raise Refusal(Code.AMOUNT_INVALID)
        if considered.earlier and not allow_second:
            latest = considered.earlier[-1]
            raise Refusal(
                Code.ALREADY_PAID, {"payment": latest.id.hex(), "paid": latest.amount, "time": latest.at}
            )
        for waiting in self._payments.in_states(PaymentState.RESERVED):
            raise Refusal(Code.PAYMENT_STATE, {"payment": waiting.id.hex(), "state": waiting.state.value})
        return self._reserve(request, considered.amount, choice, contact)

    def _check_same(self, considered: Consideration, amount: int | None) -> None:
        if amount not in (None, considered.amount):
            paid = considered.amount or 0
            raise Refusal(Code.ALREADY_PAID, {"payment": (considered.payment or b"").hex(), "paid": paid})

    def _reserve(self, request: Signed[Request], amount: int, choice: Choice, contact: bytes | None) -> bytes:
        purse, now = self._purse, self._purse.now()
        payment, ref = purse.random(PAYMENT_ID_BYTES), request_ref(request)
        with purse.transition(Transition.RESERVE, [payment, ref, amount]):
            purse.objects.put_request(request, "theirs", now)
            purse.store.insert(
                "payment",
                id=payment,
                request=ref,
                amount=amount,
                state="reserved",
                at=now,
                changed=now,
            )
            if contact is not None:
                purse.store.insert_new("recognised", request=ref, key=contact)
            self._store_bodies(payment, request, choice, now)
        return payment

    def _store_bodies(self, payment: bytes, request: Signed[Request], choice: Choice, now: int) -> None:
        purse = self._purse
        total = purse.outgoing.total()
        for part, number in zip(choice.parts, purse.outgoing.take_numbers(len(choice.parts)), strict=True):
            total += part.amount
            refs = tuple(item.ref for item in part.inputs)
            made = max(self._token(item.ref).made for item in part.inputs)
            body = Transfer(
                inputs=refs,
                payee=request.body.key,
                amount=part.amount,
                change=part.change,
                purpose=request_ref(request),
                sequence=number,
                total=total,
                time=max(now, made),
            )
            purse.outgoing.store_unsigned(body, part.owner, payment)
            purse.tokens.move(refs, TokenState.RESERVED, payment)

    def _token(self, ref: TokenRef) -> Token:
        token = self._purse.objects.token(ref)
        if token is None:
            raise Refusal(Code.PROVENANCE_MISSING, {"token": str(ref)})
        return token

    def sign(self, payment: bytes) -> bytes:
        """Sign all transfers of an intent, check the payment as its payee will, store it; its encoded bytes.

        Again gives the stored bytes. Raises ``Refusal``: PAYMENT_UNKNOWN, PAYMENT_STATE (dropped), ROLLBACK, what
        ``Preflight.check_parties`` raises; and with the intent dropped: REQUEST_EXPIRED, RECONCILE_FIRST (the
        ledger has meanwhile said that its tokens are short or lost).
        """
        self._purse.journal.catch_up()
        row = self._payments.row(payment)
        if row["raw"] is not None:
            return bytes(row["raw"])
        self._require_reserved(payment)
        self._purse.journal.require_sound()
        request, now = self._payments.request(payment), self._purse.now()
        self._check_still_good(payment, request)
        txids = self._purse.outgoing.of_payment(payment)
        signed = tuple(self._purse.outgoing.signature(txid) for txid in txids)
        reach("purse.sign.signed")
        raw, made = self._checked(signed, request)
        with self._purse.transition(Transition.SIGN, [payment, list(txids)]):
            for item in made:
                self._purse.outgoing.keep(item, now)
            self._purse.store.write(
                "UPDATE payment SET state = 'signed', changed = ?, raw = ? WHERE id = ?", now, raw, payment
            )
        return raw

    def _check_still_good(self, payment: bytes, request: Signed[Request]) -> None:
        """Between reserving and signing there may be days, a reconciling and other news."""
        now, expires = self._purse.now(), request.body.expires
        if not is_good(now, expires):
            self.drop(payment)
            raise Refusal(Code.REQUEST_EXPIRED, {"time": now, "expires": expires})
        refs = [
            ref
            for txid in self._purse.outgoing.of_payment(payment)
            for ref in self._purse.outgoing.body(txid).inputs
        ]
        tokens = [self._purse.tokens.get(ref) for ref in refs]
        if any(own is None or own.state is not TokenState.RESERVED or not own.is_whole for own in tokens):
            self.drop(payment)
            raise Refusal(Code.RECONCILE_FIRST, {"payment": payment.hex()})
        self._considering.check_parties(request)

    def _checked(
        self, signed: tuple[SignedUnder, ...], request: Signed[Request]
    ) -> tuple[bytes, tuple[Made, ...]]:
        """The payment as its payee will read it, and its transfers: all is verified here, and not again."""
        purse = self._purse
        signers = {transfer.id: signer for transfer, signer in signed}
        update = purse.authority.update_for(request.body.policy)
        raw = purse.objects.payment((transfer for transfer, _ in signed), signers, update).encode()
        verified = verify(raw, purse.authority.directory)
        check_answers(verified, request)
        check_payers_limits(verified, purse.authority.policy, purse.now())
        check_passable(verified)
        made = (Made(transfer, signer, outputs_of(transfer, verified.tokens)) for transfer, signer in signed)
        return raw, tuple(made)

    def _require_reserved(self, payment: bytes) -> None:
        state = self._payments.state(payment)
        require(state is PaymentState.RESERVED, Code.PAYMENT_STATE, payment=payment.hex(), state=state.value)

    def shown(self, payment: bytes) -> None:
        """The first bytes are about to leave; harmless when repeated. PAYMENT_UNKNOWN, PAYMENT_STATE."""
        self._purse.journal.catch_up()
        state = self._payments.state(payment)
        is_signed = self._payments.row(payment)["raw"] is not None
        require(is_signed, Code.PAYMENT_STATE, payment=payment.hex(), state=state.value)
        if state is not PaymentState.SIGNED:
            return
        with self._purse.store.transaction():
            self._set_state(payment, PaymentState.SHOWN)
        reach("purse.shown.stored")

    def show_again(self, payment: bytes) -> bytes:
        """The same bytes as ever. PAYMENT_UNKNOWN, PAYMENT_STATE (not signed)."""
        self.shown(payment)
        return bytes(self._payments.row(payment)["raw"])

    def transfers(self, payment: bytes) -> tuple[bytes, ...]:
        """Ids of a payment's transfers, in the order in which it hands them over and a receipt names them."""
        return self._purse.outgoing.of_payment(payment)

    def acknowledge(self, payment: bytes, receipt: Receipt) -> PaymentState:
        """The payee's word on a payment: ACKNOWLEDGED, or REFUSED with the redemptions that give it back.

        The first receipt stands; a repeat changes nothing. Raises ``Refusal``: PAYMENT_UNKNOWN, PAYMENT_STATE
        (nothing is signed), and what ``check_answer`` raises: RECEIPT_SIGNATURE, PAYMENT_UNKNOWN (about another
        payment), and the codes of validity for refusals that are none.
        """
        row = self._payments.row(payment)
        require(row["raw"] is not None, Code.PAYMENT_STATE, payment=payment.hex(), state=row["state"])
        request, body = self._payments.request(payment), receipt.signed.body
        paid = tuple(self._purse.objects.outputs(txid)[0] for txid in self.transfers(payment))
        check_answer(receipt, paid, request.body, self._purse.authority.directory)
        if row["receipt"] is not None:
            return PaymentState(row["state"])
        state = PaymentState.ACKNOWLEDGED if body.code is None else PaymentState.REFUSED
        with self._purse.transition(Transition.ACKNOWLEDGE, [payment, receipt.signed.id]):
            self._keep_refusals(payment, receipt, request, paid)
            self._set_state(payment, state)
            self._purse.store.write(
                "UPDATE payment SET receipt = ?, code = ? WHERE id = ?",
                codec.encode(receipt.to_cbor()),
                None if body.code is None else body.code.value,
                payment,
            )
        return state

    def _keep_refusals(
        self, payment: bytes, receipt: Receipt, request: Signed[Request], paid: Sequence[Token]
    ) -> None:
        """They are shown to the ledger like any transfer, so that the money comes back whoever uploads them."""
        payee, directory = request.body.payee, self._purse.authority.directory
        owed = {token.ref: token for token in paid}
        for refusal in receipt.refusals:
            inputs = [owed[ref] for ref in refusal.body.inputs]
            self._purse.objects.put_transfer(
                refusal, payee, check_transfer(refusal, inputs, payee.body, directory)
            )
            self._purse.store.insert_new(
                "returning_money",
                txid=refusal.id,
                payment=payment,
                amount=refusal.body.amount,
            )

    def signed_for(self, ref: bytes) -> bytes | None:
        """The signed payment that answers the request ``ref`` (16 bytes), if that is one with a nonce; else None."""
        signed = tuple(
            state for state in PaymentState if state not in (PaymentState.RESERVED, PaymentState.DROPPED)
        )
        for payment in self._payments.answering(ref, *signed):
            if not self._payments.request(payment.id).body.is_printed:
                return payment.id
        return None

    def of_receipt(self, receipt: Receipt) -> bytes:
        """The payment whose transfers a receipt names. PAYMENT_UNKNOWN."""
        for txid in receipt.signed.body.transfers:
            payment = self._purse.outgoing.payment_of(txid)
            if payment is not None:
                return payment
        raise Refusal(Code.PAYMENT_UNKNOWN)

    def receipt(self, payment: bytes) -> Receipt | None:
        """The receipt that a payment has, or None. PAYMENT_UNKNOWN."""
        raw = self._payments.row(payment)["receipt"]
        return None if raw is None else Receipt.from_cbor(codec.decode(raw, MAX_MESSAGE_BYTES))

    def drop(self, payment: bytes) -> None:
        """Give up an intent that was never signed: its tokens and numbers are free. Again is success.

        Raises ``Refusal``: PAYMENT_UNKNOWN, PAYMENT_STATE (signed is final), ROLLBACK (it may have been signed).
        """
        if self._payments.state(payment) is PaymentState.DROPPED:
            return
        self._require_reserved(payment)
        self._purse.journal.require_sound()
        with self._purse.transition(Transition.DROP, [payment]):
            self._purse.outgoing.drop(payment)
            self._purse.tokens.release(payment)
            self._set_state(payment, PaymentState.DROPPED)

    def resume(self) -> None:
        """At opening, and before a new intent: what was forgotten gets its rows, and intents whose request has expired
        are dropped."""
        self._remembering.resume()
        if self._purse.journal.unknown_until is not None:
            return
        for waiting in self._payments.in_states(PaymentState.RESERVED):
            if not is_good(self._purse.now(), self._payments.request(waiting.id).body.expires):
                self.drop(waiting.id)

    def pending(self) -> tuple[PaymentSummary, ...]:
        """Payments that are reserved, or signed and without receipt, oldest first."""
        return self._payments.in_states(*OPEN)

    def request(self, payment: bytes) -> Signed[Request]:
        """The request that a payment answers. PAYMENT_UNKNOWN."""
        return self._payments.request(payment)

    def summary(self, payment: bytes) -> PaymentSummary:
        """PAYMENT_UNKNOWN."""
        return self._payments.summary(payment)

    def _set_state(self, payment: bytes, state: PaymentState) -> None:
        self._purse.store.write(
            "UPDATE payment SET state = ?, changed = ? WHERE id = ?", state, self._purse.now(), payment
        )
