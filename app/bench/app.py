"""The app's two windows, real processes on a sandbox: how soon they are there, show a code, and have been paid.

Both windows draw into memory, so that the figures are the same with and without a display; each one's camera is the
other's published pixels. They are driven through the developers' remote control, as a person touches them. Every
round opens them anew, switches both to offline, pays once with money fresh from the bank (hop 1) and once with money
that fourteen customers of the sandbox have handed on (hop 15). Times are by the clock, to a frame of the window.

The start is counted from making the process until the keypad is there, and from the PIN until the money is on the
screen; the typing is left out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from app.bench.figures import Figure, Findings, Unit, milliseconds, spread
from app.bench.folders import own_folder
from app.bench.reconcile import Customer, open_customers
from app.bench.throwaway import hand_over
from app.catalogue import catalogue
from app.catalogue.written import written_amount
from app.launch.actors import PIN, Actor
from app.launch.display import missing_parts
from app.launch.pair import PAIR_MEMBERS, pair_stage, pair_windows
from app.launch.remote import SOCKET, Remote, WindowRefused
from app.launch.window import AppWindow
from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.protocol.bounds import MAX_HOP
from wallet.session import messages
from wallet.transport.qr import picture
from wallet.transport.qr.frames import FrameReceiver
from wallet.transport.qr.reader import best_reader, read_pictures

HOPS: Final = (1, MAX_HOP)
PAID: Final[Mapping[int, int]] = {1: 20_000, MAX_HOP: 12_500}
"""Tiyn, by hop. One token each: a funding of 200 ₸ is not cut."""
_LANGUAGE: Final = "en"
_LOOK: Final = 0.1
"""Seconds between two looks at how many codes were shown."""
_PATIENCE: Final = 120.0
"""Seconds for anything that a window does."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One payment between the windows. Seconds: ``first`` from the confirmed PIN to the first code on the screen,
    ``received`` from then until the payee's window says so. ``fps``: codes a second meanwhile, 0 if it stands still."""

    first: float
    received: float
    fps: float


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds until the payer's window asks for the PIN, and from the PIN to the home screen; payments by hop."""

    asks: float
    unlocks: float
    payments: Mapping[int, Shown]

    @property
    def start(self) -> float:
        return self.asks + self.unlocks


def measure(rounds: int, show: Show) -> Findings:
    """Start, first code, animation, and how long it takes to be paid. Raises ``Refusal``; MissingPart without Kivy."""
    if missing := missing_parts():
        raise MissingPart("app_run.extra_missing", names=", ".join(missing))
    with own_folder() as home:
        tell = show.step
        with pair_stage(home, lambda step: tell(f"app_run.{step.value}")) as network:
            show.step("bench.opening_accounts")
            customers = open_customers(network, network.station(PAIR_MEMBERS[0].bank), MAX_HOP - 1)
            taken = []
            with show.progress("bench.measuring_app", rounds) as done:
                for number in range(1, rounds + 1):
                    provide(home, customers)
                    taken.append(_round(home))
                    done(number)
    return Findings({"hops": MAX_HOP}, figures(taken))


# money


def provide(home: Path, customers: Sequence[Customer]) -> None:
    """The payer's pocket then holds two tokens: one fresh, one that the next payment brings to the last hop."""
    actor = Actor(home, PAIR_MEMBERS[0].wallet)
    actor.start()
    try:
        if left := int(actor.must("balance")["spendable"]):
            actor.must("defund", written_amount(left).removesuffix("₸").strip())
        actor.must("fund", str(PAID[1] // 100))
        with tempfile.TemporaryDirectory(dir=home) as pictures:
            asked, paid = Path(pictures, "request.png"), Path(pictures, "payment.gif")
            actor.must("request", str(PAID[MAX_HOP] // 100), "--out", str(asked))
            _answer(asked, paid, customers)
            actor.must("receive", str(paid))
    finally:
        actor.stop()


def _answer(asked: Path, paid: Path, customers: Sequence[Customer]) -> None:
    """Pay the request in a picture with money that went through all ``customers``."""
    receiver = FrameReceiver()
    for text in read_pictures([asked], best_reader()):
        receiver.add(text)
    assert receiver.message is not None
    message = messages.decode(receiver.message)
    assert isinstance(message, messages.RequestMessage)
    request, hands = message.request, [customer.person for customer in customers]
    issuance = customers[0].fund([request.body.amount + len(hands)])
    payment = hand_over(issuance, hands, request)
    picture.write_gif(messages.encode(messages.PaymentMessage(payment.encode(), payment)), paid)


# windows


def _round(home: Path) -> Round:
    with ExitStack() as stack:
        payer, asks, unlocks = _opened(home, stack)
        payments = {hops: _pay(*payer, hops) for hops in HOPS}
        return Round(asks, unlocks, payments)


def _opened(home: Path, stack: ExitStack) -> tuple[tuple[Remote, Remote], float, float]:
    """Payer and payee, offline; and the payer's two times. It starts alone: nothing competes with it."""
    sockets = [home / f"{seat.wallet}.socket" for seat in PAIR_MEMBERS]
    environment = {
        seat.wallet: {"SDL_VIDEODRIVER": "offscreen", SOCKET: str(path)}
        for seat, path in zip(PAIR_MEMBERS, sockets, strict=True)
    }
    windows = stack.enter_context(pair_windows(home, language=_LANGUAGE, environment=environment))
    remotes, times = [], []
    for window, path in zip(windows, sockets, strict=True):
        began = time.perf_counter()
        remote = stack.enter_context(_started(window, path))
        remote.wait("pin-ask", seconds=_PATIENCE)
        asks = time.perf_counter() - began
        remote.keys(PIN)
        began = time.perf_counter()
        remote.do("key", key="enter")
        remote.wait("home-spendable", "₸", seconds=_PATIENCE)
        times.append((asks, time.perf_counter() - began))
        _cut_off(remote)
        remotes.append(remote)
    return (remotes[0], remotes[1]), *times[0]


def _cut_off(remote: Remote) -> None:
    """The window goes on without the network; one that did before is still so."""
    offline = catalogue(_LANGUAGE).text("app_home.offline")
    if offline not in remote.text("home-network"):
        remote.touch("home-network")
        remote.wait("home-network", offline)


@contextmanager
def _started(window: AppWindow, path: Path) -> Iterator[Remote]:
    path.unlink(missing_ok=True)
    window.start()
    try:
        remote = Remote(path, partial(window.ends_within, 0.05))
        yield remote
        remote.hang_up()
    finally:
        window.stop()


def _pay(payer: Remote, payee: Remote, hops: int) -> Shown:
    """One payment by code, from the payee's question until both are home again."""
    payee.touch("home-receive")
    payee.wait("receive-typed")
    payee.keys(str(PAID[hops] // 100))
    payee.touch("receive-ask")
    payee.wait("code", "[1-9]")
    payer.touch("home-pay")
    payer.wait("pay-accept", seconds=_PATIENCE)
    payer.touch("pay-accept")
    payer.wait("pin-confirm")
    payer.keys(PIN)
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        payer.do("key", key="enter")
        codes = int(payer.wait("code", "[1-9]", seconds=_PATIENCE)["text"])
        first = time.perf_counter()
        received = pool.submit(_when_received, payee)
        fps = _pace(payer, codes, first)
        taken = Shown(first - began, received.result() - first, fps)
    said = payee.text("ended-line")
    assert said == catalogue(_LANGUAGE).text("app_receive.hop", hop=hops, most=MAX_HOP), said
    payer.wait("ended", seconds=_PATIENCE)
    payer.touch("pay-end")
    payee.touch("receive-done")
    for window in (payer, payee):
        window.wait("home-spendable", "₸")
    return taken


def _when_received(payee: Remote) -> float:
    payee.wait("ended", catalogue(_LANGUAGE).text("app_receive.received"), seconds=_PATIENCE)
    return time.perf_counter()


def _pace(payer: Remote, codes: int, since: float) -> float:
    """Codes a second for as long as the payment is shown, ``codes`` of which were at ``since``."""
    shown, last = codes, since
    while True:
        time.sleep(_LOOK)
        try:
            found = int(payer.text("code"))
        except WindowRefused:
            return (shown - codes) / (last - since) if shown > codes else 0.0
        if found > shown:
            shown, last = found, time.perf_counter()


# figures


def figures(rounds: Sequence[Round]) -> list[Figure]:
    """The report's lines: the start and its two parts, then each hop's payment."""

    def seconds(key: str, values: Callable[[Round], float]) -> Figure:
        return Figure(f"{key}_s", f"app_{key}", Unit.SECONDS, spread([values(taken) for taken in rounds]))

    lines = [
        seconds("start", lambda taken: taken.start),
        seconds("asks", lambda taken: taken.asks),
        seconds("unlocks", lambda taken: taken.unlocks),
    ]
    for hops in HOPS:
        paid, facts = [taken.payments[hops] for taken in rounds], {"hops": hops}
        first, received, fps = (
            spread(milliseconds([shown.first for shown in paid])),
            spread([shown.received for shown in paid]),
            spread([shown.fps for shown in paid]),
        )
        lines += [
            Figure(f"first_{hops}_ms", "app_first", Unit.MILLISECONDS, first, None, facts),
            Figure(f"fps_{hops}_per_s", "app_fps", Unit.PER_SECOND, fps, None, facts),
            Figure(f"received_{hops}_s", "app_received", Unit.SECONDS, received, None, facts),
        ]
    return lines
