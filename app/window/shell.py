"""Where one is: the gate (first start, unlocking), the places one can go to at any time, and the way back.

Rule: only the screen that is shown follows its presenter. Another language, look, text size or pace, and a window that
became wide or narrow, draw it anew; when, app.window.anew says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kivy.metrics import dp
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from app.catalogue import catalogue
from app.presenters.views.gate import StartStep, UnlockView
from app.presenters.views.settings import Look, SettingsView
from app.window.anew import Anew
from app.window.contract import Camera, Presenters
from app.window.kit import Kit
from app.window.screen import Screen, Surroundings
from app.window.screens.funds import FundsScreen
from app.window.screens.help import help_page
from app.window.screens.history import HistoryScreen
from app.window.screens.home import HomeScreen
from app.window.screens.lost import LostScreen
from app.window.screens.pay import PayScreen
from app.window.screens.pin_change import PinChangeScreen
from app.window.screens.receive import ReceiveScreen
from app.window.screens.reconcile import ReconcileScreen
from app.window.screens.risk import RiskScreen
from app.window.screens.settings import SettingsScreen
from app.window.screens.start import StartScreen
from app.window.screens.unlock import UnlockScreen
from app.window.theme import WIDE, Theme, colours_of
from app.window.widgets.boxes import paint
from app.window.widgets.field import go_on_typing, is_typing, typing_in
from app.window.widgets.places import Place, bar, rail
from app.window.widgets.putting_away import put_away
from app.window.words import Words

START: Final = "start"
UNLOCK: Final = "unlock"
HOME: Final = "home"
TABS: Final = (HOME, "history", "settings")
PLACES: Final = (*TABS, "receive", "pay", "reconcile", "funds", "risk", "lost", "help", "pin")
"""Names that `Navigator.go` takes."""
_ICONS: Final = {
    HOME: ("wallet-outline", "wallet"),
    "history": ("history", "history"),
    "settings": ("cog-outline", "cog"),
}


class Shell:
    """The whole of the window. ``prints``: the folder for printed codes; ``is_made``: there is a wallet already."""

    def __init__(
        self,
        presenters: Presenters,
        camera: Camera | None,
        theme_cls: Any,
        prints: Path,
        *,
        is_made: bool,
        is_dark_outside: bool = False,
    ) -> None:
        self.root = BoxLayout()
        self._ground = paint(self.root, (0, 0, 0, 1), None, 0)
        self._presenters, self._camera, self._prints = presenters, camera, prints
        self._theme_cls, self._is_dark_outside = theme_cls, is_dark_outside
        self._is_begun = is_made
        self._stack: list[str] = [HOME]
        self._screen: Screen[Any] | None = None
        self._drawn: tuple[object, ...] = ()
        self._is_wide = self._is_closed = False
        self._anew = Anew(self.root, self._draw_anew)
        self._stops = [
            presenters.settings.watch(self._settings_changed),
            presenters.unlock.watch(self._unlock_changed),
        ]
        self.root.bind(size=lambda *_: self._resized())
        self._draw()

    # where

    @property
    def place(self) -> str:
        """What is shown now."""
        if not self._is_begun:
            return START
        is_just_made = self._presenters.start.view.step is StartStep.DONE
        if not (is_just_made or self._presenters.unlock.view.is_open):
            return UNLOCK
        return self._stack[-1]

    def go(self, place: str) -> None:
        """Open a place; one of the tabs begins the way anew."""
        self._abandon()
        if self.place == START:
            self._is_begun = True
        if place in TABS:
            self._stack = [HOME] if place == HOME else [HOME, place]
        elif self._stack[-1] != place:
            self._stack.append(place)
        self._anew.ask(though_held=True)

    def back(self) -> None:
        """First back within the screen, then to where one came from; at home it means nothing."""
        if self._screen is not None and self._screen.back():
            return
        if self.place == self._stack[-1] and len(self._stack) > 1:
            self._abandon()
            self._stack.pop()
            self._anew.ask(though_held=True)

    def key(self, sign: str) -> bool:
        """A key of a keyboard ("back", "erase", "enter", a digit or ","), unless something is being typed."""
        if is_typing(self.root):
            return False
        if sign == "back":
            self.back()
            return True
        return self._screen is not None and self._screen.key(sign)

    def close(self) -> None:
        """Follow nobody any more."""
        self._is_closed = True
        self._leave()
        put_away(self.root)
        for stop in self._stops:
            stop()
        self._stops = []

    # drawing

    def _draw_anew(self) -> None:
        if not self._is_closed:
            self._draw()

    def _draw(self) -> None:
        """Draw what is shown now, from nothing."""
        typing = typing_in(self.root)
        self._leave()
        kit = self._kit()
        around = Surroundings(kit, self, self._camera, self._presenters.settings.view.pace)
        place = self.place
        content = self._content(place, around)
        put_away(self.root)
        self.root.clear_widgets()
        self._ground.rgba = kit.colours.page.ground
        self.root.orientation = "horizontal" if self._is_wide else "vertical"
        if place in TABS:
            navigation = (rail if self._is_wide else bar)(kit, _places(kit), place, self.go)
            order = [navigation, content] if self._is_wide else [content, navigation]
        else:
            order = [content]
        for part in order:
            self.root.add_widget(part)
        go_on_typing(self.root, typing)

    def _abandon(self) -> None:
        """What is left follows nobody, though it is seen until the frame's end."""
        if self._screen is not None:
            self._screen.abandon()
        self._leave()

    def _leave(self) -> None:
        if self._screen is not None:
            self._screen.leave()
            self._screen = None

    def _content(self, place: str, around: Surroundings) -> Widget:
        if place == "help":
            return help_page(around)
        self._screen = self._made(place, around)
        self._screen.enter()
        return self._screen.root

    def _made(self, place: str, around: Surroundings) -> Screen[Any]:
        all_of = self._presenters
        match place:
            case "start":
                return StartScreen(around, all_of.start, all_of.settings)
            case "unlock":
                return UnlockScreen(around, all_of.unlock)
            case "history":
                return HistoryScreen(around, all_of.history)
            case "settings":
                return SettingsScreen(around, all_of.settings)
            case "pin":
                return PinChangeScreen(around, all_of.settings)
            case "receive":
                return ReceiveScreen(around, all_of.receive, self._prints)
            case "pay":
                return PayScreen(around, all_of.pay)
            case "reconcile":
                return ReconcileScreen(around, all_of.reconcile)
            case "funds":
                return FundsScreen(around, all_of.funds)
            case "lost":
                return LostScreen(around, all_of.lost)
            case "risk":
                return RiskScreen(around, all_of.risk)
            case _:
                return HomeScreen(around, all_of.home)

    def _kit(self) -> Kit:
        view = self._presenters.settings.view
        is_dark = view.look is Look.DARK or (view.look is Look.SYSTEM and self._is_dark_outside)
        theme = Theme(colours_of(self._theme_cls, is_dark), view.is_large)
        return Kit(theme, Words(catalogue(view.language)))

    # what draws anew

    def _settings_changed(self, view: SettingsView) -> None:
        drawn = (view.language, view.look, view.is_large, view.pace, view.camera)
        if self._drawn and drawn != self._drawn:
            self._drawn = drawn
            self._anew.ask()
        self._drawn = drawn

    def _unlock_changed(self, view: UnlockView) -> None:
        if view.is_open and isinstance(self._screen, UnlockScreen):
            self._anew.ask()

    def _resized(self) -> None:
        is_wide = self.root.width >= dp(WIDE)
        if is_wide != self._is_wide:
            self._is_wide = is_wide
            self._anew.ask()


def _places(kit: Kit) -> list[Place]:
    return [Place(name, kit.say(f"app_home.place_{name}"), *_ICONS[name]) for name in TABS]
