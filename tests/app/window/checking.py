"""Looks over drawn states as a person would: nothing cut off, nothing on top of something else, no letter that the
typeface lacks, nothing too small to be touched. Runs as a process of its own, as Kivy has one window in each.

    python -m tests.app.window.checking [FAULT] < cases.json     [["pay-asked", "kk", "dark", [360, 640], true], ...]

Prints what is wrong as JSON: a list of [setting, state, complaint]. A FAULT is made on purpose: `plant` knows which.
"""

from __future__ import annotations

import json
import os
import re
import struct
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from app.window.environment import prepare
from tests.app.window.album import LARGEST, TIME_ZONE, Setting, Stage

LEAST_TOUCH: Final = 40
LEAST_TO_SEE: Final = 200
"""Of the middle of a page: so much must be left between bar and actions."""
LEAST_ABOVE_KEYS: Final = 120
"""The same, where a keypad with what is typed on it stands below."""
SLACK: Final = 1.5
"""Pixels by which rounding may be off."""


@lru_cache
def letters_of(path: str) -> frozenset[int]:
    """The characters that a typeface has, by its cmap (OpenType, formats 4 and 12)."""
    data = Path(path).read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {
        data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)
    }
    cmap = tables[b"cmap"]
    found: set[int] = set()
    for entry in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        at = cmap + struct.unpack_from(">I", data, cmap + 4 + 8 * entry + 4)[0]
        kind = struct.unpack_from(">H", data, at)[0]
        found.update(_segments(data, at) if kind == 4 else _groups(data, at) if kind == 12 else ())
    return frozenset(found)


def _segments(data: bytes, at: int) -> Iterator[int]:
    count = struct.unpack_from(">H", data, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", data, at + 14)
    starts = struct.unpack_from(f">{count}H", data, at + 16 + 2 * count)
    for start, end in zip(starts, ends, strict=True):
        yield from range(start, end + 1)


def _groups(data: bytes, at: int) -> Iterator[int]:
    for group in range(struct.unpack_from(">I", data, at + 12)[0]):
        start, end = struct.unpack_from(">II", data, at + 16 + 12 * group)
        yield from range(start, end + 1)


def complaints(shell: Any) -> Iterator[str]:
    """Everything that is wrong with what ``shell`` shows."""
    from kivy.uix.behaviors import ButtonBehavior
    from kivy.uix.label import Label
    from kivy.uix.scrollview import ScrollView

    widgets = [(widget, _scroller(widget)) for widget in shell.root.walk()]
    labels = [(widget, scroller) for widget, scroller in widgets if isinstance(widget, Label) and widget.text]
    has_keys = any(str(getattr(widget, "name", "")).startswith("keypad-") for widget, _ in widgets)
    least = LEAST_ABOVE_KEYS if has_keys else LEAST_TO_SEE
    for label, scroller in labels:
        yield from _of_text(label)
        yield from _of_letters(label)
        yield from _of_place(label, scroller, shell.root)
    for widget, scroller in widgets:
        if isinstance(widget, ButtonBehavior):
            if min(widget.size) < LEAST_TOUCH:
                yield f"{_called(widget)} is too small to touch: {tuple(map(round, widget.size))}"
            if not getattr(widget, "name", ""):
                yield f"{_called(widget)} has no name"
            yield from _of_place(widget, scroller, shell.root)
        if isinstance(widget, ScrollView) and widget.height < least:
            yield f"only {widget.height:.0f} pixels are left for the page"
    yield from _of_overlap(labels)
    yield from _of_names([widget for widget, _ in widgets if isinstance(widget, ButtonBehavior)])


def _of_text(label: Any) -> Iterator[str]:
    from app.window.widgets.text import BigText, natural_width

    if label.texture_size[0] > label.width + SLACK or label.texture_size[1] > label.height + SLACK:
        yield f"{_called(label)} is cut off: {label.texture_size} in {tuple(map(round, label.size))}"
    if isinstance(label, BigText) and label.texture_size[1] > 1.6 * label.font_size:
        yield f"{_called(label)} is broken into lines"
    room = label.text_size[0]
    if room is not None:
        for word in re.split(r"[ \n]", label.text):
            if natural_width(word, label.font_name, label.font_size) > room + SLACK:
                yield f"{_called(label)} breaks within a word: {word!r}"


def _of_letters(label: Any) -> Iterator[str]:
    from app.window import fonts

    missing = {letter for letter in label.text if letter != "\n"} - {
        chr(number) for number in letters_of(str(fonts.FILES[label.font_name]))
    }
    if missing:
        yield f"{_called(label)} has letters that {label.font_name} lacks: {sorted(missing)}"


def _of_place(widget: Any, scroller: Any, root: Any) -> Iterator[str]:
    x, y = widget.to_window(*widget.pos)
    is_across = x >= -SLACK and x + widget.width <= root.width + SLACK
    is_down = scroller is not None or (y >= -SLACK and y + widget.height <= root.height + SLACK)
    if not (is_across and is_down):
        yield f"{_called(widget)} is outside of the window"


def _of_overlap(labels: list[tuple[Any, Any]]) -> Iterator[str]:
    """Words on words. What scrolls is compared with what scrolls with it only."""
    boxes = [(label, scroller, *label.to_window(*label.pos), *label.size) for label, scroller in labels]
    for one, other in combinations(boxes, 2):
        if (
            one[1] is other[1]
            and _share(one[2], one[4], other[2], other[4])
            and _share(one[3], one[5], other[3], other[5])
        ):
            yield f"{_called(one[0])} lies on {_called(other[0])}"


def _share(at: float, length: float, other: float, other_length: float) -> bool:
    return min(at + length, other + other_length) - max(at, other) > SLACK + 1


def _of_names(buttons: list[Any]) -> Iterator[str]:
    names = [button.name for button in buttons]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two things to touch are called {name}"


def _scroller(widget: Any) -> Any:
    from kivy.uix.scrollview import ScrollView

    above = widget.parent
    while above is not None and above is not above.parent:
        if isinstance(above, ScrollView):
            return above
        above = above.parent
    return None


def _called(widget: Any) -> str:
    said = getattr(widget, "text", "")
    return f"{type(widget).__name__} {getattr(widget, 'name', '') or said[:40]!r}"


def plant(shell: Any, fault: str) -> None:
    """Spoil what is drawn, so that a check that never complains is found out."""
    from app.window.widgets.buttons import Action
    from app.window.widgets.text import FitText, Text

    text = next(widget for widget in shell.root.walk() if type(widget) is Text)
    button = next(widget for widget in shell.root.walk() if isinstance(widget, Action))
    match fault:
        case "cut":
            text.height = 3
        case "letter":
            text.text = "\N{RIGHTWARDS ARROW}"
        case "word":
            label = next(widget for widget in button.walk() if isinstance(widget, FitText))
            label.most = 10
        case "small":
            button.size = (30, 30)
        case "outside":
            button.x = -50
        case "over":
            others = [widget for widget in shell.root.walk() if type(widget) is Text]
            others[2].pos = others[1].pos
        case _:
            raise ValueError(fault)


def main() -> None:
    cases = json.load(sys.stdin)
    os.environ["SDL_VIDEODRIVER"] = "offscreen"
    os.environ["TZ"] = TIME_ZONE
    wrong: list[list[str]] = []
    with tempfile.TemporaryDirectory() as home:
        prepare(Path(home), LARGEST, frames_a_second=0)
        stage = Stage()
        for state, language, look, size, is_large in cases:
            setting = Setting(language, look, tuple(size), is_large)
            shell = stage.show(state, setting)
            for fault in sys.argv[1:]:
                plant(shell, fault)
            wrong += [[setting.name, state, complaint] for complaint in complaints(shell)]
        stage.clear()
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main()
