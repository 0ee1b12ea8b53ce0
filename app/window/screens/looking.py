"""A screen that needs the camera: it is on exactly while a view of the shown screen asks for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from kivy.metrics import dp
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from app.engine.values import Role, TapStep, Trouble
from app.presenters.views.carrying import Carrier, InView, Scanning
from app.window.contract import Watched
from app.window.kit import Kit
from app.window.screen import Screen, Surroundings
from app.window.theme import BODY, LABEL, LEAD, SMALL
from app.window.widgets.boxes import Column, Gap, Row
from app.window.widgets.buttons import Action, plain, soft
from app.window.widgets.notices import badge
from app.window.widgets.preview import Preview
from app.window.widgets.progress import RUNNING, Line
from app.window.widgets.text import Text

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Sees(Watched[V_co], Protocol[V_co]):
    """A presenter that takes what the camera reads."""

    def seen(self, text: str) -> None: ...
    def several(self, texts: tuple[str, ...]) -> None: ...
    def camera(self, trouble: str | None) -> None: ...
    def choose(self, carrier: Carrier) -> None: ...
    def change_sides(self) -> None: ...


class Tapped(Protocol):
    """How a tap stands, as the views of paying and receiving have it."""

    @property
    def tap(self) -> TapStep | None: ...
    @property
    def role(self) -> Role | None: ...
    @property
    def trouble(self) -> Trouble | None: ...


class LookingScreen(Screen[V]):
    """Starts and stops the camera."""

    def __init__(self, around: Surroundings, presenter: Sees[V]) -> None:
        super().__init__(around, presenter)
        self._sees = presenter
        self._is_looking = False

    @abstractmethod
    def wants_camera(self, view: V) -> bool: ...

    def leave(self) -> None:
        super().leave()
        self._look(False)

    def _show(self, view: V) -> None:
        super()._show(view)
        if self._is_entered:
            self._look(self.wants_camera(view))

    def _look(self, wanted: bool) -> None:
        camera = self.around.camera
        if camera is None or wanted == self._is_looking:
            return
        self._is_looking = wanted
        if wanted:
            camera.start(self._sees.seen, self._sees.camera, self._sees.several)
        else:
            camera.stop()

    def finder(self, height: float, scanning: Callable[[V], Scanning]) -> Widget:
        """What the camera sees, with how much of a message has come below it."""
        kit = self.kit
        box = BoxLayout(orientation="vertical", size_hint_y=None, height=dp(height))
        if self.around.camera is not None:
            box.add_widget(Preview(kit, self.around.camera))
        return Column(box, *self.scan_state(scanning), gap=10)

    def watching(self, title: str, scanning: Callable[[V], Scanning]) -> Widget:
        """What the camera sees, small, beside what it is for and how far it is."""
        words = Column(Text(self.kit, title, LABEL), *self.scan_state(scanning, is_small=True), gap=6)
        if self.around.camera is None:
            return words
        box = BoxLayout(size_hint=(None, None), size=(dp(104), dp(78)))
        box.add_widget(Preview(self.kit, self.around.camera))
        return Row(box, words, gap=14)

    def scan_state(self, scanning: Callable[[V], Scanning], *, is_small: bool = False) -> list[Widget]:
        """One line of words and one of progress."""
        kit = self.kit
        words = Text(kit, "", SMALL if is_small else BODY, kit.colours.quiet, name="scan-state")
        if not is_small:
            words.halign = "center"
        line = Line(kit, 0.0)
        has_camera = self.around.camera is not None

        def put(words: Text, view: V) -> None:
            words.text = _scan_words(kit, scanning(view), has_camera=has_camera)

        self.follow(words, put)
        self.follow(line, lambda line, view: setattr(line, "share", _share(scanning(view))))
        return [words, line]

    def tapping(self, view: Tapped, line: str) -> list[Widget]:
        """What to do with the device, for payments by tap; where that leads nowhere, a way to change sides."""
        kit = self.kit
        step = view.tap or TapStep.WAITING
        sign, ink = _TAPS[step], kit.colours.hero
        if step in (TapStep.TAP_AGAIN, TapStep.OTHER_WALLET):
            ink = kit.colours.warn
        parts: list[Widget] = [
            Gap(),
            badge(kit, sign, ink, 110),
            Text(kit, self.say(f"app_receive.tap_{step.value}"), LEAD, halign="center", name="tap-step"),
            Text(kit, line, BODY, kit.colours.quiet, halign="center"),
        ]
        if view.role is not None and (step is TapStep.NOBODY or view.trouble is not None):
            parts += self._sides(view.role)
        return [*parts, Gap()]

    def _sides(self, role: Role) -> list[Widget]:
        kit = self.kit
        words = self.say(f"app_receive.tap_as_{role.value}")
        return [
            Text(kit, words, SMALL, kit.colours.quiet, halign="center", name="tap-role"),
            soft(
                kit,
                "tap-sides",
                self.say("app_receive.tap_sides"),
                self._sees.change_sides,
                "swap-horizontal",
            ),
        ]

    def other_carrier(self, carrier: Carrier) -> Action:
        """Changes between code and tap."""
        if carrier is Carrier.QR:
            icon, name, other = "contactless-payment", "app_receive.tap_instead", Carrier.TAP
        else:
            icon, name, other = "qrcode", "app_receive.code_instead", Carrier.QR
        return plain(self.kit, "carrier", self.say(name), lambda: self._sees.choose(other), icon)


_TAPS = {
    TapStep.WAITING: "contactless-payment",
    TapStep.NOBODY: "contactless-payment",
    TapStep.HOLD_STILL: "cellphone-nfc",
    TapStep.TAP_AGAIN: "gesture-tap",
    TapStep.OTHER_DECIDES: "account-clock-outline",
    TapStep.OTHER_WALLET: "account-alert-outline",
}


def _scan_words(kit: Kit, scanning: Scanning, *, has_camera: bool) -> str:
    if not has_camera or scanning.camera_trouble is not None:
        return kit.say(scanning.camera_trouble or "app_receive.no_camera")
    if scanning.several:
        return kit.say(
            "app_receive.scan_several", names="; ".join(_named(kit, code) for code in scanning.several)
        )
    if scanning.needed and scanning.rank < scanning.needed:
        return kit.say("app_receive.scan_parts", rank=scanning.rank, needed=scanning.needed)
    return kit.say("app_receive.scan_looking" if scanning.is_seeing else "app_receive.scan_waiting")


def _named(kit: Kit, code: InView) -> str:
    """What one of several codes says of itself, as far as it could be read."""
    if code.party is None:
        return kit.say(f"app_receive.scan_{code.kind.value}")
    who = kit.words.who(code.party)
    return who if code.amount is None else f"{who}, {kit.words.amount(code.amount)}"


def _share(scanning: Scanning) -> float:
    if scanning.rank < scanning.needed:
        return scanning.rank / scanning.needed
    return RUNNING if scanning.is_seeing and scanning.camera_trouble is None else 0.0
