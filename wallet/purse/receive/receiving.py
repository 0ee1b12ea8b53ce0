"""Receiving: request → receive, one path for everything: verify, accept or refuse, store, only then answer.

What is not valid, or not ours, is refused and nothing is stored. What is valid and ours is stored always: in the
balance if it is acceptable; outside it for ever if not, with a signed redemption in the payer's favour (but by a
purse that was rolled back, which signs none: its payer shows the payment again, or the ledger brings it). What is
accepted is stored with its receipt, in one step; a refusal's receipt follows its redemptions. Killed after the payment
is stored: opening, or the same payment again, makes the same answer. A repeat gets the first receipt.
"""

from __future__ import annotations

from dataclasses import dataclass

from hsm.failpoint import reach
from hsm.keystore import KeystoreError
from wallet.protocol import cose
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.bounds import MAX_MEMO_BYTES, MAX_REFUSALS, MAX_SUM, NONCE_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY
from wallet.protocol.limits import check_balance, effective
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.request import Request, request_ref
from wallet.protocol.validity import Token, Verified, verify_payment
from wallet.purse.commitments import IS_OPEN, commitments
from wallet.purse.evidences import Evidences
from wallet.purse.purse import Purse
from wallet.purse.redemptions import RedemptionBuilder, refusal_orders
from wallet.purse.store.incoming import PAYER, Incoming
from wallet.purse.store.store import Row
from wallet.purse.store.tokens import Origin, TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.store.words import Signer
from wallet.purse.turns import one_at_a_time

DEFAULT_VALID_FOR = 3_600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Received:
    """``request`` is the ref of the request it answers (perhaps another one of ours than the one expected);
    ``tokens`` are what it brought (of a repeat: what it brought then), ``amount`` their sum (tiyn); ``repeat_of``
    when it first came, if this is a repeat; ``code`` why it was refused, None if it was accepted."""

    request: bytes
    receipt: Receipt
    tokens: tuple[Token, ...]
    amount: int
    repeat_of: int | None
    code: Code | None


@one_at_a_time
class Receiving:
    """The payee's side of the purse."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._incoming = Incoming(purse.store)
        self._redeeming = RedemptionBuilder(purse)
        self._evidences = Evidences(purse)

    # asking

    def request(
        self,
        amount: int,
        *,
        is_open: bool = False,
        memo: str = "",
        valid_for: int | None = None,
        printed: bool = False,
    ) -> Signed[Request]:
        """Ask for ``amount`` tiyn (the ceiling, if ``is_open``); stored before it is returned.

        ``valid_for`` seconds: an hour by default, a printed code as long as the certificate, which no request
        outlives. Raises ``Refusal``: NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED,
        AMOUNT_INVALID, MALFORMED (a memo too long), LIMIT_BALANCE.
        """
        purse, now = self._purse, self._purse.now()
        certificate = purse.epochs.require_current(now)
        policy = purse.authority.policy
        own = certificate.body
        require(own.revocation_id not in policy.revoked, Code.WALLET_REVOKED, wallet=own.wallet.hex())
        require(0 < amount <= MAX_SUM, Code.AMOUNT_INVALID)
        require(len(memo.encode()) <= MAX_MEMO_BYTES, Code.MALFORMED)
        self._check_room(own, amount, is_printed=printed)
        body = Request(
            payee=certificate,
            currency=CURRENCY,
            amount=amount,
            is_open=is_open,
            nonce=None if printed else purse.random(NONCE_BYTES),
            memo=memo,
            expires=self._expiry(own, valid_for, is_printed=printed),
            policy=policy.version,
        )
        signed = cose.sign(body, purse.epochs.signer(body.key))
        reach("purse.request.signed")
        with purse.store.transaction():
            purse.objects.put_request(signed, "ours", now)
        reach("purse.request.stored")
        return signed

    def _expiry(self, own: Certificate, valid_for: int | None, *, is_printed: bool) -> int:
        if valid_for is None and is_printed:
            return own.expires
        wanted = DEFAULT_VALID_FOR if valid_for is None else valid_for
        return min(self._purse.now() + wanted, own.expires)

    def _check_room(self, own: Certificate, amount: int, *, is_printed: bool) -> None:
        """A printed code asks for nothing by itself: what comes of it is judged as it comes."""
        limits = effective(own, self._purse.authority.policy.head.limits)
        check_balance(limits, commitments(self._purse), 0 if is_printed else amount)

    def unanswered(self) -> tuple[Signed[Request], ...]:
        """Requests with a nonce that have neither expired nor an answer and were not cancelled, the newest first."""
        rows = self._purse.store.rows(
            f"SELECT ref FROM request WHERE {IS_OPEN} ORDER BY at DESC, ref",
            self._purse.now(),
        )
        found = (self._purse.objects.request(row["ref"]) for row in rows)
        return tuple(request for request in found if request is not None)

    # being paid

    def receive(self, payment: bytes | Payment, request: Signed[Request] | None = None) -> Received:
        """Judge a payment, encoded or as it was read; what it says is stored when this returns.

        It answers the own request that it names, or else ``request`` (one that this store may have lost). Raises
        ``Refusal`` when nothing was stored: the bytes are no payment, it is not valid, its outputs are not all
        ours (PAYEE_OTHER), there are more payers than one receipt can refuse (TOO_MANY), or it is to be refused by a
        purse that was rolled back (ROLLBACK): it may have had this money before and spent it, and a refusal signed
        now would contradict that.
        """
        payment = parse_payment(payment) if isinstance(payment, bytes) else payment
        self._purse.authority.hear(payment.policy)
        verified = verify_payment(payment, self._purse.authority.directory)
        self._check_ours(verified)
        known = self._incoming.get(payment.ids)
        if known is not None:
            return self._answer(known["id"], verified.received, known["at"])
        self._check_answerable(verified)
        code = self._judge(verified, self._own_request_of(verified) or request)
        fresh = self._fresh(verified)
        if not fresh:
            identifier, first = self._keep_known(verified)
            return self._answer(identifier, verified.received, first)
        identifier = self._accept(verified, fresh) if code is None else self._refuse(verified, fresh, code)
        return self._answer(identifier, fresh, None)

    def _check_ours(self, verified: Verified) -> None:
        owners = {token.owner for token in verified.received}
        require(all(self._purse.epochs.owns(owner) for owner in owners), Code.PAYEE_OTHER)

    def _check_answerable(self, verified: Verified) -> None:
        """We can only answer with a key that still exists and was certified."""
        for owner in {token.owner for token in verified.received}:
            require(self._purse.epochs.can_sign(owner), Code.PAYEE_OTHER)
            certificate = self._purse.epochs.certificate_for(owner, self._purse.now())
            require(certificate is not None, Code.NOT_CERTIFIED, key=owner.hex())

    def _own_request_of(self, verified: Verified) -> Signed[Request] | None:
        ref = verified.payment.newest[-1].body.purpose
        return self.own_request(ref) if isinstance(ref, bytes) else None

    def own_request(self, ref: bytes) -> Signed[Request] | None:
        """The request of ours that a transfer names by ``ref`` (16 bytes), or None."""
        ours = self._purse.store.value("SELECT 1 FROM request WHERE ref = ? AND side = 'ours'", ref)
        return None if ours is None else self._purse.objects.request(ref)

    def asked_at(self, ref: bytes) -> int | None:
        """When an own request was made, unix seconds."""
        at = self._purse.store.value("SELECT at FROM request WHERE ref = ? AND side = 'ours'", ref)
        return None if at is None else int(at)

    def _fresh(self, verified: Verified) -> tuple[Token, ...]:
        """What the purse does not have yet; the rest came with another payment or from the ledger."""
        return tuple(token for token in verified.received if self._purse.tokens.get(token.ref) is None)

    def _judge(self, verified: Verified, request: Signed[Request] | None) -> Code | None:
        """Why this payment is not accepted, or None."""
        try:
            if request is None:
                raise Refusal(Code.REQUEST_UNKNOWN)
            check_acceptance(verified, self._view(verified, request))
        except Refusal as refusal:
            return refusal.code
        return None

    def _view(self, verified: Verified, request: Signed[Request]) -> PayeeView:
        purse = self._purse
        fresh = self._fresh(verified)
        ref = request_ref(request)
        return PayeeView(
            request,
            purse.authority.policy,
            purse.now(),
            commitments(purse, without=ref),
            purse.objects.consumer_of,
            self._incoming.answers(ref),
            frozenset(token.ref.txid for token in verified.received if token not in fresh),
        )

    def _accept(self, verified: Verified, fresh: tuple[Token, ...]) -> bytes:
        purse, now = self._purse, self._purse.now()
        ids = verified.payment.ids
        receipt = self._receipt_beforehand(verified, now)
        with purse.transition(Transition.ACCEPT, list(ids)):
            identifier = self._keep(verified, fresh, None, now)
            for token in fresh:
                purse.tokens.add(token, Origin.RECEIVED, now, settled=None, state=TokenState.HELD)
            if receipt is not None:
                self._incoming.keep_receipt(identifier, receipt)
        if receipt is not None:
            reach("purse.receipt.stored")
        return identifier

    def _receipt_beforehand(self, verified: Verified, now: int) -> Receipt | None:
        """Signed before the payment is stored, so that both are on disk at once. None where the keystore fails: the
        money is kept all the same, and the receipt is made when it can be."""
        self._purse.journal.catch_up()
        try:
            return self._signed(_paid_key(verified), ReceiptBody(verified.payment.ids, None, (), now))
        except KeystoreError:
            return None

    def _refuse(self, verified: Verified, fresh: tuple[Token, ...], code: Code) -> bytes:
        purse, now = self._purse, self._purse.now()
        purse.journal.require_sound()
        draft = refusal_orders(fresh, b"")
        require(len(draft) <= MAX_REFUSALS, Code.TOO_MANY, count=len(draft), limit=MAX_REFUSALS)
        with purse.transition(Transition.REFUSE, [list(verified.payment.ids), code.value]):
            identifier = self._keep(verified, fresh, code, now)
            for token in fresh:
                purse.tokens.add(token, Origin.RECEIVED, now, settled=None, state=TokenState.REFUSED)
            for order in refusal_orders(fresh, identifier):
                self._redeeming.store(order)
        return identifier

    def _keep(self, verified: Verified, fresh: tuple[Token, ...], code: Code | None, now: int) -> bytes:
        """Inside a transition: the objects, what they consume and contradict, and the payment's row.

        The row counts what is ``fresh``: nobody signs how many of a payment's transfers are called new.
        """
        purse, payment = self._purse, verified.payment
        stored = purse.objects.put_verified(verified)
        self._evidences.look(stored)
        for issuance in payment.issuances:
            purse.authority.hear_time(Signer.CENTRAL_BANK, issuance.body.issued)
        purpose = payment.newest[-1].body.purpose
        return self._incoming.add(
            payment.ids,
            purpose if isinstance(purpose, bytes) else b"",
            _paid_key(verified),
            verified.signers[payment.ids[-1]].body.wallet,
            sum(token.amount for token in fresh),
            PAYER,
            now,
            code,
        )

    def _keep_known(self, verified: Verified) -> tuple[bytes, int]:
        """Everything in it is held already, in other company: a repeat that gets a receipt of its own.

        It says what was said first: refused, if any of its tokens was.
        """
        rows = [self._incoming.containing(txid) for txid in verified.payment.ids]
        known = [row for row in rows if row is not None]
        refused = [row for row in known if row["code"] is not None]
        code = Code(refused[0]["code"]) if refused else None
        with self._purse.transition(Transition.ACCEPT, list(verified.payment.ids)):
            identifier = self._keep(verified, (), code, self._purse.now())
        return identifier, min((row["at"] for row in known), default=self._purse.now())

    # answering

    def answered(self, request: Signed[Request]) -> Received | None:
        """Answer to the last payment of this request, an accepted one before a refused one; None if nothing came
        yet. ``repeat_of`` is when it came (unix seconds)."""
        row = self._incoming.last_answer(request_ref(request))
        return None if row is None else self._found(row)

    def answer_of(self, incoming: bytes) -> Received:
        """Answer to a payment that came in, by its id (16 bytes) as in history; shaped as ``answered`` has it.

        Raises ``Refusal``: PAYMENT_UNKNOWN; NOT_CERTIFIED where no receipt was made yet and the key that was paid
        can sign none.
        """
        row = self._incoming.by_id(incoming)
        if row is None:
            raise Refusal(Code.PAYMENT_UNKNOWN, {"payment": incoming.hex()})
        return self._found(row)

    def _found(self, row: Row) -> Received:
        tokens = tuple(self._purse.objects.outputs(txid)[0] for txid in self._incoming.txids(row["id"]))
        return self._received(row, tokens, row["at"])

    def _answer(self, identifier: bytes, tokens: tuple[Token, ...], repeat_of: int | None) -> Received:
        row = self._incoming.by_id(identifier)
        if row is None:
            raise Refusal(Code.INTERNAL)
        return self._received(row, tokens, repeat_of)

    def _received(self, row: Row, tokens: tuple[Token, ...], repeat_of: int | None) -> Received:
        code = None if row["code"] is None else Code(row["code"])
        amount = sum(token.amount for token in tokens)
        return Received(row["request"], self._receipt(row), tokens, amount, repeat_of, code)

    def _receipt(self, row: Row) -> Receipt:
        """The first receipt, made now if there is none yet."""
        self._purse.journal.catch_up()
        found = self._incoming.receipt(row["id"])
        if found is not None:
            return found
        self._redeeming.sign_stored()
        txids = self._incoming.txids(row["id"])
        refusals = self._refusals_of(txids) if row["code"] is not None else ()
        code = None if row["code"] is None else Code(row["code"])
        receipt = self._signed(row["key"], ReceiptBody(txids, code, refusals, row["at"]))
        with self._purse.store.transaction():
            self._incoming.keep_receipt(row["id"], receipt)
        reach("purse.receipt.stored")
        return receipt

    def _signed(self, key: bytes, body: ReceiptBody) -> Receipt:
        signed = cose.sign(body, self._purse.epochs.signer(key))
        reach("purse.receipt.signed")
        return Receipt(signed, tuple(self._purse.objects.transfer(txid) for txid in body.refusals))

    def _refusals_of(self, txids: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Our redemptions that give back outputs of these transfers."""
        found: dict[bytes, None] = {}
        for txid in txids:
            row = self._incoming.containing(txid)
            for refusal in self._incoming.refusals(row["id"]) if row is not None else ():
                found[refusal] = None
        return tuple(found)

    def resume(self) -> None:
        """At opening: redemptions that wait for their signature get it, refused payments their receipt."""
        self._redeeming.sign_stored()
        for identifier in self._incoming.unreceipted():
            row = self._incoming.by_id(identifier)
            if row is not None:
                self._receipt(row)


def _paid_key(verified: Verified) -> bytes:
    """The own key that was paid, by which the receipt is signed."""
    return verified.received[0].owner
