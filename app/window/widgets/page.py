"""A page: a bar with the way back and what this is, what there is to see in the middle, what there is to do below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kivy.metrics import dp
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget

from app.window.kit import Kit
from app.window.theme import COLUMN, TITLE, TOUCH
from app.window.widgets.boxes import Column, Gap, Middle, Row
from app.window.widgets.buttons import IconButton
from app.window.widgets.text import Text

Back = Callable[[], object]
BROAD = 980
"""Widest content of a page with two panes, dp."""
NOTCH = 96
"""So far a notch of a mouse's wheel scrolls, dp: about a line with its sign and two lines of words."""


def page(
    kit: Kit,
    title: str,
    parts: Sequence[Widget],
    actions: Sequence[Widget] = (),
    *,
    back: Back | None = None,
    extra: Sequence[Widget] = (),
    is_broad: bool = False,
    gap: float = 16,
) -> BoxLayout:
    """``extra`` stands on the right of the bar. What does not fit in the middle scrolls; the actions stay."""
    whole = BoxLayout(orientation="vertical")
    if title or back or extra:
        whole.add_widget(_bar(kit, title, back, extra, is_broad))
    whole.add_widget(scrolled(parts, BROAD if is_broad else COLUMN, gap))
    if actions:
        below = Column(*actions, gap=8, pad=(16, 8, 16, 12))
        whole.add_widget(Middle(below))
    return whole


def _bar(kit: Kit, title: str, back: Back | None, extra: Sequence[Widget], is_broad: bool) -> Widget:
    words = Text(kit, title, TITLE)
    parts: list[Widget] = [words, *extra]
    if back is not None:
        parts.insert(0, IconButton(kit, "back", "arrow-left", kit.say("app_help.back"), back))
    bar = Row(*parts, gap=8, pad=(4 if back else 16, 6, 14, 6))
    bar.height = dp(TOUCH + 12)
    return Middle(bar, BROAD if is_broad else COLUMN)


def scrolled(parts: Sequence[Widget], widest: float = COLUMN, gap: float = 16) -> ScrollView:
    """A column in the middle that scrolls if it must, and is as high as its room if it can. With no gap that stretches
    its parts stand at the top, with one at half height; with more they stand as these say."""
    filler = () if sum(isinstance(part, Gap) and part.stretches for part in parts) > 1 else (Gap(),)
    column = Column(*parts, *filler, gap=gap, pad=(16, 8, 16, 16))
    column.unbind(minimum_height=column._grow)
    middle = Middle(column, widest)
    view = ScrollView(do_scroll_x=False, bar_width=dp(4), scroll_type=["bars", "content"], size_hint_y=1)
    view.scroll_distance, view.scroll_timeout, view.scroll_wheel_distance = dp(12), 120, dp(NOTCH)

    def fill(*_: Any) -> None:
        column.height = max(column.minimum_height, view.height)

    column.bind(minimum_height=fill)
    view.bind(height=fill)
    view.add_widget(middle)
    return view
