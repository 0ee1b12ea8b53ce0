"""A whole payment by tap, its person saying yes at once: how long the link takes, and what the wallets do meanwhile.

Both wallets are real (SoftHSM, purses on disk) and in this process; the payer's is the reader. The link is counted, not
waited for: every frame that ISO/IEC 14443 sends at 106 kbit/s has its time. What is not the link is measured by the
clock. Of that, signing is the processor time behind the keystore's port; verifying the processor time for a payment of
the same kind that nobody has seen: once with its keys new, as the payee's wallet, and twice more, as the payer's does
when it signs and when it takes the receipt. What remains is storage and all else, waiting for the disk included.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from app.bench.figures import Figure, Findings, Unit, milliseconds, spread
from app.bench.flushes import flushes_of
from app.bench.payment import Pair, two_wallets
from app.bench.rounds import Lap, Stopwatch
from app.bench.throwaway import ask
from app.terminal.show import Show
from hsm import Keystore
from wallet.protocol.validity import verify
from wallet.session import Payee, Payer
from wallet.session.messages import Heard
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import Card, Deadline, TapEnd, Tapper
from wallet.transport.nfc.blocks import Nothing
from wallet.transport.nfc.ports import Reply

HOPS: Final = (1, 5, 10, 15)
AIM_TAP, AIM_REST = 0.4, 60.0
"""Of a first-hop payment: seconds of the tap, milliseconds of all that is not the link."""
AIM_FLUSHES: Final = 8
"""Of a first-hop payment, at both wallets together, its request not counted."""
PER_FRAME, PER_BYTE = 0.002, 85e-6
"""Seconds. A byte is nine bits at 106 kbit/s; a frame is preceded by what device and reader need between two."""
BLOCK_BYTES: Final = 3
"""What an ISO-DEP frame adds to its APDU: one byte of block head, two that check it."""
ACTIVATION: Final = (1, 2, 2, 5, 9, 3, 4, 7)
"""Bytes of the frames before the first APDU: SENS, SDD, SEL, RATS, each with its answer."""
_AMOUNT: Final = 20_000
"""Tiyn: the most that a funding keeps in one token, all of which is paid."""
_CHECKS: Final = 3
_SECONDS: Final = 60.0


def frame_seconds(size: int) -> float:
    """How long a frame of ``size`` bytes takes."""
    return PER_FRAME + PER_BYTE * size


class PacedLink:
    """A card in the field: ``seconds`` is what its frames have taken so far. Each APDU of ours fits one frame."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.seconds = sum(map(frame_seconds, ACTIVATION))

    def transceive(self, command: bytes) -> bytes:
        answer = self._card.answer(command)
        self.seconds += frame_seconds(len(command) + BLOCK_BYTES) + frame_seconds(len(answer) + BLOCK_BYTES)
        return answer


@dataclass(slots=True)
class SigningTime:
    """Processor seconds that keystores took to sign."""

    seconds: float = 0.0

    def of(self, keystore: Keystore) -> Keystore:
        """The same keystore, its signatures timed."""
        return cast(Keystore, _Timed(keystore, self))


class _Timed:
    def __init__(self, keystore: Keystore, signing: SigningTime) -> None:
        self._keystore, self._signing = keystore, signing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keystore, name)

    def sign(self, alias: str, message: bytes) -> bytes:
        began = time.process_time()
        try:
            return self._keystore.sign(alias, message)
        finally:
            self._signing.seconds += time.process_time() - began


class _Agreeing(PayerTap):
    """The person says yes at once."""

    def take(self, message: bytes | Heard) -> Reply:
        reply = super().take(message)
        if self.waits_for_person:
            self.session.confirm(_AMOUNT)
            return self.to_send() or Nothing()
        return reply


@dataclass(frozen=True, slots=True)
class Tapped:
    """One tap. Seconds: ``link`` counted, ``rest`` all that the wallets did; ``signing`` and ``verifying`` of that, of
    the processor."""

    link: float
    rest: Lap
    signing: float
    verifying: float
    payment_bytes: int

    @property
    def storage(self) -> float:
        """And all else, by the clock."""
        return self.rest.wall - self.signing - self.verifying

    @property
    def whole(self) -> float:
        return self.link + self.rest.wall


def measure(rounds: int, show: Show) -> Findings:
    """Seconds of the tap and of its parts, by hop."""
    show.step("bench.making_wallets")
    signing = SigningTime()
    taps: dict[int, list[Tapped]] = {hops: [] for hops in HOPS}
    flushes: dict[int, int] = {}
    with two_wallets(signing.of) as pair, show.progress("bench.measuring_tap", rounds) as done:
        for number in range(rounds + 1):
            for hops in HOPS:
                tapped = pay(pair, hops, signing)
                if number:
                    taps[hops].append(tapped)
            done(number)
        for hops in HOPS:
            flushes[hops] = flushes_of(_Tap(pair, hops).make)
    facts = {f"bytes_{hops}": taken[0].payment_bytes for hops, taken in taps.items()}
    return Findings(facts, figures(taps, flushes))


class _Tap:
    """A payment of the ``hops``-th hop in one tap, about to begin: everything but asking for it is ready."""

    def __init__(self, pair: Pair, hops: int) -> None:
        _provide(pair, hops)
        receiving, self._paying = pair.payee.receiving, pair.payer.paying
        self._hops, self._pair = hops, pair
        self.link = PacedLink(Card(PayeeTap(receiving, Payee(receiving, receiving.request(_AMOUNT)))))
        self._payer = _Agreeing(self._paying, Payer(self._paying))
        self._tapper = Tapper(self._payer, lambda seconds: None)
        gc.collect()

    def make(self) -> None:
        """Raises ``Refusal`` if anything is refused."""
        end = self._tapper.tap(self.link, Deadline(lambda: self.link.seconds, _SECONDS))
        assert end is TapEnd.OVER

    def raw(self) -> bytes:
        """The payment that was made."""
        assert self._payer.session.payment_id is not None
        raw = self._paying.show_again(self._payer.session.payment_id)
        paid = verify(raw, self._pair.authorities.directory())
        assert [token.hop for token in paid.received] == [self._hops]
        return raw


def pay(pair: Pair, hops: int, signing: SigningTime) -> Tapped:
    """One tap, timed. Raises ``Refusal`` if anything is refused."""
    tap = _Tap(pair, hops)
    signing.seconds = 0.0
    rest = Stopwatch().lap(tap.make)
    return Tapped(tap.link.seconds, rest, signing.seconds, _verifying(pair, hops), len(tap.raw()))


def _provide(pair: Pair, hops: int) -> None:
    """The payer comes by one token of the hop before."""
    if hops == 1:
        pair.fund()
        return
    receiving = pair.payer.receiving
    given = pair.authorities.payment_to(receiving.request(_AMOUNT), hops - 1)
    assert receiving.receive(given.encode()).code is None


def _verifying(pair: Pair, hops: int) -> float:
    """Processor seconds that both wallets need to verify a payment such as this."""
    authorities = pair.authorities
    directory = authorities.directory()
    raw = authorities.payment_to(ask(authorities.person(), _AMOUNT, authorities.now), hops).encode()
    gc.collect()
    return Stopwatch().lap(lambda: [verify(raw, directory) for _ in range(_CHECKS)]).cpu


def figures(taps: Mapping[int, Sequence[Tapped]], flushes: Mapping[int, int]) -> list[Figure]:
    """The report's lines: for each hop the whole, then its parts."""
    return [figure for hops, taken in taps.items() for figure in _of_hop(hops, taken, flushes[hops])]


def _of_hop(hops: int, taken: Sequence[Tapped], flushes: int) -> list[Figure]:
    is_first = hops == HOPS[0]
    facts = {"hops": hops, "bytes": taken[0].payment_bytes}

    def line(part: str, unit: Unit, value: Callable[[Tapped], float], aim: float | None = None) -> Figure:
        seconds = [value(tapped) for tapped in taken]
        values = seconds if unit is Unit.SECONDS else milliseconds(seconds)
        return Figure(f"{part}_{hops}_{unit}", f"tap_{part}", unit, spread(values), aim, facts)

    return [
        line("whole", Unit.SECONDS, lambda tapped: tapped.whole, AIM_TAP if is_first else None),
        line("link", Unit.SECONDS, lambda tapped: tapped.link),
        line("rest", Unit.MILLISECONDS, lambda tapped: tapped.rest.wall, AIM_REST if is_first else None),
        line("rest_cpu", Unit.MILLISECONDS, lambda tapped: tapped.rest.cpu),
        line("signing", Unit.MILLISECONDS, lambda tapped: tapped.signing),
        line("verifying", Unit.MILLISECONDS, lambda tapped: tapped.verifying),
        line("storage", Unit.MILLISECONDS, lambda tapped: tapped.storage),
        Figure(
            f"flushes_{hops}",
            "tap_flushes",
            Unit.FLUSHES,
            spread([flushes]),
            AIM_FLUSHES if is_first else None,
            facts,
        ),
    ]
