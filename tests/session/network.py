"""A hostile network between two wallets, and people who press anything: each act takes two drawn numbers.

The network keeps every message ever sent and delivers any of them to anybody, in any order, any number of times, or
never, or damaged; either phone may die at any verb of its purse; people start new exchanges in the middle of old ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.session.holders import FUNDS, Place, PowerCut
from tests.session.pairs import LATE
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.session import LocalError, Payee, PayeeState, Payer, PayerState, messages
from wallet.session.events import ConfirmationNeeded, PaymentReceived, SignatureNeeded
from wallet.session.messages import PaymentMessage, RequestMessage

VERBS: Final = (
    "consider",
    "reserve",
    "summary",
    "sign",
    "transfers",
    "shown",
    "acknowledge",
    "receive",
    "answered",
)
MOST_REQUESTS: Final = 4


class Network:
    """Two holders, their present sessions, and all that was ever said between them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.alia = place.holder("alia", "alatau", FUNDS)
        self.shop = place.holder("shop", "zhibek")
        self.air: list[bytes] = []
        self.requests: list[Signed[Request]] = []
        self.payments: dict[bytes, set[tuple[bytes, ...]]] = {}
        self.told: Counter[tuple[bytes, ...]] = Counter()
        self.asked_for = 1
        self.payer = Payer(self.alia.paying)
        self.new_request(100_000, 1)

    # the people

    def new_request(self, a: int, b: int) -> None:
        if len(self.requests) < MOST_REQUESTS:
            self.requests.append(self.shop.ask(1 + a % 600_000, is_open=b % 3 == 0))
            self.payee = Payee(self.shop.receiving, self.requests[-1])

    def new_payer(self, a: int, b: int) -> None:
        self.payer = Payer(self.alia.paying)

    def request_again(self, a: int, b: int) -> None:
        request = self.requests[a % len(self.requests)]
        self.as_payee(lambda: setattr(self, "payee", Payee.resume(self.shop.receiving, request)))

    def payment_again(self, a: int, b: int) -> None:
        known = sorted(self.payments)
        if known:
            payment = known[a % len(known)]
            self.as_payer(lambda: setattr(self, "payer", Payer.resume(self.alia.paying, payment)))

    def yes(self, a: int, b: int) -> None:
        amount = self.asked_for if b % 4 else 1 + a % 700_000
        self.as_payer(lambda: self.payer.confirm(amount))

    def no(self, a: int, b: int) -> None:
        self.as_payer(lambda: self.payer.decline())

    def cancel(self, a: int, b: int) -> None:
        self.as_payee(lambda: self.payee.cancel())

    def clock(self, a: int, b: int) -> None:
        now = self.place.world.now + (0, 3_600, 3_601)[a % 3]
        self.as_payer(lambda: self.payer.tick(now))
        self.as_payee(lambda: self.payee.tick(now))

    # the phones

    def power_cut(self, a: int, b: int) -> None:
        """The next time it comes to this verb."""
        (self.alia, self.shop)[b % 2].cut_at(("-", "")[a % 2] + VERBS[a // 2 % len(VERBS)])

    def as_payer(self, act: Callable[[], object]) -> None:
        try:
            act()
        except LocalError:
            pass  # a person pressed what the screen does not offer
        except PowerCut:
            self.note()
            self.alia.restart()
            self.payer = Payer(self.alia.paying)
        self.note()

    def as_payee(self, act: Callable[[], object]) -> None:
        try:
            act()
        except LocalError:
            pass
        except PowerCut:
            self.note()
            self.shop.restart()
            self.payee = Payee(self.shop.receiving, self.requests[-1])
        self.note()

    def note(self) -> None:
        for payment in self.alia.open_payments():
            self.payments.setdefault(payment, set())
        for said in self.payer.events():
            if isinstance(said, ConfirmationNeeded):
                self.asked_for = said.consideration.amount or said.consideration.ceiling or 1
            elif isinstance(said, SignatureNeeded):
                self.asked_for = said.payment.amount
        for heard in self.payee.events():
            if isinstance(heard, PaymentReceived):
                self.told[heard.received.receipt.signed.body.transfers] += 1

    # the network

    def payer_scans(self, a: int, b: int) -> None:
        said = len(self.air)
        self.as_payee(lambda: self.send(self.payee.bytes_to_send()))
        if len(self.air) > said:
            self.to_payer(self.air[-1])

    def payee_scans(self, a: int, b: int) -> None:
        said = len(self.air)
        self.as_payer(lambda: self.send(self.payer.bytes_to_send()))
        if len(self.air) > said:
            self.to_payee(self.air[-1], is_late=b % 6 == 0)

    def old_to_payer(self, a: int, b: int) -> None:
        if self.air:
            self.to_payer(self.air[a % len(self.air)])

    def old_to_payee(self, a: int, b: int) -> None:
        if self.air:
            self.to_payee(self.air[a % len(self.air)], is_late=b % 6 == 0)

    def damaged(self, a: int, b: int) -> None:
        if self.air:
            raw = bytearray(self.air[a % len(self.air)])
            raw[b // 8 % len(raw)] ^= 1 << b % 8
            (self.to_payer if a % 2 else self.to_payee)(bytes(raw))

    def send(self, raw: bytes | None) -> None:
        if raw is None:
            return
        self.air.append(raw)
        message = messages.decode(raw)
        if isinstance(message, PaymentMessage):
            assert self.payer.payment_id is not None
            self.payments.setdefault(self.payer.payment_id, set()).add(message.payment.ids)

    def to_payer(self, raw: bytes) -> None:
        self.as_payer(lambda: self.payer.receive(raw))
        self.as_payer(lambda: self.send(self.payer.reply()))

    def to_payee(self, raw: bytes, is_late: bool = False) -> None:
        self.shop.run_ahead(LATE if is_late else 0)
        self.as_payee(lambda: self.payee.receive(raw))
        self.shop.run_ahead(0)
        self.as_payee(lambda: self.send(self.payee.reply()))

    # what must hold

    def check(self) -> None:
        """At any moment: nobody is told twice of one payment, no request is paid twice, no payment ever changes."""
        assert all(count == 1 for count in self.told.values())
        assert all(len(ids) <= 1 for ids in self.payments.values())
        known = [self.alia.payment(payment) for payment in self.payments]
        paid = Counter(request for state, _, request in known if state not in ("reserved", "dropped"))
        assert all(count == 1 for count in paid.values())
        assert self.alia.money + self.shop.money <= sum(FUNDS)

    def settle(self) -> None:
        """Fair delivery: each open payment is shown until it has its receipt."""
        self.alia.cut_at(None)
        self.shop.cut_at(None)
        payee = Payee.resume(self.shop.receiving, self.requests[-1])
        for payment in self.alia.open_payments():
            self.payments.setdefault(payment, set())
            payer = Payer.resume(self.alia.paying, payment)
            if payer.state is PayerState.RESERVED:
                payer.decline()
                continue
            payee.receive(payer.bytes_to_send() or b"")
            payer.receive(payee.reply() or b"")
            assert payer.state in (PayerState.ACKNOWLEDGED, PayerState.REFUSED)

    def check_agreement(self) -> Counter[str]:
        """In the end both say the same of every request, and every tiyn is where they say; the payments by state."""
        assert self.alia.open_payments() == []
        known = [self.alia.payment(payment) for payment in self.payments]
        paid = sum(amount for state, amount, _ in known if state == PayerState.ACKNOWLEDGED)
        refused = sum(amount for state, amount, _ in known if state == PayerState.REFUSED)
        assert self.shop.money == paid
        assert self.alia.money == sum(FUNDS) - paid - refused
        for request in self.requests:
            payer, payee = Payer(self.alia.paying), Payee.resume(self.shop.receiving, request)
            payer.receive(messages.encode(RequestMessage(request)))
            assert payee.state is AGREE.get(payer.state, PayeeState.REQUESTING)
        return Counter(state for state, _, _ in known)


AGREE: Final = {PayerState.ACKNOWLEDGED: PayeeState.STORED, PayerState.REFUSED: PayeeState.REFUSED}

N = Network
ACTS: Final[tuple[Callable[[Network, int, int], None], ...]] = (
    *(N.payer_scans, N.yes, N.payee_scans) * 4,
    *(N.power_cut, N.power_cut, N.old_to_payer, N.old_to_payee, N.damaged),
    *(N.new_request, N.new_payer, N.request_again, N.payment_again, N.no, N.cancel, N.clock),
)
"""As often as they stand here, so that schedules get somewhere."""
