"""Payments between two operating-system processes over nfcpy's simulated radio: both roles, short and long chains,
with either side killed in the middle, and on a busy machine."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.sampling import everything, sampled
from tests.transport.nfc.processes import SideProcess, free_port
from tests.transport.nfc.side import AMOUNT
from wallet.session import messages
from wallet.session.messages import PaymentMessage, ReceiptMessage, RequestMessage

ROLES = pytest.mark.parametrize("payer_reads", [True, False], ids=["payer reads", "payee reads"])
KILLED = pytest.mark.parametrize("payer_reads", sampled("killed in a tap", [True, False], 1))
TAPS = 50 if everything() else 3
BUSY_LOOPS = 6


Start = Callable[[str], SideProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a payer or payee with a wallet and a radio of its own."""
    with ExitStack() as stack:
        count = itertools.count()

        def started(role: str) -> SideProcess:
            side = SideProcess(role, tmp_path / f"{role} {next(count)}", free_port())
            stack.callback(side.close)
            return side

        yield started


@pytest.fixture
def sides(start: Start) -> tuple[SideProcess, SideProcess]:
    """Payer and payee with one radio between them."""
    payer, payee = start("payer"), start("payee")
    payee.use(payer.port)
    return payer, payee


def pay(payer: SideProcess, payee: SideProcess, hops: int, *, payer_reads: bool) -> dict[str, Any]:
    """One tap that pays; the payer's report."""
    reader, card = (payer, payee) if payer_reads else (payee, payer)
    for side in (reader, card):
        side.ask("prepare", hops=hops)
    card.listen()
    read = reader.ask("read", seconds=60)
    served = card.hear()
    assert (read["end"], served["came"]) == ("OVER", True)
    by_payer, by_payee = (read, served) if payer_reads else (served, read)
    assert by_payer["said"] == by_payee["heard"]
    assert by_payee["said"] == by_payer["heard"]
    assert by_payer["state"] == by_payee["state"] == "acknowledged"
    request, receipt = (messages.decode(bytes.fromhex(raw)) for raw in by_payer["heard"])
    assert isinstance(request, RequestMessage)
    assert isinstance(receipt, ReceiptMessage)
    (payment,) = (messages.decode(bytes.fromhex(raw)) for raw in by_payer["said"])
    assert isinstance(payment, PaymentMessage)
    assert len(payment.payment.transfers) == hops
    return by_payer


@ROLES
@pytest.mark.parametrize("hops", [1, 5, 15])
def test_every_tap_pays(sides: tuple[SideProcess, SideProcess], hops: int, payer_reads: bool) -> None:
    payer, payee = sides
    paid = {pay(payer, payee, hops, payer_reads=payer_reads)["said"][0] for _ in range(TAPS)}
    assert len(paid) == TAPS
    assert payee.ask("money") == {"held": TAPS * AMOUNT}


@KILLED
def test_a_killed_reader_is_missed_and_the_next_one_is_served(
    sides: tuple[SideProcess, SideProcess], start: Start, payer_reads: bool
) -> None:
    reader, card = sides if payer_reads else sides[::-1]
    other = start("payer" if payer_reads else "payee")
    card.ask("prepare", hops=5)
    card.listen()
    reader.ask("prepare", hops=5)
    reader.tell("read", seconds=60, die_at=3)
    assert reader.died() == -signal.SIGKILL
    assert card.hear()["came"]
    other.use(card.port)
    pay(*((other, card) if payer_reads else (card, other)), 5, payer_reads=payer_reads)


@KILLED
def test_a_killed_card_is_a_torn_tap_and_the_next_one_is_read(
    sides: tuple[SideProcess, SideProcess], start: Start, payer_reads: bool
) -> None:
    reader, card = sides if payer_reads else sides[::-1]
    other = start("payee" if payer_reads else "payer")
    card.ask("prepare", hops=5)
    card.listen(die_at=3)
    reader.ask("prepare", hops=5)
    assert reader.ask("read", seconds=60)["end"] == "TORN"
    assert card.died() == -signal.SIGKILL
    other.use(reader.port)
    pay(*((reader, other) if payer_reads else (other, reader)), 5, payer_reads=payer_reads)


@pytest.mark.serial
@pytest.mark.skipif(not everything(), reason="only with --all: it takes the whole machine")
@ROLES
def test_on_a_busy_machine(sides: tuple[SideProcess, SideProcess], payer_reads: bool) -> None:
    with ExitStack() as stack:
        for _ in range(BUSY_LOOPS):
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(loop.wait)
            stack.callback(loop.kill)
        for _ in range(20):
            pay(*sides, 5, payer_reads=payer_reads)
