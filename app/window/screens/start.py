"""First start: what offline money is, whose wallet it will be, its PIN, and making it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Final

from kivy.uix.widget import Widget

from app.catalogue import LANGUAGES, catalogue
from app.presenters.settings import SettingsPresenter
from app.presenters.start import StartPresenter
from app.presenters.views.gate import StartStep, StartView
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import BODY, HEADLINE, LABEL, LEAD
from app.window.widgets.boxes import Card, Column, Gap, Row
from app.window.widgets.buttons import Choice, strong
from app.window.widgets.field import Field
from app.window.widgets.notices import badge, ended, told, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import Icon, Text

_PINS: Final = (StartStep.PIN, StartStep.PIN_AGAIN)
_OF_BANK: Final = ("id", "url", "root", "code", "authority")
"""What is asked for of a real bank."""
_HOLDER_BYTES: Final = 64
"""As a certificate holds at most (wallet.protocol)."""


class StartScreen(Screen[StartView]):
    """Steps that each ask for one thing."""

    def __init__(self, around: Surroundings, start: StartPresenter, settings: SettingsPresenter) -> None:
        super().__init__(around, start)
        self._start, self._settings = start, settings
        self._bank = dict.fromkeys(_OF_BANK, "")

    def enter(self) -> None:
        super().enter()
        if self.view.step is StartStep.WELCOME:
            self._start.begin()

    def shape(self, view: StartView) -> Hashable:
        chosen = view.bank if view.banks else ""  # what is typed changes nothing but its field
        return (view.step, view.banks, chosen, view.is_merchant, view.busy, view.trouble)

    def back(self) -> bool:
        if self.view.step in (StartStep.HOLDER, *_PINS):
            self._start.back()
            return True
        return False

    def key(self, sign: str) -> bool:
        if self.view.step in _PINS:
            start = self._start
            return pin_key(sign, start.press, start.erase, start.next, self.view.pin_length)
        return False

    def draw(self, view: StartView) -> Widget:
        match view.step:
            case StartStep.WELCOME:
                return self._welcome()
            case StartStep.HOLDER:
                return self._holder(view)
            case StartStep.PIN | StartStep.PIN_AGAIN:
                return self._pin(view)
            case StartStep.MAKING:
                return self._making(view)
            case StartStep.DONE:
                return self._done()

    def _welcome(self) -> Widget:
        kit = self.kit
        sentences = [
            self._sentence("wifi-off", "app_start.offline_money"),
            self._sentence("cellphone-key", "app_start.where_it_is"),
            self._sentence("bank-check", "app_start.settled_later"),
        ]
        parts = [
            Gap(4),
            badge(kit, "wallet", kit.colours.hero, 64),
            Text(kit, self.say("app_start.welcome"), HEADLINE, halign="center"),
            Card(*sentences, ground=kit.colours.card.ground, gap=14),
            self._languages(),
        ]
        begin = strong(kit, "start-begin", self.say("app_start.begin"), self._start.next, "arrow-right")
        return page(kit, "", parts, [begin])

    def _sentence(self, icon: str, name: str) -> Widget:
        return Row(
            Icon(self.kit, icon, 24, self.kit.colours.accent), Text(self.kit, self.say(name), BODY), gap=14
        )

    def _languages(self) -> Widget:
        kit = self.kit
        here = kit.words.catalogue.language
        choices = [
            Choice(
                kit,
                f"language-{language}",
                catalogue(language).text("language.name"),
                partial(self._settings.set_language, language),
                language == here,
            )
            for language in LANGUAGES
        ]
        return Column(*choices, gap=8)

    def _holder(self, view: StartView) -> Widget:
        kit, start = self.kit, self._start
        kinds = Column(
            self._kind("start-person", "app_start.person", is_merchant=False),
            self._kind("start-shop", "app_start.shop", is_merchant=True),
            gap=8,
        )
        label = "app_start.shop_name" if view.is_merchant else "app_start.your_name"
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        parts += [
            Text(kit, self.say("app_start.whose"), LEAD),
            kinds,
            Field(kit, "start-holder", self.say(label), view.holder, start.set_holder, _HOLDER_BYTES),
            *self._banks(view),
        ]
        following = strong(kit, "start-next", self.say("app_start.next"), start.next, "arrow-right")
        self.follow(following, lambda action, now: setattr(action, "disabled", not now.holder.strip()))
        return page(kit, self.say("app_start.title"), parts, [following], back=self.around.navigator.back)

    def _kind(self, name: str, text: str, *, is_merchant: bool) -> Widget:
        return Choice(
            self.kit,
            name,
            self.say(text),
            partial(self._start.set_merchant, is_merchant),
            self.view.is_merchant == is_merchant,
        )

    def _banks(self, view: StartView) -> list[Widget]:
        kit = self.kit
        if view.busy is not None and not view.banks:
            return [working(kit, view.busy)]
        if not view.banks:
            return [
                Text(kit, self.say("app_start.real_bank"), BODY, kit.colours.quiet),
                *(
                    Field(
                        kit,
                        f"start-bank_{name}",
                        self.say(f"app_start.bank_{name}"),
                        self._bank[name],
                        self._put(name),
                    )
                    for name in _OF_BANK
                ),
            ]
        choices = [
            Choice(
                kit,
                f"start-bank-{bank}",
                bank.capitalize(),
                partial(self._start.choose_bank, bank),
                bank == view.bank,
            )
            for bank in view.banks
        ]
        return [Column(Text(kit, self.say("app_start.bank"), LABEL, kit.colours.quiet), *choices, gap=8)]

    def _put(self, name: str) -> Callable[[str], None]:
        def changed(text: str) -> None:
            self._bank[name] = text.strip()
            self._start.set_bank(*self._bank.values())

        return changed

    def _pin(self, view: StartView) -> Widget:
        start = self._start
        is_first = view.step is StartStep.PIN
        return pin_page(
            self,
            title=self.say("app_start.title"),
            ask=self.say("app_start.choose_pin" if is_first else "app_start.pin_again"),
            line=self.say("app_start.pin_line") if is_first else "",
            length=lambda now: now.pin_length,
            press=start.press,
            erase=start.erase,
            confirm=start.next,
            confirm_text=self.say("app_start.next" if is_first else "app_start.make"),
            back=self.around.navigator.back,
            above=[trouble(self.kit, view.trouble, is_brief=True)] if view.trouble else [],
        )

    def _making(self, view: StartView) -> Widget:
        kit = self.kit
        if view.trouble is not None:
            parts = [
                *ended(kit, "close-thick", kit.colours.bad, self.say("app_start.not_made")),
                told(kit, kit.words.told(view.trouble), view.trouble.code),
            ]
            retry = strong(kit, "start-retry", self.say("app_start.retry"), self._start.retry, "refresh")
            return page(kit, "", parts, [retry])
        parts = [
            Gap(),
            badge(kit, "cellphone-key", kit.colours.soft),
            Text(kit, self.say("app_start.making_title"), HEADLINE, halign="center"),
        ]
        if view.busy is not None:
            parts.append(working(kit, view.busy))
        return page(kit, "", [*parts, Gap()])

    def _done(self) -> Widget:
        kit = self.kit
        parts = [
            *ended(
                kit,
                "check-bold",
                kit.colours.good,
                self.say("app_start.done"),
                line=self.say("app_start.done_line"),
            ),
        ]
        following = strong(
            kit,
            "start-open",
            self.say("app_start.open"),
            lambda: self.around.navigator.go("home"),
            "arrow-right",
        )
        return page(kit, "", parts, [following])
