"""Settings: language, look, text size, pace of codes, camera, reader, who reads at a tap.

PIN, help and risk are reached from here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from functools import partial
from typing import TypeVar

from kivy.uix.widget import Widget

from app.catalogue import LANGUAGES, catalogue
from app.presenters.settings import SettingsPresenter
from app.presenters.views.settings import SettingsView
from app.window.screen import Screen, Surroundings
from app.window.theme import LABEL, LEAD, SMALL
from app.window.widgets.boxes import Card, Column
from app.window.widgets.buttons import Choice, Toggle, TouchRow
from app.window.widgets.notices import trouble
from app.window.widgets.page import page
from app.window.widgets.text import Icon, Text
from wallet.transport.nfc.devices import READERS

S = TypeVar("S", bound=Enum)


class SettingsScreen(Screen[SettingsView]):
    """One list; everything in it is applied at once."""

    def __init__(self, around: Surroundings, settings: SettingsPresenter) -> None:
        super().__init__(around, settings)
        self._settings = settings

    def shape(self, view: SettingsView) -> Hashable:
        return (
            view.pace, view.camera, view.cameras, view.reader, view.readers, view.tap_reader, view.trouble,
        )  # fmt: skip

    def draw(self, view: SettingsView) -> Widget:
        kit = self.kit
        parts: list[Widget] = [trouble(kit, view.trouble)] if view.trouble else []
        parts += [
            self._group("app_settings.language", self._languages(view)),
            self._group("app_settings.look", self._states("look", view.look, self._settings.set_look)),
            Card(
                Toggle(
                    kit,
                    "settings-large",
                    self.say("app_settings.large"),
                    self._settings.set_large,
                    view.is_large,
                    "format-size",
                ),
                ground=kit.colours.card.ground,
                pad=4,
            ),
            self._group(
                "app_settings.pace",
                self._states("pace", view.pace, self._settings.set_pace),
                "app_settings.pace_line",
            ),
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
            self._group(
                "app_settings.tap_reader",
                self._states("tap_reader", view.tap_reader, self._settings.set_tap_reader),
                "app_settings.tap_reader_line",
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
                f"language-{language}",
                catalogue(language).text("language.name"),
                partial(self._settings.set_language, language),
                language == view.language,
            )
            for language in LANGUAGES
        ]

    def _states(self, kind: str, chosen: S, choose: Callable[[S], None]) -> list[Widget]:
        """One choice for each state that there is of ``chosen``'s kind."""
        return [
            Choice(
                self.kit,
                f"{kind}-{state.value}",
                self.say(f"app_settings.{kind}_{state.value}"),
                partial(choose, state),
                state is chosen,
            )
            for state in type(chosen)
        ]

    def _devices(
        self, kind: str, names: Sequence[str], chosen: str, choose: Callable[[str], None]
    ) -> list[Widget]:
        known = list(dict.fromkeys((*names, chosen)))
        return [
            Choice(self.kit, f"{kind}-{at}", self._device(name), partial(choose, name), name == chosen)
            for at, name in enumerate(known)
        ]

    def _device(self, name: str) -> str:
        """A device as people know it; else its own name."""
        if name in READERS:
            return self.say(f"app_settings.device_{name}")
        if name in ("", "none"):
            return self.say("app_settings.device_none")
        if name.startswith("window:"):
            return self.say("app_settings.device_window")
        if name.startswith(("udp:", "vpcd:")):
            return self.say("app_settings.device_simulated")
        return self.say("app_settings.device_camera", number=int(name) + 1) if name.isdigit() else name

    def _rows(self) -> Widget:
        kit, go = self.kit, self.around.navigator.go
        rows: list[tuple[str, str, str, Callable[[], object]]] = [
            ("settings-pin", "lock-reset", "app_settings.change_pin", partial(go, "pin")),
            ("settings-risk", "shield-alert-outline", "app_settings.risk", partial(go, "risk")),
            ("settings-help", "help-circle-outline", "app_settings.help", partial(go, "help")),
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
