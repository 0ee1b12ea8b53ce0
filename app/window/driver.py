"""Remote control of a window by tests: touches, keys and questions, as JSON lines over a Unix socket.

It is the remote control of a wallet: it exists only in a window started with --developer and QALTA_APP_DRIVER=PATH.

    {"do": "list"}                                  what is on the screen: name, kind, text, centre, size, and whether
                                                    it can be seen and touched
    {"do": "find", "name": N}                       the same of what is called N
    {"do": "wait", "name": N, "seconds": S}         until N is on the page, perhaps to be scrolled to; with "text": R
                                                    until its text matches R; with "gone": true until it is not
    {"do": "touch", "name": N} or "at": [x, y]      a finger comes down and goes up; what must be scrolled to, is
    {"do": "type", "text": T}                       into the field that has the keyboard
    {"do": "key", "key": K}                         "escape", "enter", "backspace", "left", "right", or a sign
    {"do": "place"}                                 which place the window is at
    {"do": "frames"}                                how many frames were drawn
    {"do": "picture", "path": P}                    a PNG of the window
    {"do": "close"}                                 close the window

Each answer is one line: {"ok": ...} or {"error": "..."}. Coordinates are pixels from the lower left corner. Everything
is done in the window's thread, in real frames.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.window import Window
from kivy.uix.scrollview import ScrollView
from kivy.uix.textinput import TextInput
from kivy.uix.widget import Widget

from app.window.app import QaltaApp
from app.window.pixels import window_picture
from app.window.widgets.holding import is_held

KEYS: Final = {"escape": 27, "enter": 13, "backspace": 8, "left": 276, "right": 275}
HELD: Final = 2
"""Frames between a finger's coming down and going up."""
PATIENCE: Final = 30.0
"""Seconds that a wait lasts where nothing else is said."""
_LINE: Final = 65_536


class Driver:
    """Listens until it is closed; one client at a time."""

    def __init__(self, path: Path, app: QaltaApp) -> None:
        self._path, self._app = path, app
        self._frames = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(1)
        Window.bind(on_flip=self._count)
        threading.Thread(target=self._serve, name="driver", daemon=True).start()

    def close(self) -> None:
        Window.unbind(on_flip=self._count)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _count(self, *_: Any) -> None:
        self._frames += 1

    # the driver's thread

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rw", encoding="utf-8") as lines:
                while line := lines.readline(_LINE):
                    try:
                        lines.write(json.dumps(self._answered(line), ensure_ascii=False) + "\n")
                        lines.flush()
                    except OSError:
                        break

    def _answered(self, line: str) -> dict[str, Any]:
        """Hands the order to the window's thread, and waits there for what comes of it."""
        outcome: Future[Any] = Future()

        def begin(_: float) -> None:
            try:
                order = json.loads(line)
                getattr(self, f"_do_{order.pop('do')}")(outcome, **order)
            except Exception as error:  # noqa: BLE001
                outcome.set_exception(error)

        Clock.schedule_once(begin)
        try:
            return {"ok": outcome.result()}
        except Exception as error:  # noqa: BLE001
            return {"error": f"{type(error).__name__}: {error}"}

    # the window's thread

    def _do_list(self, outcome: Future[Any]) -> None:
        outcome.set_result([_told(widget) for widget in self._shown() if _name(widget) or _text(widget)])

    def _do_find(self, outcome: Future[Any], name: str) -> None:
        outcome.set_result(_told(self._called(name)))

    def _do_wait(
        self, outcome: Future[Any], name: str, text: str = "", gone: bool = False, seconds: float = PATIENCE
    ) -> None:
        pattern, end = re.compile(text), Clock.get_boottime() + seconds

        def look(_: float) -> bool:
            found = [widget for widget in self._shown() if _name(widget) == name]
            if gone and not found:
                outcome.set_result(None)
            elif not gone and found and pattern.search(_text(found[0])):
                outcome.set_result(_told(found[0]))
            elif Clock.get_boottime() > end:
                said = [_text(widget) for widget in found]
                outcome.set_exception(TimeoutError(f"{name} {text!r}: {said}, at {self._place()}"))
            return not outcome.done()

        if look(0):
            Clock.schedule_interval(look, 0)

    def _do_touch(self, outcome: Future[Any], name: str = "", at: tuple[float, float] | None = None) -> None:
        if at is not None:
            _touch(at, lambda: outcome.set_result(None))
            return
        self._called(name)

        def reveal() -> None:
            widget = self._called(name)
            if (scroller := _scroller(widget)) and not is_visible(widget):
                scroller.scroll_to(widget, animate=False)
            after(HELD, _guarded(outcome, now))

        def now() -> None:
            widget = self._called(name)
            if widget.disabled or not is_visible(widget):
                outcome.set_exception(ValueError(f"{name} cannot be touched"))
            else:
                _touch(widget.to_window(*widget.center), lambda: outcome.set_result(None))

        after(HELD, _guarded(outcome, reveal))

    def _do_type(self, outcome: Future[Any], text: str) -> None:
        if not any(isinstance(widget, TextInput) and widget.focus for widget in self._shown()):
            raise ValueError("no field has the keyboard")
        for letter in text:
            Window.dispatch("on_textinput", letter)
        after(HELD, lambda: outcome.set_result(None))

    def _do_key(self, outcome: Future[Any], key: str) -> None:
        code = KEYS.get(key, ord(key[0]))
        sign = None if key in KEYS else key
        if not Window.dispatch("on_key_down", code, 0, sign, []):
            Window.dispatch("on_keyboard", code, 0, sign, [])
        Window.dispatch("on_key_up", code, 0)
        after(HELD, lambda: outcome.set_result(None))

    def _do_place(self, outcome: Future[Any]) -> None:
        outcome.set_result(self._place())

    def _do_frames(self, outcome: Future[Any]) -> None:
        outcome.set_result(self._frames)

    def _do_picture(self, outcome: Future[Any], path: str) -> None:
        def drawn(*_: Any) -> None:
            Window.unbind(on_flip=drawn)
            picture = window_picture()
            picture.convert("RGB").save(path)
            outcome.set_result(list(picture.size))

        Window.bind(on_flip=drawn)
        Window.canvas.ask_update()

    def _do_close(self, outcome: Future[Any]) -> None:
        outcome.set_result(None)
        Clock.schedule_once(lambda _: self._app.stop())

    def _place(self) -> str:
        return "" if self._app.shell is None else self._app.shell.place

    def _shown(self) -> Iterator[Widget]:
        return iter(()) if self._app.shell is None else self._app.shell.root.walk()

    def _called(self, name: str) -> Widget:
        for widget in self._shown():
            if _name(widget) == name:
                return widget
        raise LookupError(f"nothing is called {name}, at {self._place()}")


def is_visible(widget: Widget) -> bool:
    """Whether its centre is inside the window, and inside of what it scrolls in."""
    x, y = widget.to_window(*widget.center)
    if not (0 <= x <= Window.width and 0 <= y <= Window.height):
        return False
    scroller = _scroller(widget)
    if scroller is None:
        return True
    left, below = scroller.to_window(*scroller.pos)
    return bool(left <= x <= left + scroller.width and below <= y <= below + scroller.height)


def _scroller(widget: Widget) -> ScrollView | None:
    above = widget.parent
    while above is not None and above is not Window:
        if isinstance(above, ScrollView):
            return above
        above = above.parent
    return None


def _touch(at: tuple[float, float], then: Callable[[], None]) -> None:
    """As the mouse does it: the window is told, from the upper left corner, and its input provider makes a touch."""
    x, y = at[0], Window.height - 1 - at[1]
    Window.dispatch("on_mouse_down", x, y, "left", [])

    def lift() -> None:
        Window.dispatch("on_mouse_up", x, y, "left", [])
        after(HELD, settled)

    def settled() -> None:
        """Its page may be drawn anew only now."""
        after(1, settled if any(is_held(child) for child in Window.children) else lambda: after(1, then))

    after(HELD, lift)


def _guarded(outcome: Future[Any], step: Callable[[], None]) -> Callable[[], None]:
    """What fails in a later frame is the order's failure, not the window's."""

    def run() -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001
            outcome.set_exception(error)

    return run


def after(frames: int, then: Callable[[], None]) -> None:
    if frames == 0:
        then()
    else:
        Clock.schedule_once(lambda _: after(frames - 1, then))


def _name(widget: Widget) -> str:
    return str(getattr(widget, "name", "") or "")


def _text(widget: Widget) -> str:
    return str(getattr(widget, "text", "") or "")


def _told(widget: Widget) -> dict[str, Any]:
    x, y = widget.to_window(*widget.center)
    return {
        "name": _name(widget),
        "kind": type(widget).__name__,
        "text": _text(widget),
        "centre": [round(x), round(y)],
        "size": [round(side) for side in widget.size],
        "is_visible": is_visible(widget),
        "is_disabled": bool(widget.disabled),
    }
