"""One person with a real wallet, in a process of their own, who pays or is paid by tap with a device named as in
`wallet.transport.nfc.devices`; run by `people.py`.

    python -m tests.transport.nfc.tap_person FOLDER payer|payee reader|card DEVICE HOPS [TORN_AT ...]

The world is the same in every process, since all of it follows from names. The payer's money was handed on HOPS - 1
times before. A card leaves the field at its TORN_AT-th APDUs (from 0) unanswered, and comes back. A reader ends when
all is said, a card when its standard input ends; either then says on a line of JSON how it went.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.wallets import WalletNetwork
from tests.support.world import NOW
from wallet.session import Payee, Payer
from wallet.session.events import ConfirmationNeeded, PaymentReceived
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import Card, Deadline, TapEnd, Tapper
from wallet.transport.nfc.devices import open_card, open_reader
from wallet.transport.nfc.mailbox import Mailbox

AMOUNT = 1_250_050
PATIENCE = 60.0


class Gone(Exception):
    """The card is pulled away with a command unanswered."""


class Person:
    """``payer`` has money and says yes to what is asked; ``payee`` asks for it."""

    def __init__(self, net: WalletNetwork, role: str, hops: int) -> None:
        self.net = net
        self.received = 0
        if role == "payer":
            self.wallet = handed_on(net, hops)
            self.end: PayerTap | PayeeTap = PayerTap(self.wallet.paying, Payer(self.wallet.paying))
        else:
            self.wallet = net.wallet("shop", bank="zhibek")
            request = self.wallet.receiving.request(AMOUNT, valid_for=3_600)
            self.end = PayeeTap(self.wallet.receiving, Payee(self.wallet.receiving, request))

    def decide(self) -> None:
        """Take note of what happened; say yes."""
        if isinstance(self.end, PayeeTap):
            said = self.end.session.events()
            self.received += sum(each.received.amount for each in said if isinstance(each, PaymentReceived))
        elif any(isinstance(each, ConfirmationNeeded) for each in self.end.events()):
            self.end.session.confirm(AMOUNT)

    def outcome(self, ends: list[TapEnd]) -> dict[str, object]:
        self.decide()
        return {
            "ends": [end.name for end in ends],
            "state": self.end.session.state.value,
            "held": self.wallet.balance().held,
            "received": self.received,
            "payment": self._payment(),
        }

    def _payment(self) -> str | None:
        """What the payer signed, byte by byte."""
        if not isinstance(self.end, PayerTap) or self.end.session.payment_id is None:
            return None
        shown: str = self.wallet.paying.show_again(self.end.session.payment_id).hex()
        return shown


def handed_on(net: WalletNetwork, hops: int):  # type: ignore[no-untyped-def]
    """A payer whose money has ``hops`` - 1 changes of custody behind it."""
    net.wallet("person 0", AMOUNT)
    for hop in range(1, hops):
        net.wallet(f"person {hop}")
        net.pay(f"person {hop - 1}", f"person {hop}", AMOUNT)
    return net.wallets[f"person {hops - 1}"]


def in_time(cancelled: Callable[[], bool] = lambda: False) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + PATIENCE, cancelled)


def read(person: Person, device: str) -> list[TapEnd]:
    """Taps until all is said."""
    reader, tapper, ends = open_reader(device, developer=True), Tapper(person.end, time.sleep), list[TapEnd]()
    while TapEnd.OVER not in ends:
        deadline = in_time()
        with reader.tap(deadline) as link:
            if link is None:
                raise SystemExit(f"nobody came: {ends}")
            ends.append(tapper.tap(link, deadline))
        person.decide()
    return ends


def answer(person: Person, device: str, torn_at: set[int]) -> list[TapEnd]:
    """Serve taps in a thread, answer them in this one, until standard input ends."""
    desk, is_over = Mailbox(), threading.Event()
    card, count = Card(desk), iter(range(sys.maxsize))

    def torn(command: bytes) -> bytes:
        if next(count) in torn_at:
            raise Gone
        return card.answer(command)

    def serve() -> None:
        link = open_card(device, developer=True)
        while not is_over.is_set():
            try:
                link.serve(torn, in_time(is_over.is_set))
            except Gone:
                continue

    def wait_for_the_end() -> None:
        sys.stdin.read()
        is_over.set()

    threads = [threading.Thread(target=serve), threading.Thread(target=wait_for_the_end)]
    for thread in threads:
        thread.start()
    while not is_over.is_set():
        desk.answer_next(person.end, 0.1)
        person.decide()
    for thread in threads:
        thread.join()
    return []


def main(folder: str, role: str, side: str, device: str, hops: str, *torn_at: str) -> None:
    net = WalletNetwork(Path(folder))
    assert net.world.now == NOW
    person = Person(net, role, int(hops))
    if side == "reader":
        ends = read(person, device)
    else:
        ends = answer(person, device, {int(number) for number in torn_at})
    print(json.dumps(person.outcome(ends)), flush=True)
    net.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
