"""One side of a tap as a process of its own: a real wallet behind nfcpy's simulated radio, driven by JSON lines.

`python -m tests.transport.nfc.side payer|payee FOLDER DEVICE`. Each line names what to do and is answered by a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from tests.support.wallets import WalletNetwork
from wallet.session import Payee
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import Card, Deadline, TapEnd, Tapper
from wallet.transport.nfc.blocks import Nothing
from wallet.transport.nfc.nfcpy_card import NfcpyCard
from wallet.transport.nfc.nfcpy_reader import NfcpyReader
from wallet.transport.nfc.ports import ReaderLink, Reply
from wallet.wallet import Wallet

AMOUNT = 12_505


R = TypeVar("R")


class Observed:
    """A tap of either role whose person says yes at once; it notes each message that it says and hears, once."""

    def __init__(self, tap: PayerTap | PayeeTap) -> None:
        self.tap = tap
        self.said: list[bytes] = []
        self.heard: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tap, name)

    def to_send(self) -> bytes | None:
        message = self.tap.to_send()
        self._noted(message)
        return message

    def current_message(self, ref: bytes) -> Reply:
        return self._noted(self.tap.current_message(ref))

    def take(self, message: bytes) -> Reply:
        self.heard.append(message)
        reply = self.tap.take(message)
        if isinstance(self.tap, PayerTap) and self.tap.waits_for_person:
            self.tap.session.confirm(AMOUNT)
            reply = self.tap.to_send() or Nothing()
        return self._noted(reply)

    def _noted(self, reply: R) -> R:
        if isinstance(reply, bytes) and reply not in self.said:
            self.said.append(reply)
        return reply

    def report(self) -> dict[str, Any]:
        """What was said and heard (hex), and how it stands."""
        said, heard = ([message.hex() for message in messages] for messages in (self.said, self.heard))
        return {"said": said, "heard": heard, "state": self.tap.session.state.value}


def payer_tap(net: WalletNetwork, hops: int) -> PayerTap:
    """Somebody whose money is ``hops`` − 1 hops old, so that it is ``hops`` old when it is paid on."""
    names = [f"person {number}" for number in range(hops)]
    for name in names:
        if name not in net.wallets:
            net.wallet(name)
    net.fund_exactly(names[0], AMOUNT)
    for payer, payee in pairwise(names):
        net.pay(payer, payee, AMOUNT)
    return PayerTap(net.wallets[names[-1]].paying)


def payee_tap(shop: Wallet) -> PayeeTap:
    return PayeeTap(shop.receiving, Payee(shop.receiving, shop.receiving.request(AMOUNT, valid_for=3_600)))


def dying(carry: Callable[[bytes], bytes], at: int | None) -> Callable[[bytes], bytes]:
    """``carry``, but the process is killed when it has carried so many APDUs."""
    count = 0

    def carried(command: bytes) -> bytes:
        nonlocal count
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        return carry(command)

    return carried


class Side:
    def __init__(self, role: str, folder: Path, device: str) -> None:
        self.net = WalletNetwork(folder)
        self.shop = self.net.wallet("shop", bank="zhibek") if role == "payee" else None
        self.device = device
        self.tap = Observed(self._new_tap(1))

    def _new_tap(self, hops: int) -> PayerTap | PayeeTap:
        return payer_tap(self.net, hops) if self.shop is None else payee_tap(self.shop)

    def use(self, device: str) -> dict[str, Any]:
        """From now on this device."""
        self.device = device
        return {"device": device}

    def prepare(self, hops: int) -> dict[str, Any]:
        """A new payment, or a new request."""
        self.tap = Observed(self._new_tap(hops))
        return {"ref": self.tap.ref.hex()}

    def serve(self, seconds: float, die_at: int | None = None) -> dict[str, Any]:
        """Be the card for one reader."""
        card = Card(self.tap)
        came = NfcpyCard(self.device, is_developer=True).serve(dying(card.answer, die_at), within(seconds))
        return {"came": came, **self.tap.report()}

    def read(self, seconds: float, die_at: int | None = None) -> dict[str, Any]:
        """Be the reader of one card."""
        deadline = within(seconds)
        with NfcpyReader(self.device, is_developer=True).tap(deadline) as link:
            end = None if link is None else self._converse(link, deadline, die_at)
        return {"end": end and end.name, **self.tap.report()}

    def _converse(self, link: ReaderLink, deadline: Deadline, die_at: int | None) -> TapEnd:
        return Tapper(self.tap, time.sleep).tap(_Dying(link, die_at), deadline)

    def money(self) -> dict[str, Any]:
        assert self.shop is not None
        return {"held": self.shop.balance().held}


class _Dying:
    def __init__(self, link: ReaderLink, at: int | None) -> None:
        self.transceive = dying(link.transceive, at)


def within(seconds: float) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


def main(kind: type[Side] = Side) -> None:
    role, folder, device = sys.argv[1:]
    side = kind(role, Path(folder), device)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(getattr(side, order.pop("do"))(**order)), flush=True)


if __name__ == "__main__":
    main()
