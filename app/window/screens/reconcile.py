"""Reconcile: bring what happened offline to the ledger; progress, verdicts, what changed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from kivy.uix.widget import Widget

from app.presenters.reconcile import ReconcilePresenter
from app.presenters.views.history import HistoryLine
from app.presenters.views.ledger import Conflicted, ReconcileView
from app.window.screen import Screen, Surroundings
from app.window.theme import BODY, HEADLINE, LABEL, LEAD, SMALL
from app.window.widgets.boxes import Card, Column, Gap, Row
from app.window.widgets.buttons import plain, strong
from app.window.widgets.notices import badge, ended, figure, note, told, working
from app.window.widgets.page import page
from app.window.widgets.text import FitText, Icon, Text
from wallet.purse.view.balance import Balance

SIGNS: Final = {
    "settled": "check-circle-outline",
    "repeat": "content-copy",
    "short": "circle-half-full",
    "conflict": "alert-outline",
    "refused": "close-circle-outline",
    "waiting": "timer-sand",
}
COMPARED: Final = ("spendable", "unsettled", "waiting", "signed", "redeeming")


class ReconcileScreen(Screen[ReconcileView]):
    """Before, during and after."""

    def __init__(self, around: Surroundings, reconcile: ReconcilePresenter) -> None:
        super().__init__(around, reconcile)
        self._reconcile = reconcile

    def shape(self, view: ReconcileView) -> Hashable:
        return view

    def draw(self, view: ReconcileView) -> Widget:
        if view.busy is not None:
            return self._working(view)
        if view.is_done:
            return self._done(view)
        if view.trouble is not None:
            return self._failed(view)
        return self._before()

    def _before(self) -> Widget:
        kit = self.kit
        parts = [
            Gap(),
            badge(kit, "cloud-sync-outline", kit.colours.soft),
            Text(kit, self.say("app_ledger.reconcile"), HEADLINE, halign="center"),
            Text(kit, self.say("app_ledger.reconcile_line"), BODY, kit.colours.quiet, halign="center"),
            Gap(),
        ]
        begin = strong(kit, "reconcile-start", self.say("app_ledger.start"), self._reconcile.start, "sync")
        return page(kit, self.say("app_ledger.title"), parts, [begin], back=self.around.navigator.back)

    def _working(self, view: ReconcileView) -> Widget:
        kit = self.kit
        assert view.busy is not None
        parts = [
            Gap(),
            badge(kit, "cloud-sync-outline", kit.colours.hero),
            working(kit, view.busy),
            Text(kit, self.say("app_ledger.leave_line"), SMALL, kit.colours.quiet, halign="center"),
            Gap(),
        ]
        cancel = plain(kit, "reconcile-cancel", self.say("app_ledger.cancel"), self._reconcile.cancel)
        return page(kit, self.say("app_ledger.title"), parts, [cancel], back=self.around.navigator.back)

    def _failed(self, view: ReconcileView) -> Widget:
        kit = self.kit
        assert view.trouble is not None
        parts = [
            *ended(kit, "cloud-off-outline", kit.colours.bad, self.say("app_ledger.not_done")),
            told(kit, kit.words.told(view.trouble), view.trouble.code),
            *self._verdicts(view),
        ]
        again = strong(kit, "reconcile-start", self.say("app_ledger.again"), self._reconcile.start, "refresh")
        return page(kit, self.say("app_ledger.title"), parts, [again], back=self.around.navigator.back)

    def _done(self, view: ReconcileView) -> Widget:
        kit, colours = self.kit, self.kit.colours
        what = self._outcome(view)
        sign, ink = ("check-bold", colours.good) if what == "clean" else ("alert", colours.warn)
        line = self.say(f"app_ledger.{what}")
        parts: list[Widget] = ended(kit, sign, ink, self.say("sync.done"), line=line)
        if view.clock is not None:
            here, there = view.clock
            parts.append(
                note(kit, "clock-alert-outline", self.say("sync.clock", time=here, now=there), colours.bad)
            )
        if view.expired:
            parts.append(
                note(kit, "bank-transfer-out", self.say("sync.expired", amount=view.expired), colours.warn)
            )
        parts += [self._loss(item) for item in view.losses]
        parts += [self._conflict(item) for item in view.conflicts]
        parts += self._verdicts(view)
        parts += self._changes(view)
        done = strong(
            kit, "reconcile-done", self.say("app_ledger.close"), self.around.navigator.back, "check"
        )
        return page(kit, self.say("app_ledger.title"), parts, [done], back=self.around.navigator.back)

    def _outcome(self, view: ReconcileView) -> str:
        """Everything agrees only where nothing is lost, in doubt or in conflict, also of what was told before."""
        if view.is_rolled_back:
            return "rolled_back"
        if view.conflicts:
            return "not_clean"
        return "lost" if view.losses else "clean"

    def _loss(self, line: HistoryLine) -> Widget:
        kit, ink = self.kit, self.kit.colours.bad
        who = kit.words.who(line.party) if line.party is not None else self.say(f"app_history.{line.kind}")
        words = Column(
            Text(kit, f"{who} · {kit.words.time(line.at)}", LEAD, ink.text),
            Text(kit, kit.words.lost(line), SMALL, ink.text, name="ledger-lost"),
            gap=4,
        )
        return Card(Row(Icon(kit, "alert", 26, ink.text), words, gap=14), ground=ink.ground)

    def _verdicts(self, view: ReconcileView) -> list[Widget]:
        kit = self.kit
        rows = [
            Row(
                Icon(kit, SIGNS[name], 22, kit.colours.accent),
                Text(kit, self.say(f"app_ledger.verdict_{name}"), SMALL),
                FitText(kit, kit.words.number(count), LEAD, name=f"verdict-{name}"),
                gap=12,
            )
            for name, count in view.verdicts
            if count
        ]
        if not rows:
            return []
        head = Text(kit, self.say("app_ledger.verdicts"), LABEL, kit.colours.quiet)
        return [Card(head, *rows, ground=kit.colours.card.ground)]

    def _changes(self, view: ReconcileView) -> list[Widget]:
        kit = self.kit
        rows: list[Widget] = []
        if view.before is not None and view.after is not None:
            rows += self._compared(view.before, view.after)
        if view.refreshed:
            rows.append(
                figure(
                    kit,
                    self.say("app_ledger.refreshed"),
                    kit.words.amount(view.refreshed),
                    "ledger-refreshed",
                )
            )
        if view.account is not None:
            rows.append(
                figure(kit, self.say("app_ledger.account"), kit.words.amount(view.account), "ledger-account")
            )
        if not rows:
            return []
        head = Text(kit, self.say("app_ledger.changed"), LABEL, kit.colours.quiet)
        return [Card(head, *rows, ground=kit.colours.card.ground)]

    def _compared(self, before: Balance, after: Balance) -> list[Widget]:
        """What there is now, and what there was where it differs."""
        kit = self.kit
        rows: list[Widget] = []
        for name in COMPARED:
            was, now = getattr(before, name), getattr(after, name)
            if was == now and name != "spendable":
                continue
            label = self.say(f"balance.{name}").strip()
            row = Column(figure(kit, label, kit.words.amount(now), f"ledger-{name}"), gap=2)
            if was != now:
                row.add_widget(Text(kit, self.say("app_ledger.was", amount=was), SMALL, kit.colours.quiet))
            rows.append(row)
        return rows

    def _conflict(self, item: Conflicted) -> Widget:
        kit, ink = self.kit, self.kit.colours.bad
        words = Column(
            Text(kit, self.say("app_ledger.conflict"), LEAD, ink.text),
            Text(kit, self.say(f"app_ledger.by_{item.code}"), SMALL, ink.text),
            Text(
                kit,
                self.say(
                    "app_ledger.conflict_key",
                    key=item.key.hex()[:16],
                    wallet=item.wallet.hex()[:8],
                    bank=item.bank.capitalize(),
                ),
                SMALL,
                ink.text,
                name="ledger-conflict",
            ),
            gap=4,
        )
        return Card(Row(Icon(kit, "alert", 26, ink.text), words, gap=14), ground=ink.ground)
