"""Home: what can be spent, what is on its way, what is unfinished; pay and receive."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from typing import Final

from kivy.uix.widget import Widget

from app.presenters.home import HomePresenter
from app.presenters.views.home import HomeView, Unfinished
from app.window.screen import Screen, Surroundings
from app.window.theme import HUGE, LABEL, LEAD, SMALL, TINY
from app.window.widgets.boxes import Card, Column, Panes, Row
from app.window.widgets.buttons import Chip, TouchRow, plain, soft, strong
from app.window.widgets.notices import fact, figure, note, trouble
from app.window.widgets.page import page
from app.window.widgets.text import BigText, Icon, Text
from wallet.purse.view.balance import Balance

ON_THE_WAY: Final = ("signed", "funding", "redeeming", "waiting", "reserved", "refused")
"""Parts of a balance that cannot be spent now."""


class HomeScreen(Screen[HomeView]):
    """Everything about the money that is here, and where to go from it."""

    def __init__(self, around: Surroundings, home: HomePresenter) -> None:
        super().__init__(around, home)
        self._home = home

    def enter(self) -> None:
        super().enter()
        self._home.refresh()

    def shape(self, view: HomeView) -> Hashable:
        return replace(view, busy=None)

    def draw(self, view: HomeView) -> Widget:
        kit, go = self.kit, self.around.navigator.go
        money: list[Widget] = [self._hero(view), *self._on_the_way(view)]
        rest: list[Widget] = [*self._warnings(view), *self._unfinished(view), self._more(view)]
        actions = Row(
            soft(kit, "home-receive", self.say("app_home.receive"), partial(go, "receive"), "arrow-down"),
            strong(kit, "home-pay", self.say("app_home.pay"), partial(go, "pay"), "qrcode-scan"),
            gap=10,
        )
        return page(
            kit,
            view.holder,
            [Panes(Column(*money, gap=16), Column(*rest, gap=16))],
            [actions],
            extra=[self._network(view)],
            is_broad=True,
        )

    def _network(self, view: HomeView) -> Widget:
        is_on = view.is_network_on
        chip = Chip(
            self.kit,
            "home-network",
            self.say("app_home.online" if is_on else "app_home.offline"),
            "wifi-off",
            partial(self._home.set_network, not is_on),
            is_on,
        )
        chip.pos_hint = {"center_y": 0.5}
        return chip

    def _hero(self, view: HomeView) -> Widget:
        kit, ink = self.kit, self.kit.colours.hero
        faded = (*ink.text[:3], 0.86)
        parts: list[Widget] = [
            Text(kit, self.say("balance.spendable"), LABEL, faded),
            BigText(
                kit,
                "…" if view.balance is None else kit.words.amount(view.balance.spendable),
                HUGE,
                ink.text,
                name="home-spendable",
            ),
        ]
        if view.balance is not None and view.balance.unsettled:
            parts.append(
                self._hero_fact(
                    "progress-clock",
                    self.say("app_home.unsettled", amount=view.balance.unsettled),
                    "home-unsettled",
                )
            )
        if view.hops_left is not None:
            parts.append(
                self._hero_fact(
                    "swap-horizontal", self.say("app_home.hops", hops=view.hops_left), "home-hops"
                )
            )
        if view.expires is not None:
            parts.append(
                self._hero_fact(
                    "calendar-clock", self.say("app_home.expires", time=view.expires), "home-expires"
                )
            )
        if view.offline_since is not None:
            parts.append(
                self._hero_fact(
                    "cloud-check-outline", self.say("app_home.since", time=view.offline_since), "home-since"
                )
            )
        return Card(*parts, ground=ink.ground, gap=6, pad=20, radius=24)

    def _hero_fact(self, icon: str, text: str, name: str) -> Widget:
        ink = self.kit.colours.hero
        return Row(
            Icon(self.kit, icon, 18, ink.text), Text(self.kit, text, SMALL, ink.text, name=name), gap=10
        )

    def _on_the_way(self, view: HomeView) -> list[Widget]:
        """The account's line stands there before the bank was asked: what is below it never moves under a finger."""
        lines = [
            figure(self.kit, self.say(f"balance.{name}"), self.kit.words.amount(amount), f"home-{name}")
            for name, amount in ([] if view.balance is None else _parts(view.balance))
            if amount
        ]
        account = "—" if view.account is None else self.kit.words.amount(view.account)
        lines.append(figure(self.kit, self.say("app_home.account"), account, "home-account"))
        return [Card(*lines, ground=self.kit.colours.card.ground, gap=10)]

    def _warnings(self, view: HomeView) -> list[Widget]:
        found: list[Widget] = []
        if view.is_rolled_back:
            found.append(
                note(self.kit, "backup-restore", self.say("app_home.rolled_back"), self.kit.colours.bad)
            )
        if view.trouble is not None:
            found.append(trouble(self.kit, view.trouble))
        return found

    def _unfinished(self, view: HomeView) -> list[Widget]:
        return [self._to_go_on(item) for item in view.unfinished]

    def _to_go_on(self, item: Unfinished) -> Widget:
        kit, ink = self.kit, self.kit.colours.warn
        if not item.is_payment:
            what = self.say("app_home.open_request", amount=item.amount)
        else:
            name = "app_home.open_signed" if item.is_signed else "app_home.open_unsigned"
            what = self.say(name, amount=item.amount, payee=kit.words.who(item.party))
        lines = Column(
            Text(kit, what, LEAD, ink.text), Text(kit, kit.words.time(item.at), TINY, ink.text), gap=4
        )
        key = item.id.hex()[:8]
        actions = [soft(kit, f"home-go_on-{key}", self.say("app_home.go_on"), partial(self._go_on, item))]
        if not item.is_payment or not item.is_signed:
            drop, words = partial(self._home.drop, item.id), "drop" if item.is_payment else "ask_no_more"
            actions.append(plain(kit, f"home-drop-{key}", self.say(f"app_home.{words}"), drop))
        side_by_side = Column(*actions, gap=4) if kit.theme.is_large else Row(*actions, gap=8)
        return Card(
            Row(Icon(kit, "timer-sand", 26, ink.text), lines, gap=14), side_by_side, ground=ink.ground
        )

    def _go_on(self, item: Unfinished) -> None:
        self._home.go_on(item.id)
        self.around.navigator.go("pay" if item.is_payment else "receive")

    def _more(self, view: HomeView) -> Widget:
        kit, colours = self.kit, self.kit.colours
        rows = [
            ("reconcile", "sync", "app_home.reconcile", "app_home.reconcile_line"),
            ("funds", "bank-transfer", "app_home.funds", "app_home.funds_line"),
            ("risk", "shield-alert-outline", "app_home.risk", "app_home.risk_line"),
        ]
        go = self.around.navigator.go
        return Card(
            *(
                TouchRow(
                    kit,
                    f"home-{place}",
                    partial(go, place),
                    Icon(kit, icon, 24, colours.accent),
                    Column(
                        Text(kit, self.say(title), LEAD),
                        Text(kit, self.say(line), SMALL, colours.quiet),
                        gap=2,
                    ),
                    Icon(kit, "chevron-right", 22, colours.quiet),
                )
                for place, icon, title, line in rows
            ),
            fact(kit, "bank-outline", self.say("app_home.bank", bank=view.bank.capitalize()), aside=14),
            ground=colours.card.ground,
            gap=2,
            pad=(4, 4, 4, 12),
        )


def _parts(balance: Balance) -> list[tuple[str, int]]:
    return [(name, getattr(balance, name)) for name in ON_THE_WAY]
