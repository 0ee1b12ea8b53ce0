"""Realistic views for every state of every screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.engine.values import Busy, Role, TapStep, Trouble
from app.presenters.views.carrying import Carrier, CodeKind, InView, Scanning
from app.presenters.views.gate import StartStep, StartView, UnlockView
from app.presenters.views.history import HistoryView
from app.presenters.views.ledger import Conflicted, LostView, ReconcileView, RiskView
from app.presenters.views.pay import Earlier, PayStep, PayView
from app.presenters.views.receive import ReceiveStep, ReceiveView
from app.presenters.views.settings import PinStep
from tests.app.window.sample_presenters import FIRST_VIEWS
from tests.app.window.sample_values import (
    BREAD,
    BUSY_POCKET,
    BYTES,
    CHAIN,
    DANA,
    DAY,
    DONE,
    EXPIRED,
    LINES,
    LOSSES,
    NOW,
    PAYMENT,
    RECEIPT,
    REQUEST,
    ROOM,
    SEVERAL,
    SHORT_OF_MONEY,
    UNFINISHED,
    UNREACHABLE,
    VERDICTS,
)
from wallet.session import Money


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


def _history(**changes: Any) -> Sample:
    return Sample("history", {"history": replace(HistoryView(LINES), **changes)})


def _reconcile(**changes: Any) -> Sample:
    return Sample("reconcile", {"reconcile": replace(ReconcileView(), **changes)})


def _funds(**changes: Any) -> Sample:
    return Sample("funds", {"funds": replace(FIRST_VIEWS["funds"], **changes)})


def _pin_change(**changes: Any) -> Sample:
    return Sample("pin", {"settings": replace(FIRST_VIEWS["settings"], **changes)})


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
    "home-account-unknown": _home(account=None),
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
    "pay-earlier": _pay(PayStep.ASKED, earlier=(Earlier(BYTES(32), 125_000, NOW - 600),)),
    "pay-alike": _pay(PayStep.ASKED, alike=(Earlier(BYTES(32), 1_250_050, NOW - 60),)),
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
        **DONE, verdicts=VERDICTS, conflicts=(Conflicted("conflict", BYTES(33), BYTES(16), "alatau"),)
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
    "lost-alone": Sample("lost", {"lost": LostView(0, is_alone=True)}),
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
