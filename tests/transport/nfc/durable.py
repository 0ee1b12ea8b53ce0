"""One side of a tap as a process that can be killed and started again: its purse and SoftHSM token lie on disk.

`python -m tests.transport.nfc.durable payer|payee FOLDER DEVICE` goes on with what its purse has: a payer with what it
has not got a receipt for, a payee with the request that it made last.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import hsm
from tests.support.wallets import WalletNetwork
from tests.support.world import NOW, World
from tests.transport.nfc.aged import paid_to
from tests.transport.nfc.processes import ROOT, SideProcess
from tests.transport.nfc.side import AMOUNT, Observed, Side, main
from wallet.protocol.codes import Refusal
from wallet.protocol.request import request_ref
from wallet.session import Payee, Payer, PayerState
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc.ports import ReaderLink
from wallet.wallet import Wallet

PIN = "2580" * 4
_REQUEST, _PLAN = "request", "plan"


def clock() -> int:
    return NOW


def opened(folder: Path) -> Wallet:
    keystore = hsm.open_keystore(folder / "keys", PIN, clock=clock, random=secrets.token_bytes)
    return Wallet.open(folder / "purse", keystore, clock, secrets.token_bytes)


class DurableSide(Side):
    """The person says yes at once, to what is asked anew and to what was never signed."""

    def __init__(self, role: str, folder: Path, device: str) -> None:
        self.role, self.folder, self.device = role, folder, device
        self.wallet = opened(folder) if (folder / "keys").exists() else made(role, folder)
        self.tap = Observed(self._found())

    def _found(self) -> PayerTap | PayeeTap:
        if self.role == "payee":
            return self._asked()
        paying = self.wallet.paying
        waiting = paying.pending()
        session = Payer.resume(paying, waiting[-1].id) if waiting else Payer(paying)
        if session.state is PayerState.RESERVED:
            session.confirm(AMOUNT)
        return PayerTap(paying, session)

    def _asked(self) -> PayeeTap:
        receiving, note = self.wallet.receiving, self.folder / _REQUEST
        request = receiving.own_request(note.read_bytes()) if note.exists() else None
        if request is None:
            request = receiving.request(AMOUNT, valid_for=3_600)
            note.write_bytes(request_ref(request))
        return PayeeTap(receiving, Payee.resume(receiving, request))

    def prepare(self, hops: int = 0) -> dict[str, Any]:
        """A new payment or request."""
        (self.folder / _REQUEST).unlink(missing_ok=True)
        self.tap = Observed(self._found())
        return self.look()

    def look(self) -> dict[str, Any]:
        """What the purse has: tiyn held, tiyn paid with a receipt, payments without one; the process."""
        history = self.wallet.history()
        paid = [event for event in history if event.kind == "paid" and event.state == "acknowledged"]
        return {
            "held": self.wallet.balance().held,
            "paid": sum(event.amount for event in paid),
            "received": sum(event.amount for event in history if event.kind == "received"),
            "open": len(self.wallet.paying.pending()),
            "pid": os.getpid(),
        }

    def _converse(self, link: ReaderLink, *rest: Any) -> Any:
        try:
            return super()._converse(link, *rest)
        except Refusal as refusal:
            return refusal.code


class DurableProcess(SideProcess):
    """`tests.transport.nfc.durable` in a process of its own; with a ``failpoint`` it dies when it first gets there."""

    def __init__(self, role: str, folder: Path, port: int, failpoint: str = "") -> None:
        self.port = port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.nfc.durable", role, str(folder), f"udp:127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "QALTA_FAILPOINT": failpoint},
        )
        self._is_ready = False

    @property
    def is_dead(self) -> bool:
        return self._process.poll() is not None

    def has_answered(self, seconds: float) -> bool:
        """Whether its answer, or its end, comes within so many seconds; it is still to be heard."""
        return bool(select.select([self._process.stdout], [], [], seconds)[0])  # type: ignore[type-var]


def plan(folder: Path, hops: int, payments: int) -> None:
    """What the two processes below ``folder`` shall make when they start first."""
    for role in ("payer", "payee"):
        (folder / role).mkdir(parents=True)
        (folder / role / _PLAN).write_text(f"{hops} {payments}")


def made(role: str, folder: Path) -> Wallet:
    """A new wallet; a payer's has tokens for so many payments of the ``hops``-th hop, one for each."""
    keys, world = folder / "keys", World()
    hsm.provision(keys, PIN, random=secrets.token_bytes, clock=clock, cost=hsm.RANDOM_PIN_COST)
    wallet = opened(folder)
    net = WalletNetwork(folder, world)
    net.wallets[role] = wallet
    wallet.reconciling.take_root(world.root.public, world.signed_directory().encode())
    wallet.reconciling.take_policy(None, net.update())
    net.certify(role, bank="alatau" if role == "payer" else "zhibek")
    if role == "payer":
        _fund(net, wallet, *map(int, (folder / _PLAN).read_text().split()))
    return wallet


def _fund(net: WalletNetwork, wallet: Wallet, hops: int, payments: int) -> None:
    if hops == 1:
        # A funding has at most so many tokens.
        for first in range(0, payments, 8):
            net.fund_exactly("payer", *[AMOUNT] * min(8, payments - first))
        return
    for number in range(payments):
        request = wallet.receiving.request(AMOUNT)
        payment = paid_to(net.world, request, hops - 1, AMOUNT + hops, crowd=f"crowd {number}")
        assert wallet.receiving.receive(payment.encode()).code is None


if __name__ == "__main__":
    main(DurableSide)
