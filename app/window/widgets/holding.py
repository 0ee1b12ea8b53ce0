"""Whether a finger is down, or a button still shows that one was.

Rule: a touch means what was shown when it began, so nothing is drawn anew below a finger.
"""

from __future__ import annotations

from kivy.base import EventLoop
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.widget import Widget


def is_held(root: Widget) -> bool:
    """A mouse that hovers holds nothing. A page that scrolls hands a short touch to its buttons when it is over."""
    return any(event.is_touch for event in EventLoop.touches) or any(
        isinstance(widget, ButtonBehavior) and widget.state == "down" for widget in root.walk()
    )
