"""Settings: language, look, text size, pace of codes, camera, reader, the PIN; help and risk are reached from here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from kivy.uix.widget import Widget

from app.catalogue import LANGUAGES, catalogue
from app.presenters.views import Look, Pace, PinStep, SettingsView
from app.window.contract import SettingsLike
from app.window.screen import Screen, Surroundings
from app.window.screens.pin import pin_key, pin_page
from app.window.theme import LABEL, LEAD, SMALL
from app.window.widgets.boxes import Card, Column, Gap
from app.window.widgets.buttons import Choice, Switch, TouchRow, strong
from app.window.widgets.notices import ended, trouble, working
from app.window.widgets.page import page
from app.window.widgets.text import Icon, Text


class SettingsScreen(Screen[SettingsView]):
    """One list; changing the PIN takes three steps of its own."""

    def __init__(self, around: Surroundings, settings: SettingsLike) -> None:
        super().__init__(around, settings)
        self._settings = settings

    def shape(self, view: SettingsView) -> Hashable:
        return (
            view.pace, view.camera, view.cameras, view.reader, view.readers, view.pin_step, view.busy, view.trouble,
        )  # fmt: skip

    def leave(self) -> None:
        super().leave()
        if self.view.pin_step is not PinStep.NONE:
            self._settings.cancel_pin()

    def back(self) -> bool:
        if self.view.pin_step is not PinStep.NONE:
            self._settings.cancel_pin()
            return True
        return False

    def key(self, sign: str) -> bool:
        view, settings = self.view, self._settings
        if view.pin_step in (PinStep.NONE, PinStep.CHANGED) or view.busy is not None:
            return False
        return pin_key(sign, settings.pin_press, settings.pin_erase, settings.pin_next, view.pin_length)

    def draw(self, view: SettingsView) -> Widget:
        match view.pin_step:
            case PinStep.NONE:
                return self._list(view)
            case PinStep.CHANGED:
                return self._changed()
            case _:
                return self._pin(view)

    def _list(self, view: SettingsView) -> Widget:
        kit = self.kit
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        parts += [
            self._group("app_settings.language", self._languages(view)),
            self._group("app_settings.look", self._looks(view)),
            Card(
                Switch(
                    kit,
                    "settings.large",
                    self.say("app_settings.large"),
                    self._settings.set_large,
                    view.is_large,
                    "format-size",
                ),
                ground=kit.colours.card.ground,
                pad=4,
            ),
            self._group("app_settings.pace", self._paces(view), "app_settings.pace_line"),
            self._group(
                "app_settings.camera",
                self._devices("camera", view.cameras, view.camera, self._settings.set_camera),
                "app_settings.camera_line",
            ),
            self._group(
                "app_settings.reader",
                self._devices("reader", view.readers, view.reader, self._settings.set_reader),
                "app_settings.reader_line",
            ),
            self._rows(),
        ]
        return page(kit, self.say("app_settings.title"), parts, gap=14)

    def _group(self, name: str, choices: Sequence[Widget], line: str = "") -> Widget:
        kit = self.kit
        head: list[Widget] = [Text(kit, self.say(name), LABEL, kit.colours.quiet)]
        if line:
            head.append(Text(kit, self.say(line), SMALL, kit.colours.quiet))
        return Column(*head, *choices, gap=8)

    def _languages(self, view: SettingsView) -> list[Widget]:
        return [
            Choice(
                self.kit,
                f"language.{language}",
                catalogue(language).text("language.name"),
                partial(self._settings.set_language, language),
                language == view.language,
            )
            for language in LANGUAGES
        ]

    def _looks(self, view: SettingsView) -> list[Widget]:
        return [
            Choice(
                self.kit,
                f"look.{look.value}",
                self.say(f"app_settings.look_{look.value}"),
                partial(self._settings.set_look, look),
                look is view.look,
            )
            for look in Look
        ]

    def _paces(self, view: SettingsView) -> list[Widget]:
        return [
            Choice(
                self.kit,
                f"pace.{pace.value}",
                self.say(f"app_settings.pace_{pace.value}"),
                partial(self._settings.set_pace, pace),
                pace is view.pace,
            )
            for pace in Pace
        ]

    def _devices(
        self, kind: str, names: Sequence[str], chosen: str, choose: Callable[[str], None]
    ) -> list[Widget]:
        known = list(dict.fromkeys((*names, chosen)))
        return [
            Choice(self.kit, f"{kind}.{at}", self._device(name), partial(choose, name), name == chosen)
            for at, name in enumerate(known)
        ]

    def _device(self, name: str) -> str:
        """A device as people know it; else its own name."""
        if name == "auto":
            return self.say("app_settings.device_auto")
        if name in ("", "none"):
            return self.say("app_settings.device_none")
        return self.say("app_settings.device_camera", number=int(name) + 1) if name.isdigit() else name

    def _rows(self) -> Widget:
        kit, go = self.kit, self.around.navigator.go
        rows: list[tuple[str, str, str, Callable[[], object]]] = [
            ("settings.pin", "lock-reset", "app_settings.change_pin", self._settings.begin_pin),
            ("settings.risk", "shield-alert-outline", "app_settings.risk", partial(go, "risk")),
            ("settings.help", "help-circle-outline", "app_settings.help", partial(go, "help")),
        ]
        return Card(
            *(
                TouchRow(
                    kit,
                    name,
                    tapped,
                    Icon(kit, icon, 24, kit.colours.accent),
                    Text(kit, self.say(words), LEAD),
                    Icon(kit, "chevron-right", 22, kit.colours.quiet),
                )
                for name, icon, words, tapped in rows
            ),
            ground=kit.colours.card.ground,
            gap=2,
            pad=4,
        )

    def _pin(self, view: SettingsView) -> Widget:
        settings = self._settings
        above: list[Widget] = [trouble(self.kit, view.trouble)] if view.trouble else []
        if view.busy is not None:
            above.append(working(self.kit, view.busy))
        return pin_page(
            self,
            title=self.say("app_settings.change_pin"),
            ask=self.say(f"app_settings.pin_{view.pin_step.value}"),
            length=lambda now: now.pin_length,
            press=settings.pin_press,
            erase=settings.pin_erase,
            confirm=settings.pin_next,
            confirm_text=self.say("app_settings.pin_next"),
            back=self.around.navigator.back,
            above=above,
            is_closed=view.busy is not None,
        )

    def _changed(self) -> Widget:
        kit = self.kit
        parts = [
            Gap(),
            *ended(kit, "check-bold", kit.colours.good, self.say("app_settings.pin_changed")),
            Gap(),
        ]
        done = strong(kit, "settings.pin_done", self.say("app_settings.close"), self._settings.cancel_pin, "check")
        return page(kit, "", parts, [done])
