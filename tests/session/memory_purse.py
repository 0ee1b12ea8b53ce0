"""A purse in memory that keeps the ports' promises with real signed objects: small, quick, and written from the ports.

What it holds is what a real one has on disk: throwing the session away and keeping the purse is a crash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from tests.support.world import Person, World
from wallet.protocol import cose
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.limits import Commitments
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.receipt import Receipt, ReceiptBody, check_answer
from wallet.protocol.request import Request, check_request, request_ref
from wallet.protocol.transfer import TokenRef, ToPayer, Transfer
from wallet.protocol.validity import Token, Verified, issued_tokens, verify, verify_payment


@dataclass(frozen=True)
class Summary:
    id: bytes
    state: str
    amount: int


@dataclass(frozen=True)
class Considered:
    request: Signed[Request]
    amount: int | None
    ceiling: int | None
    payment: bytes | None
    earlier: tuple[Summary, ...]
    alike: tuple[Summary, ...] = ()


@dataclass(frozen=True)
class Answer:
    receipt: Receipt
    amount: int
    repeat_of: int | None
    code: Code | None


@dataclass
class Intent:
    id: bytes
    request: Signed[Request]
    amount: int
    inputs: tuple[TokenRef, ...]
    state: str = "reserved"
    raw: bytes = b""

    def summary(self) -> Summary:
        return Summary(self.id, self.state, self.amount)


@dataclass(frozen=True)
class Held:
    """A token with all that proves it."""

    token: Token
    transfers: tuple[Signed[Transfer], ...] = ()
    issuances: tuple[Signed[Issuance], ...] = ()
    certificates: tuple[Signed[Certificate], ...] = ()


@dataclass
class MemoryPurse:
    """Both sides of one wallet; ``ahead`` is how many seconds its clock is ahead of the world's."""

    world: World
    person: Person
    held: dict[TokenRef, Held] = field(default_factory=dict)
    intents: dict[bytes, Intent] = field(default_factory=dict)
    asked: dict[bytes, Signed[Request]] = field(default_factory=dict)
    answers: dict[tuple[bytes, ...], Answer] = field(default_factory=dict)
    answered_for: dict[bytes, list[tuple[bytes, ...]]] = field(default_factory=dict)
    refused: set[TokenRef] = field(default_factory=set)
    consumers: dict[TokenRef, bytes] = field(default_factory=dict)
    ahead: int = 0

    def fund(self, *amounts: int) -> None:
        issuance = self.world.issue(self.person, *amounts)
        for token in issued_tokens(issuance):
            self.held[token.ref] = Held(token, issuances=(issuance,))

    @property
    def now(self) -> int:
        return self.world.now + self.ahead

    @property
    def money(self) -> int:
        return sum(held.token.amount for held in self.held.values())

    # the payer's side

    def consider(self, request: Signed[Request]) -> Considered:
        check_request(request, self.world.directory())
        to_same = [item for item in self.intents.values() if item.request.id == request.id]
        printed = request.body.is_printed
        going = [
            item for item in to_same if item.state == "reserved" or not (printed or item.state == "dropped")
        ]
        open_ = [item.summary() for item in to_same if printed and item.state in ("signed", "shown")]
        amount = None if request.body.is_open else request.body.amount
        if not going:
            self._check_time(request)
            self._choose(amount or 1)
        ceiling = request.body.amount if request.body.is_open else None
        return Considered(request, amount, ceiling, going[-1].id if going else None, tuple(open_))

    def _check_time(self, request: Signed[Request]) -> None:
        now, expires = self.now, request.body.expires
        require(now <= expires, Code.REQUEST_EXPIRED, time=now, expires=expires)

    def _choose(self, amount: int) -> tuple[TokenRef, ...]:
        taken = {ref for item in self.intents.values() if item.state == "reserved" for ref in item.inputs}
        chosen: list[TokenRef] = []
        found = 0
        for ref, held in sorted(self.held.items()):
            if found < amount and ref not in taken:
                chosen.append(ref)
                found += held.token.amount
        require(found >= amount, Code.FUNDS_SHORT, have=found, need=amount)
        return tuple(chosen)

    def reserve(
        self,
        request: Signed[Request],
        amount: int,
        *,
        allow_second: bool = False,
        contact: bytes | None = None,
    ) -> bytes:
        considered = self.consider(request)
        if considered.payment is not None:
            return considered.payment
        require(allow_second or not considered.earlier, Code.ALREADY_PAID)
        if request.body.is_open:
            require(amount <= request.body.amount, Code.AMOUNT_OVER_CEILING, paid=amount)
        else:
            require(amount == request.body.amount, Code.AMOUNT_MISMATCH, paid=amount)
        identifier = hashlib.sha256(repr((self.person.key.name, len(self.intents))).encode()).digest()[:16]
        self.intents[identifier] = Intent(identifier, request, amount, self._choose(amount))
        return identifier

    def sign(self, payment: bytes) -> bytes:
        intent = self._intent(payment)
        if intent.raw:
            return intent.raw
        require(intent.state == "reserved", Code.PAYMENT_STATE, state=intent.state)
        self._check_time(intent.request)
        inputs = [self.held.pop(ref) for ref in intent.inputs]
        intent.raw = self._pay(intent, inputs)
        intent.state = "signed"
        return intent.raw

    def _pay(self, intent: Intent, inputs: list[Held]) -> bytes:
        tokens = [held.token for held in inputs]
        request = intent.request
        made = self.world.transfer(self.person, tokens, request.body.key, intent.amount, request_ref(request))
        transfers = {item.id: item for held in inputs for item in held.transfers} | {made.id: made}
        issuances = {item.id: item for held in inputs for item in held.issuances}
        own = self.person.certificate
        certificates = {item.id: item for held in inputs for item in held.certificates} | {own.id: own}
        payment = Payment(
            1, tuple(transfers.values()), tuple(issuances.values()), tuple(certificates.values())
        )
        outputs = self.world.outputs(made, tokens, self.person)
        for change in outputs[1:]:
            self.held[change.ref] = Held(change, payment.transfers, payment.issuances, payment.certificates)
        raw = payment.encode()
        verify(raw, self.world.directory())
        return raw

    def shown(self, payment: bytes) -> None:
        intent = self._intent(payment)
        if intent.state == "signed":
            intent.state = "shown"

    def show_again(self, payment: bytes) -> bytes:
        intent = self._intent(payment)
        require(bool(intent.raw), Code.PAYMENT_STATE, state=intent.state)
        return intent.raw

    def transfers(self, payment: bytes) -> tuple[bytes, ...]:
        return parse_payment(self._intent(payment).raw).ids

    def acknowledge(self, payment: bytes, receipt: Receipt) -> str:
        intent = self._intent(payment)
        paid = verify(intent.raw, self.world.directory())
        check_answer(receipt, paid.received, intent.request.body, self.world.directory())
        if intent.state in ("signed", "shown"):
            intent.state = "acknowledged" if receipt.signed.body.code is None else "refused"
        return intent.state

    def drop(self, payment: bytes) -> None:
        intent = self._intent(payment)
        require(intent.state in ("reserved", "dropped"), Code.PAYMENT_STATE, state=intent.state)
        intent.state = "dropped"

    def summary(self, payment: bytes) -> Summary:
        return self._intent(payment).summary()

    def request(self, payment: bytes) -> Signed[Request]:
        return self._intent(payment).request

    def signed_for(self, ref: bytes) -> bytes | None:
        for item in self.intents.values():
            if item.raw and request_ref(item.request) == ref and not item.request.body.is_printed:
                return item.id
        return None

    def of_receipt(self, receipt: Receipt) -> bytes:
        for item in self.intents.values():
            if item.raw and parse_payment(item.raw).ids == receipt.signed.body.transfers:
                return item.id
        raise Refusal(Code.PAYMENT_UNKNOWN)

    def _intent(self, payment: bytes) -> Intent:
        found = self.intents.get(payment)
        if found is None:
            raise Refusal(Code.PAYMENT_UNKNOWN, {"payment": payment.hex()})
        return found

    # the payee's side

    def own_request(self, ref: bytes) -> Signed[Request] | None:
        return self.asked.get(ref)

    def ask(self, amount: int, **changes: object) -> Signed[Request]:
        nonce = hashlib.sha256(repr((self.person.key.name, len(self.asked))).encode()).digest()[:16]
        request = self.world.request(self.person, amount, **{"nonce": nonce, **changes})
        self.asked[request_ref(request)] = request
        return request

    def receive(self, payment: Payment) -> Answer:
        verified = verify_payment(payment, self.world.directory())
        require(all(token.owner == self.person.key.public for token in verified.received), Code.PAYEE_OTHER)
        known = self.answers.get(verified.payment.ids)
        if known is not None:
            return replace(known, repeat_of=known.receipt.signed.body.time)
        return self._answer(verified)

    def _answer(self, verified: Verified) -> Answer:
        ref = verified.payment.newest[0].body.purpose
        assert isinstance(ref, bytes)
        code = self._judge(verified, ref)
        amount = sum(token.amount for token in verified.received)
        refusals = self._keep(verified) if code is None else self._give_back(verified)
        body = ReceiptBody(verified.payment.ids, code, tuple(item.id for item in refusals), self.world.now)
        answer = Answer(Receipt(cose.sign(body, self.person.key.sign), refusals), amount, None, code)
        self.answers[verified.payment.ids] = answer
        self.answered_for.setdefault(ref, []).append(verified.payment.ids)
        for transfer in verified.payment.transfers:
            self.consumers.update(dict.fromkeys(transfer.body.inputs, transfer.id))
        return answer

    def _judge(self, verified: Verified, ref: bytes) -> Code | None:
        request = self.asked.get(ref)
        if request is None:
            return Code.REQUEST_UNKNOWN
        accepted = [ids for ids in self.answered_for.get(ref, ()) if self.answers[ids].code is None]
        if accepted and not request.body.is_printed:
            return Code.REQUEST_ANSWERED
        view = PayeeView(
            request, self.world.policy(), self.now, Commitments(held=self.money), self.consumers.get
        )
        try:
            check_acceptance(verified, view)
        except Refusal as refusal:
            return refusal.code
        return None

    def _keep(self, verified: Verified) -> tuple[Signed[Transfer], ...]:
        payment = verified.payment
        for token in verified.received:
            self.held[token.ref] = Held(token, payment.transfers, payment.issuances, payment.certificates)
        return ()

    def _give_back(self, verified: Verified) -> tuple[Signed[Transfer], ...]:
        self.refused.update(token.ref for token in verified.received)
        return tuple(
            self.world.transfer(
                self.person,
                [token],
                self.world.redemption.public,
                token.amount,
                ToPayer(verified.signers[token.ref.txid].body.key),
            )
            for token in verified.received
        )

    def answered(self, request: Signed[Request]) -> Answer | None:
        found = [self.answers[ids] for ids in self.answered_for.get(request_ref(request), ())]
        ordered = [item for item in found if item.code is not None] + [
            item for item in found if item.code is None
        ]
        return replace(ordered[-1], repeat_of=ordered[-1].receipt.signed.body.time) if ordered else None
