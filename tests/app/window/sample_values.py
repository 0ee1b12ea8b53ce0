"""Realistic things for samples to show: whom one pays, what is in the pocket, lines of a history."""

from __future__ import annotations

import random
from typing import Final

from app.engine.values import Trouble
from app.presenters.views.carrying import CodeKind, InView, Shown
from app.presenters.views.common import Counterparty
from app.presenters.views.history import Hand, HistoryLine
from app.presenters.views.home import Unfinished
from wallet.purse.view.balance import Balance
from wallet.purse.view.outlook import Allowance

NOW: Final = 1_790_000_000
DAY: Final = 86_400
BYTES = random.Random(7).randbytes

BREAD: Final = Counterparty("«Наурыз» нан және кондитер дүкені", BYTES(16), "zhibek", True, 5462)
DANA: Final = Counterparty("", BYTES(16), "alatau", False)
SEVERAL: Final = (
    InView(CodeKind.REQUEST, BREAD, 1_250_050),
    InView(CodeKind.REQUEST, DANA, 99_999_999),
    InView(CodeKind.RECEIPT),
)
PAYMENT: Final = Shown(BYTES(3_100), is_still=False)
REQUEST: Final = Shown(BYTES(420), is_still=True)
RECEIPT: Final = Shown(BYTES(240), is_still=True)
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
ROOM: Final = Allowance(1_250_050, 10_000_000, 35_000_000)
UNREACHABLE: Final = Trouble("unreachable")
SHORT_OF_MONEY: Final = Trouble("funds_short", {"have": 1_250_050, "need": 2_000_000})
LINES: Final = (
    HistoryLine(
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
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
        id=BYTES(32),
        kind="received",
        state="lost",
        at=NOW - DAY,
        amount=1_700_000,
        sign=0,
        party=DANA,
        memo="",
        code=None,
        lost=1_700_000,
        claim=BYTES(16),
    ),
    HistoryLine(
        id=BYTES(32),
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
        id=BYTES(32),
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
    id=BYTES(32),
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
    *(Hand(hop, NOW - (9 - hop) * DAY, 400_000, BYTES(16), "alatau", False) for hop in range(1, 4)),
    Hand(4, NOW - 2 * DAY, 320_000, BYTES(16), "zhibek", False),
)
"""Each hand is who paid the money on; the last paid it to this wallet."""
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
UNFINISHED: Final = (
    Unfinished(BYTES(32), True, 1_250_050, BREAD, NOW - 900, is_signed=True),
    Unfinished(BYTES(32), True, 30_000, DANA, NOW - 1_800),
    Unfinished(BYTES(16), False, 320_000, None, NOW - 300),
)
