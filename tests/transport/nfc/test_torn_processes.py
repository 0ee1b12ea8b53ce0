"""Payments between two processes whose purses and SoftHSM tokens are on disk, over a radio at 106 kbit/s: cut at a
frame, either side killed by SIGKILL at a frame or at a step of its purse; then tapped and started again.

A few by default, all under ./test --all. Both purses must say the same in the end: paid once.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sampling import everything, sampled, seed
from tests.transport.nfc.durable import DurableProcess, plan
from tests.transport.nfc.ether import Ether, ether
from tests.transport.nfc.processes import free_port, wait_until_bound
from tests.transport.nfc.side import AMOUNT

FRAMES = {1: 20, 15: 64}
"""By hop: frames of a whole payment whose person says yes at once, from SENS_REQ on, in either role."""
MOST_TAPS = 6
READS, SERVES = 5, 8
"""Seconds that a reader looks for a card, and a card for a reader."""
GOODBYE = 1.0
"""Seconds in which a card that had a reader has noticed that it is gone."""
LANES = 4
"""Pairs that pay side by side under --all: most of a torn tap is waiting."""
POINTS = {
    "payer": (
        *(
            f"purse.{name}.{step}"
            for name in ("reserve", "sign", "acknowledge")
            for step in ("stored", "recorded")
        ),
        *("purse.sign.signed", "purse.shown.stored", "keystore.sign.done", "keystore.record.rewritten"),
    ),
    "payee": ("purse.accept.stored", "purse.accept.recorded", "purse.receipt.signed", "purse.receipt.stored"),
}


@dataclass(frozen=True)
class Case:
    """A payment and what befalls it. ``victim`` is cut off (``link``) or killed at ``frame``, or at ``point``; or in
    a hundred so many frames (``frame``) are lost by ``chance``."""

    hops: int
    payer_reads: bool
    victim: str
    frame: int | None = None
    point: str = ""

    def __str__(self) -> str:
        who = "payer" if self.payer_reads else "payee"
        return f"hop {self.hops}, {who} reads, {self.victim} at {self.point or self.frame}"


def at_every_frame(victim: str, hops: int) -> list[Case]:
    return [
        Case(hops, payer_reads, victim, frame)
        for payer_reads in (True, False)
        for frame in range(FRAMES[hops])
    ]


BY_CHANCE = [
    Case(hops, payer_reads, "chance", loss)
    for hops in FRAMES
    for payer_reads in (True, False)
    for loss in (1, 3, 6)
]
AT_POINTS = [
    Case(1, payer_reads, who, point=point)
    for who, points in POINTS.items()
    for point in points
    for payer_reads in (True, False)
]
GROUPS: dict[str, Sequence[Case]] = {
    "cuts of first-hop payments": sampled("cuts 1", at_every_frame("link", 1), 3),
    "cuts of last-hop payments": sampled("cuts 15", at_every_frame("link", 15), 2),
    "payers killed at a frame": sampled("payer killed", at_every_frame("payer", 1), 1),
    "payees killed at a frame": sampled("payee killed", at_every_frame("payee", 1), 1),
    "frames lost by chance": [
        case
        for hops in FRAMES
        for case in sampled(f"chance {hops}", [c for c in BY_CHANCE if c.hops == hops], 1)
    ],
    "killed at a step": sampled("steps", AT_POINTS, 3),
}


@dataclass
class Lane:
    """A payer and a payee with a radio between them, alive or to be started again."""

    folder: Path
    air: Ether
    sides: dict[str, DurableProcess] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)

    def start(self, role: str, failpoint: str = "") -> None:
        if role in self.sides:
            self.sides[role].close()
        self.sides[role] = DurableProcess(role, self.folder / role, 0, failpoint)

    def pay(self, case: Case) -> None:
        """From two idle wallets to a payment that both have; whatever befalls it on the way."""
        for role in ("payer", "payee"):
            if case.point and role == case.victim:
                self.open_once(role, case.hops)
                self.start(role, case.point)
            elif role not in self.sides or self.sides[role].is_dead:
                self.start(role)
        self.deaths.clear()
        before = {role: self.sides[role].ask("prepare", hops=case.hops) for role in ("payee", "payer")}
        self._tap(case, lambda: self._strike(case, {role: int(seen["pid"]) for role, seen in before.items()}))
        assert self._was_struck(case), case
        taps = 1
        while not self._is_paid(before):
            assert taps < MOST_TAPS, case
            self._tap(case, lambda: None)
            taps += 1
        self._check(before, case)

    def open_once(self, role: str, hops: int) -> None:
        """What a purse does when it is opened first, or after steps that are recorded later, is not what a case is
        about."""
        self.start(role)
        self.sides[role].ask("prepare", hops=hops)

    def _was_struck(self, case: Case) -> bool:
        """What was to befall it did."""
        if case.victim in self.sides:
            return self.deaths == [case.victim]
        return self.deaths == [] and self.air.frames > (case.frame or 0)

    def _strike(self, case: Case, pids: dict[str, int]) -> None:
        if case.frame is None:
            return
        if case.victim == "link":
            self.air.cut_at = case.frame
            return
        if case.victim == "chance":
            chance, percent = random.Random(f"{seed()} {case}"), case.frame
            self.air.is_lost = lambda number: chance.randrange(100) < percent
            return
        is_reader = (case.victim == "payer") == case.payer_reads

        def kill(number: int) -> None:
            if number == case.frame:
                os.kill(pids[case.victim], signal.SIGKILL)
                if is_reader:
                    self.air.field_off()

        self.air.at_frame = kill

    def _tap(self, case: Case, strike: Callable[[], None]) -> None:
        """One tap, whatever its end; a side that is dead is started again first."""
        for role, side in self.sides.items():
            if side.is_dead:
                self.start(role)
        reader, card = (
            self.sides[role] for role in (("payer", "payee") if case.payer_reads else ("payee", "payer"))
        )
        port = free_port()
        card.use(port)
        self.air.clear(port)
        strike()
        card.tell("serve", seconds=SERVES)
        wait_until_bound(port, lambda: not card.is_dead)
        self._read(reader)
        if reader.is_dead and not card.has_answered(GOODBYE):
            # It died before it was a reader's card: it listens on, and there is a reader again.
            role = "payer" if case.payer_reads else "payee"
            self.start(role)
            self._read(self.sides[role])
        self._hear(card)

    def _read(self, reader: DurableProcess) -> None:
        reader.use(self.air.port)
        reader.tell("read", seconds=READS)
        self._hear(reader)

    def _hear(self, side: DurableProcess) -> None:
        """Its answer, or its death: then it is off the air."""
        try:
            side.hear()
        except AssertionError:
            assert side.died() == -signal.SIGKILL
            self.deaths += [role for role, known in self.sides.items() if known is side]
            self.air.field_off()

    def _is_paid(self, before: dict[str, dict[str, int]]) -> bool:
        if any(side.is_dead for side in self.sides.values()):
            return False
        payer, payee = (self.sides[role].ask("look") for role in ("payer", "payee"))
        paid = payer["paid"] > before["payer"]["paid"]
        return bool(paid and payee["received"] > before["payee"]["received"])

    def _check(self, before: dict[str, dict[str, int]], case: Case) -> None:
        """No tiyn is lost or made, and both say so, also when they have been started again."""
        for role, sign in (("payer", -1), ("payee", 1)):
            seen, was = self.sides[role].ask("look"), before[role]
            assert seen["held"] - was["held"] == sign * AMOUNT, case
            assert seen["open"] == 0, case
            told = "paid" if role == "payer" else "received"
            assert seen[told] - was[told] == AMOUNT, case

    def close(self) -> None:
        for side in self.sides.values():
            side.close()


@contextmanager
def lane(folder: Path, hops: int, payments: int) -> Iterator[Lane]:
    with ExitStack() as stack:
        plan(folder, hops, payments)
        made = Lane(folder, stack.enter_context(ether()))
        stack.callback(made.close)
        yield made


def in_lanes(folder: Path, cases: Sequence[Case]) -> None:
    """Each lane its share, in an order of its own."""
    count = min(LANES if everything() else 1, len(cases))
    cases = random.Random(seed()).sample(cases, len(cases))

    def run(number: int) -> int:
        share = cases[number::count]
        with lane(folder / f"lane {number}", share[0].hops, len(share)) as pair:
            for role in ("payee", "payer"):
                pair.open_once(role, share[0].hops)
            for case in share:
                pair.pay(case)
        return len(share)

    with ThreadPoolExecutor(count) as pool:
        assert sum(pool.map(run, range(count))) == len(cases)


@pytest.mark.parametrize("group", GROUPS)
def test_whatever_befalls_a_tap_it_is_paid_once(tmp_path: Path, group: str) -> None:
    for hops in FRAMES:
        cases = [case for case in GROUPS[group] if case.hops == hops]
        if cases:
            in_lanes(tmp_path / str(hops), cases)


@pytest.mark.parametrize("hops", FRAMES)
def test_the_frames_of_a_payment_are_as_many_as_are_cut(tmp_path: Path, hops: int) -> None:
    with lane(tmp_path, hops, 2) as pair:
        for payer_reads in (True, False):
            pair.pay(Case(hops, payer_reads, "chance", 0))
            # A busy machine asks for time, in two frames more.
            assert pair.air.frames - FRAMES[hops] in (0, 2, 4, 6, 8)
