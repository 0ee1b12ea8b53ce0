"""The application: one window, its keys, its clock and its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.window import Window
from kivymd.app import MDApp

from app.window import fonts
from app.window.contract import Camera, Presenters
from app.window.shell import Shell

ESCAPE: Final = 27
"""Also what Android's back key comes as."""
_SIGNS: Final = {ESCAPE: "back", 8: "erase", 13: "enter", 271: "enter"}


class QaltaApp(MDApp):
    """``tick`` is called every second."""

    def __init__(
        self,
        presenters: Presenters,
        camera: Camera | None,
        prints: Path,
        *,
        title: str,
        is_made: bool,
        is_dark_outside: bool = False,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        fonts.register()
        super().__init__(title=title)
        self._presenters, self._camera, self._prints, self._is_made = presenters, camera, prints, is_made
        self._is_dark_outside, self._every_second = is_dark_outside, tick
        self.shell: Shell | None = None

    def build(self) -> Any:
        self.shell = Shell(
            self._presenters,
            self._camera,
            self.theme_cls,
            self._prints,
            is_made=self._is_made,
            is_dark_outside=self._is_dark_outside,
        )
        Window.bind(on_keyboard=self._key)
        Clock.schedule_interval(lambda _: self._every_second(), 1)
        return self.shell.root

    def on_stop(self) -> None:
        if self.shell is not None:
            self.shell.close()

    def _key(self, _window: Any, key: int, _scancode: int, sign: str | None, modifiers: Any) -> bool:
        if self.shell is None or {"ctrl", "alt", "meta"} & set(modifiers or ()):
            return key == ESCAPE
        meant = _SIGNS.get(key) or _typed(key, sign)
        is_meant = bool(meant) and self.shell.key(str(meant))
        return is_meant or key == ESCAPE


def _typed(key: int, sign: str | None) -> str | None:
    """A digit or a comma; a point is as good, and so are the keys of the number block."""
    if 256 <= key <= 265:
        return str(key - 256)
    if sign in (".", ",") or key == 266:
        return ","
    return sign if sign is not None and sign.isascii() and sign.isdigit() else None
