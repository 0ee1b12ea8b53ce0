"""A payment by tap between two people in two processes; see `tap_person.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.transport.nfc.tap_person import AMOUNT

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``ends``: of the reader's taps. The rest is what each wallet says in the end."""

    ends: list[str]
    payer: dict[str, object]
    payee: dict[str, object]

    def check_paid(self) -> None:
        """Both agree, and the money is where they say, once."""
        assert (self.payer["state"], self.payee["state"]) == ("acknowledged", "acknowledged")
        assert (self.payer["held"], self.payee["held"], self.payee["received"]) == (0, AMOUNT, AMOUNT)


def pay(
    folder: Path, *, payer_reads: bool, reader: str, card: str, hops: int, torn_at: Sequence[int] = ()
) -> Outcome:
    """``reader`` and ``card`` are devices by name; the money has changed hands ``hops`` times once it is paid."""
    reading, answering = ("payer", "payee") if payer_reads else ("payee", "payer")
    there = _start(folder / answering, answering, "card", card, hops, torn_at)
    here = _start(folder / reading, reading, "reader", reader, hops)
    try:
        reads = _outcome(here)
        answers = _outcome(there)
    finally:
        for process in (here, there):
            process.kill()
            process.wait()
    payer, payee = (reads, answers) if payer_reads else (answers, reads)
    ends = reads["ends"]
    assert isinstance(ends, list)
    return Outcome(ends, payer, payee)


def _start(
    folder: Path, role: str, side: str, device: str, hops: int, torn_at: Sequence[int] = ()
) -> subprocess.Popen[str]:
    words = [str(folder), role, side, device, str(hops), *(str(number) for number in torn_at)]
    folder.mkdir(parents=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.transport.nfc.tap_person", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _outcome(process: subprocess.Popen[str]) -> dict[str, object]:
    """What it says once its standard input has ended and it is done."""
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    outcome: dict[str, object] = json.loads(out)
    return outcome
