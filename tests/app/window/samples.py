"""Realistic views for every state of every screen, and presenters that hold them and note what they are asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from app.camera.ports import Picture
from app.presenters.observed import Observed
from app.presenters.views import (
    Busy,
    Carrier,
    CodeKind,
    Conflicted,
    Earlier,
    FundsView,
    Hand,
    HistoryLine,
    HistoryView,
    HomeView,
    InView,
    LostView,
    Party,
    PayStep,
    PayView,
    PinStep,
    ReceiveStep,
    ReceiveView,
    ReconcileView,
    RiskView,
    Role,
    Room,
    Scanning,
    SettingsView,
    Shown,
    StartStep,
    StartView,
    TapStep,
    Trouble,
    Unfinished,
    UnlockView,
)
from wallet.purse.reading import Balance
from wallet.session import Money

NOW: Final = 1_790_000_000
DAY: Final = 86_400
_BYTES = random.Random(7).randbytes

BREAD: Final = Party("«Наурыз» нан және кондитер дүкені", _BYTES(16), "zhibek", True, 5462)
DANA: Final = Party("", _BYTES(16), "alatau", False)
SEVERAL: Final = (
    InView(CodeKind.REQUEST, BREAD, 1_250_050),
    InView(CodeKind.REQUEST, DANA, 99_999_999),
    InView(CodeKind.RECEIPT),
)
PAYMENT: Final = Shown(_BYTES(3_100), is_still=False)
REQUEST: Final = Shown(_BYTES(420), is_still=True)
RECEIPT: Final = Shown(_BYTES(240), is_still=True)
POCKET: Final = Balance(
    spendable=1_250_050, unsettled=320_000, waiting=0, reserved=0, signed=0, redeeming=0, funding=0, refused=0
)
BUSY_POCKET: Final = Balance(
    spendable=123_456_789_50,
    unsettled=320_000,
    waiting=41_000,
    reserved=12_500,
    signed=99_900,
    redeeming=500_000,
    funding=2_000_000,
    refused=7_500,
)
ROOM: Final = Room(1_250_050, 10_000_000, 35_000_000)
UNREACHABLE: Final = Trouble("unreachable")
SHORT_OF_MONEY: Final = Trouble("funds_short", {"have": 1_250_050, "need": 2_000_000})


class SamplePresenter(Observed[Any]):
    """Holds one view. Every intent is noted in ``asked``, and changes nothing."""

    def __init__(self, view: Any) -> None:
        super().__init__(view)
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)

        def intent(*given: Any) -> None:
            self.asked.append((name, *given))

        return intent

    def forget(self) -> None:
        """Going elsewhere asks for nothing."""

    def show(self, view: Any) -> None:
        """Another view, as a presenter would show it."""
        self._show(**{item.name: getattr(view, item.name) for item in fields(view)})


FIRST_VIEWS: Final[Mapping[str, Any]] = {
    "start": StartView(),
    "unlock": UnlockView(holder="Дана", is_open=True),
    "home": HomeView("Дана", "alatau", POCKET, 5_000_000, 14, NOW + 40 * DAY, NOW - DAY),
    "receive": ReceiveView(),
    "pay": PayView(),
    "history": HistoryView(),
    "reconcile": ReconcileView(),
    "funds": FundsView(account=5_000_000, balance=POCKET),
    "risk": RiskView(1_250_050, 320_000, NOW + 70 * DAY),
    "lost": LostView(),
    "settings": SettingsView(
        cameras=("0", "window:/run/pixels/bread"), readers=("auto", "udp:127.0.0.1:7300", "tty:ttyUSB0:pn532")
    ),
}


class SamplePresenters:
    """What the window needs of a house, out of views."""

    def __init__(self, **views: Any) -> None:
        self.all = {name: SamplePresenter(view) for name, view in {**FIRST_VIEWS, **views}.items()}

    def __getattr__(self, name: str) -> SamplePresenter:
        try:
            return self.__dict__["all"][name]
        except KeyError:
            raise AttributeError(name) from None


class SampleCamera:
    """Sees one gray picture; notes whether it is on."""

    def __init__(self) -> None:
        self.is_on = False
        gray = bytes(60 + (x * 150 // 320 + y * 40 // 240) % 190 for y in range(240) for x in range(320))
        self._picture = Picture(1, 320, 240, gray)

    def start(
        self,
        seen: Callable[[str], None],
        trouble: Callable[[str | None], None],
        several: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.is_on = True
        self.seen, self.trouble, self.several = seen, trouble, several

    def stop(self) -> None:
        self.is_on = False

    def latest(self) -> Picture | None:
        return self._picture


@dataclass(frozen=True)
class Sample:
    """One state of one screen: where it is, and the views that differ from the first ones."""

    place: str
    views: Mapping[str, Any] = field(default_factory=dict)
    is_made: bool = True


def _start(step: StartStep, **changes: Any) -> Sample:
    view = replace(StartView(step, ("alatau", "zhibek"), "alatau", "Дана"), **changes)
    return Sample("start", {"start": view}, is_made=False)


def _unlock(**changes: Any) -> Sample:
    return Sample("unlock", {"unlock": replace(UnlockView("Дана"), **changes)})


def _home(**changes: Any) -> Sample:
    return Sample("home", {"home": replace(FIRST_VIEWS["home"], **changes)})


def _receive(step: ReceiveStep, **changes: Any) -> Sample:
    return Sample("receive", {"receive": replace(ReceiveView(step, "12500,5", 1_250_050), **changes)})


def _asking(**changes: Any) -> Sample:
    return _receive(ReceiveStep.ASKING, **{"shown": REQUEST, "expires": NOW + 900, **changes})


def _pay(step: PayStep, **changes: Any) -> Sample:
    asked = PayView(step, party=BREAD, amount=1_250_050, expires=NOW + 900, room=ROOM)
    return Sample("pay", {"pay": replace(asked, **changes)})


LINES: Final = (
    HistoryLine(
        id=_BYTES(32),
        kind="paid",
        state="acknowledged",
        at=NOW - 600,
        amount=125_000,
        sign=-1,
        party=BREAD,
        memo="нан, сүт",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="paid",
        state="shown",
        at=NOW - 4_000,
        amount=1_250_050,
        sign=-1,
        party=DANA,
        memo="",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="received",
        state="payer",
        at=NOW - DAY,
        amount=320_000,
        sign=1,
        party=DANA,
        memo="за арбуз",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="received",
        state="settled",
        at=NOW - 2 * DAY,
        amount=10_000,
        sign=1,
        party=BREAD,
        memo="",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="refused",
        state="payer",
        at=NOW - 2 * DAY,
        amount=50_000,
        sign=0,
        party=DANA,
        memo="",
        code="limit_balance",
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="funded",
        state="done",
        at=NOW - 3 * DAY,
        amount=2_000_000,
        sign=1,
        party=None,
        memo="",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="refreshed",
        state="done",
        at=NOW - 3 * DAY,
        amount=500_000,
        sign=0,
        party=None,
        memo="",
        code=None,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="defunded",
        state="open",
        at=NOW - 4 * DAY,
        amount=123_456_789,
        sign=-1,
        party=None,
        memo="",
        code=None,
    ),
)
LOSSES: Final = (
    HistoryLine(
        id=_BYTES(32),
        kind="received",
        state="lost",
        at=NOW - DAY,
        amount=1_700_000,
        sign=0,
        party=DANA,
        memo="",
        code=None,
        lost=1_700_000,
        claim=_BYTES(16),
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="received",
        state="short",
        at=NOW - 2 * DAY,
        amount=40_000,
        sign=1,
        party=BREAD,
        memo="",
        code=None,
        lost=60_000,
    ),
    HistoryLine(
        id=_BYTES(32),
        kind="lost",
        state="lost",
        at=NOW - 3 * DAY,
        amount=5_000,
        sign=-1,
        party=None,
        memo="",
        code=None,
        lost=5_000,
    ),
)
EXPIRED: Final = HistoryLine(
    id=_BYTES(32),
    kind="expired",
    state="refunded",
    at=NOW - 3 * DAY,
    amount=270_000,
    sign=-1,
    party=None,
    memo="",
    code=None,
)
CHAIN: Final = (
    Hand(0, NOW - 9 * DAY, 2_000_000, None, None, False),
    *(Hand(hop, NOW - (9 - hop) * DAY, 400_000, _BYTES(16), "alatau", False) for hop in range(1, 4)),
    Hand(4, NOW - 2 * DAY, 320_000, _BYTES(16), "zhibek", False),
)
"""Each hand is who paid the money on; the last paid it to this wallet."""


def _history(**changes: Any) -> Sample:
    return Sample("history", {"history": replace(HistoryView(LINES), **changes)})


def _reconcile(**changes: Any) -> Sample:
    return Sample("reconcile", {"reconcile": replace(ReconcileView(), **changes)})


VERDICTS: Final = (
    ("settled", 12),
    ("repeat", 1),
    ("short", 1),
    ("conflict", 1),
    ("refused", 0),
    ("waiting", 2),
)
DONE: Final = {
    "is_done": True,
    "before": POCKET,
    "after": Balance(
        spendable=1_250_050,
        unsettled=0,
        waiting=41_000,
        reserved=0,
        signed=0,
        redeeming=0,
        funding=0,
        refused=0,
    ),
    "account": 5_000_000,
    "refreshed": 320_000,
}


def _funds(**changes: Any) -> Sample:
    return Sample("funds", {"funds": replace(FIRST_VIEWS["funds"], **changes)})


def _pin_change(**changes: Any) -> Sample:
    return Sample("pin", {"settings": replace(FIRST_VIEWS["settings"], **changes)})


UNFINISHED: Final = (
    Unfinished(_BYTES(32), True, 1_250_050, BREAD, NOW - 900, is_signed=True),
    Unfinished(_BYTES(32), True, 30_000, DANA, NOW - 1_800),
    Unfinished(_BYTES(16), False, 320_000, None, NOW - 300),
)

SAMPLES: Final[Mapping[str, Sample]] = {
    "start-welcome": _start(StartStep.WELCOME),
    "start-holder": _start(StartStep.HOLDER),
    "start-shop-real-bank": _start(
        StartStep.HOLDER, banks=(), is_merchant=True, trouble=Trouble("fields_missing")
    ),
    "start-pin": _start(StartStep.PIN, pin_length=3),
    "start-pins-differ": _start(StartStep.PIN, trouble=Trouble("pins_differ")),
    "start-pin-again": _start(StartStep.PIN_AGAIN, pin_length=6),
    "start-making": _start(StartStep.MAKING, busy=Busy("app_start.enrolling")),
    "start-not-made": _start(StartStep.MAKING, trouble=UNREACHABLE),
    "start-done": _start(StartStep.DONE),
    "unlock": _unlock(pin_length=12),
    "unlock-opening": _unlock(busy=Busy("app_start.opening")),
    "unlock-wrong": _unlock(trouble=Trouble("pin_wrong", {"tries_left": 2}), tries_left=2),
    "unlock-blocked": _unlock(trouble=Trouble("pin_blocked", {"until": NOW}), wait_until=NOW),
    "home": _home(),
    "home-first-look": _home(balance=None, account=None, hops_left=None, expires=None, offline_since=None),
    "home-busy": _home(balance=BUSY_POCKET, is_network_on=False, hops_left=0, unfinished=UNFINISHED),
    "home-rolled-back": _home(is_rolled_back=True, trouble=UNREACHABLE),
    "receive-empty": _receive(ReceiveStep.AMOUNT, typed="", amount=0),
    "receive-amount": _receive(ReceiveStep.AMOUNT),
    "receive-open-memo": _receive(ReceiveStep.AMOUNT, is_open=True, memo="нан, сүт, қаймақ", is_printed=True),
    "receive-refused-to-ask": _receive(ReceiveStep.AMOUNT, trouble=Trouble("limit_balance")),
    "receive-asking": _asking(memo="нан, сүт", scanning=Scanning(is_seeing=True)),
    "receive-reading": _asking(scanning=Scanning(True, 5, 9)),
    "receive-no-camera": _asking(scanning=Scanning(camera_trouble="app_receive.no_camera")),
    "receive-printed": _asking(is_printed=True, is_open=True, can_print=True, expires=NOW + 90 * DAY),
    "receive-tap": _asking(carrier=Carrier.TAP, tap=TapStep.WAITING),
    "receive-tap-nobody": _asking(carrier=Carrier.TAP, tap=TapStep.NOBODY, role=Role.READER),
    "receive-tap-no-card": _asking(
        carrier=Carrier.TAP, role=Role.CARD, trouble=Trouble("reader_trouble", {"device": "pcsc"})
    ),
    "receive-tap-again": _asking(carrier=Carrier.TAP, tap=TapStep.TAP_AGAIN),
    "receive-tap-other": _asking(carrier=Carrier.TAP, tap=TapStep.OTHER_WALLET),
    "receive-tap-decides": _asking(carrier=Carrier.TAP, tap=TapStep.OTHER_DECIDES),
    "received": _receive(ReceiveStep.RECEIVED, received=1_250_050, hop=3, receipt=RECEIPT),
    "received-by-tap": _receive(ReceiveStep.RECEIVED, received=1_250_050, hop=15, carrier=Carrier.TAP),
    "received-repeat": _receive(
        ReceiveStep.RECEIVED, received=320_000, hop=2, repeat_of=NOW - 60, is_for_other=True
    ),
    "receive-receipt": _receive(
        ReceiveStep.RECEIPT, received=320_000, hop=2, repeat_of=NOW - DAY, receipt=RECEIPT
    ),
    "receive-refused": _receive(ReceiveStep.REFUSED, trouble=Trouble("limit_balance"), receipt=RECEIPT),
    "pay-seek": Sample("pay", {"pay": PayView(scanning=Scanning(is_seeing=True))}),
    "pay-seek-several": Sample("pay", {"pay": PayView(scanning=Scanning(True, 0, 0, several=SEVERAL))}),
    "receive-several": _asking(scanning=Scanning(True, 0, 0, several=(InView(CodeKind.PAYMENT), InView()))),
    "pay-seek-trouble": Sample(
        "pay", {"pay": PayView(trouble=Trouble("malformed"), scanning=Scanning(True, 3, 8))}
    ),
    "pay-seek-tap": Sample("pay", {"pay": PayView(carrier=Carrier.TAP, tap=TapStep.HOLD_STILL)}),
    "pay-seek-tap-nobody": Sample(
        "pay", {"pay": PayView(carrier=Carrier.TAP, tap=TapStep.NOBODY, role=Role.CARD)}
    ),
    "pay-asked": _pay(PayStep.ASKED, memo="нан, сүт, бір келі алма және қаймақ"),
    "pay-asked-person": _pay(PayStep.ASKED, party=DANA, trouble=SHORT_OF_MONEY),
    "pay-asked-open": _pay(PayStep.ASKED, amount=15_000, typed="150", ceiling=5_000_000),
    "pay-earlier": _pay(PayStep.ASKED, earlier=(Earlier(_BYTES(32), 125_000, NOW - 600),)),
    "pay-alike": _pay(PayStep.ASKED, alike=(Earlier(_BYTES(32), 1_250_050, NOW - 60),)),
    "pay-pin": _pay(PayStep.PIN, pin_length=2),
    "pay-pin-wrong": _pay(PayStep.PIN, trouble=Trouble("pin_wrong", {"tries_left": 1})),
    "pay-signing": _pay(PayStep.SIGNING, busy=Busy("app_pay.signing")),
    "pay-showing": _pay(PayStep.SHOWING, shown=PAYMENT, money=Money.PAID, scanning=Scanning(is_seeing=True)),
    "pay-showing-tap": _pay(
        PayStep.SHOWING, shown=PAYMENT, money=Money.PAID, carrier=Carrier.TAP, tap=TapStep.TAP_AGAIN
    ),
    "pay-paid": _pay(PayStep.PAID, money=Money.PAID, receipt_at=NOW),
    "pay-returned": _pay(PayStep.RETURNED, money=Money.RETURNING, trouble=Trouble("limit_balance")),
    "pay-dropped": _pay(
        PayStep.DROPPED, trouble=Trouble("request_expired", {"now": NOW, "expires": NOW - 60})
    ),
    "pay-dropped-plain": _pay(PayStep.DROPPED),
    "history": _history(),
    "history-empty": _history(lines=()),
    "history-paid": _history(
        chosen=LINES[1], chain=(*CHAIN[:4], replace(CHAIN[4], is_own=True)), can_show=True
    ),
    "history-received": _history(chosen=LINES[2], chain=CHAIN, can_show=True),
    "history-refused": _history(chosen=LINES[4], can_show=True),
    "history-lost": _history(lines=(*LOSSES, EXPIRED)),
    "history-lost-one": _history(lines=LOSSES, chosen=LOSSES[0], chain=CHAIN),
    "history-trouble": _history(trouble=Trouble("internal")),
    "reconcile": _reconcile(),
    "reconcile-working": _reconcile(busy=Busy("sync.upload", 3, 12)),
    "reconcile-done": _reconcile(**DONE, verdicts=VERDICTS[:1]),
    "reconcile-conflict": _reconcile(
        **DONE, verdicts=VERDICTS, conflicts=(Conflicted("conflict", _BYTES(33), _BYTES(16), "alatau"),)
    ),
    "reconcile-lost": _reconcile(**DONE, verdicts=VERDICTS[:1], losses=LOSSES, expired=270_000),
    "reconcile-rolled-back": _reconcile(**DONE, is_rolled_back=True, clock=(NOW + 5 * 3_600, NOW)),
    "reconcile-unreachable": _reconcile(trouble=UNREACHABLE),
    "funds-in": _funds(typed="20000", amount=2_000_000),
    "funds-out": _funds(is_in=False, account=None, trouble=UNREACHABLE),
    "funds-pin": _funds(is_in=False, typed="500", amount=50_000, pin_length=4),
    "funds-working": _funds(amount=2_000_000, busy=Busy("app_ledger.funding")),
    "funds-moved": _funds(moved=2_000_000),
    "risk": Sample("risk"),
    "risk-rolled-back": Sample("risk", {"risk": RiskView(500_000, 0, NOW + 70 * DAY, True)}),
    "risk-none": Sample("risk", {"risk": RiskView()}),
    "lost": Sample("lost", {"lost": LostView(1_250_050, NOW + 70 * DAY)}),
    "lost-looking": Sample("lost", {"lost": LostView(busy=Busy("app_lost.looking"))}),
    "lost-offline": Sample("lost", {"lost": LostView(trouble=Trouble("network_off"))}),
    "lost-pin": Sample("lost", {"lost": LostView(1_250_050, NOW + 70 * DAY, 4)}),
    "lost-reported": Sample("lost", {"lost": LostView(1_250_050, NOW + 70 * DAY, None, True)}),
    "settings": Sample("settings"),
    "pin-change": _pin_change(pin_step=PinStep.NEW, pin_length=4),
    "pin-change-wrong": _pin_change(pin_step=PinStep.OLD, trouble=Trouble("pin_wrong", {"tries_left": 4})),
    "pin-changed": _pin_change(pin_step=PinStep.CHANGED),
    "help": Sample("help"),
}
