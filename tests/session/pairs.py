"""Two sessions with a carrier between them, as every test here wants them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.session.holders import FUNDS, Holder, MemoryPlace, Place
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.session import Deframer, Money, Payee, PayeeState, Payer, PayerState, frame, messages
from wallet.session.events import ConfirmationNeeded, PayeeEvent, PayerEvent, PaymentReceived
from wallet.session.messages import ProblemMessage
from wallet.transport.loopback import Cut, Loopback, whole

AMOUNT = 1_250_050
LATE = 61 * DAY
"""Certificates in these worlds have expired by then: a payee whose clock says so refuses what is valid."""


@dataclass
class Pair:
    """A payer with money, a payee with a request, and what each of them has said happened."""

    place: Place
    alia: Holder
    shop: Holder
    request: Signed[Request]
    payer: Payer
    payee: Payee
    said_payer: list[PayerEvent] = field(default_factory=list)
    said_payee: list[PayeeEvent] = field(default_factory=list)

    @classmethod
    def of(
        cls, place: Place | None = None, amount: int = AMOUNT, *, is_open: bool = False, printed: bool = False
    ) -> Pair:
        place = place or MemoryPlace()
        alia = place.holder("alia", "alatau", FUNDS)
        shop = place.holder("shop", "zhibek")
        request = shop.ask(amount, is_open=is_open, printed=printed)
        return cls(place, alia, shop, request, Payer(alia.paying), Payee(shop.receiving, request))

    def hear(self) -> None:
        self.said_payer += self.payer.events()
        self.said_payee += self.payee.events()

    def to_payer(self, raw: bytes | None) -> None:
        assert raw is not None
        self.payer.receive(raw)
        self.hear()

    def to_payee(self, raw: bytes | None) -> None:
        assert raw is not None
        self.payee.receive(raw)
        self.hear()

    def ask(self) -> None:
        self.to_payer(self.payee.bytes_to_send())

    def agree(self, amount: int = AMOUNT) -> None:
        self.payer.confirm(amount)
        self.hear()

    def pay(self) -> bytes:
        raw = self.payer.bytes_to_send()
        self.to_payee(raw)
        assert raw is not None
        return raw

    def answer(self) -> bytes:
        raw = self.payee.bytes_to_send()
        self.to_payer(raw)
        assert raw is not None
        return raw

    def run(self) -> None:
        """The whole payment, as two screens and two cameras do it."""
        self.ask()
        self.agree()
        self.pay()
        self.answer()

    def restart_payer(self) -> None:
        """The payer's process died. The new one takes up what its purse says is open, or starts over."""
        self.hear()
        self.alia.restart()
        open_ = self.alia.open_payments()
        self.payer = Payer.resume(self.alia.paying, open_[-1]) if open_ else Payer(self.alia.paying)
        self.hear()

    def restart_payee(self) -> None:
        self.hear()
        self.shop.restart()
        self.payee = Payee.resume(self.shop.receiving, self.request)
        self.hear()

    @property
    def received(self) -> int:
        """What the payee was told is new money (tiyn)."""
        return sum(item.received.amount for item in self.said_payee if isinstance(item, PaymentReceived))

    def kinds(self) -> tuple[list[str], list[str]]:
        """The names of all that was said, payer's and payee's."""
        return [type(item).__name__ for item in self.said_payer], [
            type(item).__name__ for item in self.said_payee
        ]


def talk(pair: Pair, cut: Cut = whole) -> None:
    """Two-way carrier: each answers what it hears until neither has anything to say; the person agrees at once."""
    ends: dict[Payer | Payee, Loopback] = dict(zip((pair.payer, pair.payee), Loopback.pair(cut), strict=True))
    streams: dict[Payer | Payee, Deframer] = {session: Deframer() for session in ends}

    def say(session: Payer | Payee, raw: bytes | None) -> None:
        if raw is not None:
            ends[session].send(frame(raw))

    say(pair.payee, pair.payee.bytes_to_send())
    is_quiet = False
    while not is_quiet:
        is_quiet = True
        for session, end in ends.items():
            while (piece := end.receive()) is not None:
                is_quiet = False
                for message in streams[session].receive(piece):
                    session.receive(message)
                    say_yes(pair)
                    say(session, session.reply())


def say_yes(pair: Pair) -> None:
    """The person confirms whatever was asked since last time."""
    already = len(pair.said_payer)
    pair.hear()
    for said in pair.said_payer[already:]:
        if isinstance(said, ConfirmationNeeded):
            pair.payer.confirm(said.consideration.amount or said.consideration.ceiling or 0)
    pair.hear()


def both_done(pair: Pair) -> None:
    """Both agree, and the money is where they say: once with the payee, once gone from the payer."""
    assert (pair.payer.state, pair.payee.state) == (PayerState.ACKNOWLEDGED, PayeeState.ACKNOWLEDGED)
    assert pair.payer.money is Money.PAID
    assert (pair.alia.money, pair.shop.money, pair.received) == (sum(FUNDS) - AMOUNT, AMOUNT, AMOUNT)


def problem(raw: bytes | None) -> Code:
    """The code of the problem message that ``raw`` must be."""
    assert raw is not None
    message = messages.decode(raw)
    assert isinstance(message, ProblemMessage)
    return message.code
