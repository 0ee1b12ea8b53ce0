"""Ending what a widget has going on (clocks, threads, the keyboard) when its page is drawn anew or left.

Rule: a widget that is taken out with its whole page still has its parent, so it cannot know by itself; whoever takes a
page away puts away what is on it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from kivy.uix.widget import Widget


@runtime_checkable
class Running(Protocol):
    """A widget that has something going on."""

    def put_away(self) -> None:
        """End it for good. Again is success."""


def put_away(root: Widget) -> None:
    """Everything on a page."""
    for widget in list(root.walk()):
        if isinstance(widget, Running):
            widget.put_away()
