"""Payments over the simulated radio: torn at every frame, and with frames lost by chance, they end right.

Both roles, a payment of the first hop and one of the last. Purses are on disk; nothing waits on a real clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.bench.tap import ACTIVATION, PacedLink, frame_seconds
from tests.sampling import everything
from tests.session.holders import WalletHolder, WalletPlace
from tests.session.pairs import Pair
from tests.support.wallets import WalletNetwork
from tests.transport.nfc.aged import PAID, aged_pair
from tests.transport.nfc.air import Air, Loss, no_loss, tap
from tests.transport.nfc.taps import Taps
from tests.transport.nfc.test_tapping import RESTARTS
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.session import Payee, Payer
from wallet.transport.nfc import TapEnd
from wallet.transport.nfc.nfcpy_reader import _Link

SECONDS = 60.0
MOST_TAPS = 8
LOSSES = (1, 3, 6)
"""Hundredths."""


class AirTaps(Taps):
    """Taps over the air, whose person says yes at the first question; frames are counted through all taps."""

    frames = 0

    def pause(self, seconds: float) -> None:
        super().pause(seconds)
        self.hear()
        self.agree()

    def over_the_air(self, is_lost: Loss) -> TapEnd:
        first = self.frames
        air = Air(self.card.answer, self.clock, lambda number: is_lost(first + number))
        try:
            return tap(self.tapper, air, self.clock.in_seconds(SECONDS))
        finally:
            self.frames += air.frames
            self.hear()

    def pay(self, is_lost: Loss, restart: str = "nobody") -> list[TapEnd]:
        """Tap until it is paid; after each tap the money is the payer's, promised, or the payee's, all of it."""
        alia, shop = self.pair.alia, self.pair.shop
        whole, ends = alia.money, list[TapEnd]()
        while not self.is_paid and len(ends) < MOST_TAPS:
            ends.append(self.over_the_air(is_lost))
            assert (alia.money, shop.money) in ((whole, 0), (whole - PAID, 0), (whole - PAID, PAID))
            if ends[-1] is TapEnd.TORN:
                RESTARTS[restart](self)
            self.agree()
        assert (alia.money, shop.money) == (whole - PAID, PAID)
        self.agrees()
        return ends

    def agrees(self) -> None:
        """Payer and payee say the same, by their histories and by what they told their people: paid, once."""
        alia, shop = (holder.wallet.history() for holder in (self.pair.alia, self.pair.shop))  # type: ignore[attr-defined]
        assert [(event.amount, event.state) for event in alia if event.kind == "paid"] == [
            (PAID, "acknowledged")
        ]
        assert [event.amount for event in shop if event.kind == "received"] == [PAID]
        assert self.pair.received == PAID


@dataclass
class Cell:
    """A payment just before its first tap: two purses, to be copied for each try."""

    folder: Path
    before: WalletNetwork
    request: Signed[Request]
    payer_reads: bool
    tries: int = 0

    @contextmanager
    def again(self) -> Iterator[AirTaps]:
        self.tries += 1
        place = WalletPlace(self.folder)
        net = place.net
        net.homes = {name: home.clone() for name, home in self.before.homes.items()}
        net.world = place.world = self.before.world
        net.keystores = {name: keystore.clone() for name, keystore in self.before.keystores.items()}
        # So that no random bytes come twice.
        net._issued = 1_000 * self.tries
        alia, shop = (WalletHolder.found(net, name) for name in ("alia", "shop"))
        payer, payee = Payer(alia.paying), Payee(shop.receiving, self.request)
        try:
            yield AirTaps(Pair(place, alia, shop, self.request, payer, payee), payer_reads=self.payer_reads)
        finally:
            net.close()


CELLS = [(hops, payer_reads) for hops in (1, 15) for payer_reads in (True, False)]


def _named(case: tuple[int, bool]) -> str:
    return f"hop {case[0]}, {'payer' if case[1] else 'payee'} reads"


@pytest.fixture(params=CELLS, ids=_named)
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Cell:
    hops, payer_reads = request.param
    place = WalletPlace(tmp_path)
    pair = aged_pair(place, hops)
    place.close()
    return Cell(tmp_path, place.net, pair.request, payer_reads)


def test_torn_at_every_frame_the_next_taps_go_on(cell: Cell) -> None:
    """The frame is lost and the link with it. Who restarts after a torn tap goes round; all four each under --all."""
    with cell.again() as taps:
        assert TapEnd.TORN not in taps.pay(no_loss)
        frames = taps.frames
    assert frames >= 16
    everybody = list(RESTARTS)
    for frame in range(frames):
        for restart in everybody if everything() else [everybody[frame % len(everybody)]]:
            with cell.again() as taps:
                ends = taps.pay(torn_once(taps, frame), restart)
                assert ends.count(TapEnd.TORN) == 1, (frame, restart)


def torn_once(taps: AirTaps, frame: int) -> Loss:
    """Out of reach from this frame to the end of the tap that it is in."""
    torn: list[int] = []

    def is_lost(number: int) -> bool:
        if number == frame:
            torn.append(taps.frames)
        return torn[-1:] == [taps.frames]

    return is_lost


def test_the_bench_counts_a_link_as_this_air_paces_it(cell: Cell) -> None:
    """A bench that knows nothing of nfcpy, and nfcpy's reader: the same seconds for the same APDUs."""
    with cell.again() as taps:
        air = Air(taps.card.answer, taps.clock)
        began = taps.clock.now
        taps.tapper.tap(_Link(air.tag(), taps.clock.in_seconds(SECONDS)), taps.clock.in_seconds(0.0))
        taken = taps.clock.now - began
    with cell.again() as taps:
        link = PacedLink(taps.card)
        taps.tapper.tap(link, taps.clock.in_seconds(0.0))
    before_rats = sum(map(frame_seconds, ACTIVATION[:6]))
    assert link.seconds - before_rats == pytest.approx(taken)
    assert air.frames >= 6


@pytest.mark.parametrize("loss", LOSSES)
def test_with_frames_lost_by_chance_it_ends_right(cell: Cell, loss: int, rng: random.Random) -> None:
    for _ in range(40 if everything() else 10):
        with cell.again() as taps:
            taps.pay(lambda _: rng.randrange(100) < loss)
