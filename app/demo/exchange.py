"""One payment between two wallets through QR pictures on disk: request, payment, receipt, each read from pixels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from app.launch.actors import Actor, Answer


@dataclass(frozen=True, slots=True)
class Hop:
    """A line of the table: ``amount`` tiyn, ``bytes`` of the encoded payment, ``frames`` shown until it was read."""

    payer: str
    payee: str
    amount: int
    hop: int
    bytes: int
    frames: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A payment that one of the two refused: who, and with which code."""

    by: str
    code: str


def pay_by_qr(payer: Actor, payee: Actor, tiyn: int, folder: Path) -> Hop | Failed:
    """Play it to the end, or to the refusal. ``folder`` keeps the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    written = f"{tiyn // 100},{tiyn % 100:02}"
    payee.must("request", written, "--out", str(folder / "request.png"))
    paid = payer.do("pay", str(folder / "request.png"), "--yes", "--out", str(folder / "payment"))
    if paid.status:
        return _failed(payer, paid)
    received = payee.do("receive", str(folder / "payment"), "--out", str(folder / "receipt.png"))
    if (folder / "receipt.png").exists():
        payer.must("pay", str(folder / "receipt.png"))
    if received.status:
        return _failed(payee, received)
    return Hop(
        payer.shown,
        payee.shown,
        tiyn,
        int(received.result["hop"]),
        int(received.result["bytes"]),
        int(received.result["frames"]),
        int((time.monotonic() - began) * 1000),
    )


def _failed(actor: Actor, answer: Answer) -> Failed:
    return Failed(actor.shown, answer.refused or "internal")
