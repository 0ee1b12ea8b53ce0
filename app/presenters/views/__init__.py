"""Everything that a screen can show, as frozen values. Amounts in tiyn, times in unix seconds, ids as bytes."""

from app.engine.values import Busy, Role, TapStep, Trouble
from app.presenters.views.carrying import Carrier, CodeKind, InView, Scanning, Shown
from app.presenters.views.common import Party
from app.presenters.views.gate import StartStep, StartView, UnlockView
from app.presenters.views.history import Hand, HistoryLine, HistoryView
from app.presenters.views.home import HomeView, Unfinished
from app.presenters.views.ledger import Conflicted, FundsView, LostView, ReconcileView, RiskView
from app.presenters.views.pay import Earlier, PayStep, PayView
from app.presenters.views.receive import ReceiveStep, ReceiveView
from app.presenters.views.settings import Look, Pace, PinStep, SettingsView, TapReader

__all__ = [
    "Busy",
    "Carrier",
    "CodeKind",
    "Conflicted",
    "Earlier",
    "FundsView",
    "Hand",
    "HistoryLine",
    "HistoryView",
    "HomeView",
    "InView",
    "Look",
    "LostView",
    "Pace",
    "Party",
    "PayStep",
    "PayView",
    "PinStep",
    "ReceiveStep",
    "ReceiveView",
    "ReconcileView",
    "RiskView",
    "Role",
    "Scanning",
    "SettingsView",
    "Shown",
    "StartStep",
    "StartView",
    "TapReader",
    "TapStep",
    "Trouble",
    "Unfinished",
    "UnlockView",
]
