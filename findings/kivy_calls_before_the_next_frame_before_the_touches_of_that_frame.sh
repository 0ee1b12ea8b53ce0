#!/bin/sh
# Clock.schedule_once(f, -1) of Kivy, "before the next frame", is called after the touches of a frame and before its
# picture only if it is asked for within that frame. Asked for between two frames, it comes before the touches of the next.
#
# Where:   kivy 2.3.1, window by SDL2's offscreen driver.
# Valid:   one callback with timeout -1, scheduled between two frames, and one scheduled by another callback within a
#          frame; in both frames one touch comes in by an input provider.
# Guessed: -1 always means the last moment before the picture, after everything that came in with the frame.
# Seen:    asked for between two frames (by a thread, a socket, a window's own event) it runs among the frame's first
#          callbacks, the touch comes after it; asked for within the frame it runs after the touch.
# Why it matters: whoever draws a page anew in such a callback has replaced the widgets, which have no place yet, before
#          the finger that came down on the old ones is handed out: the touch is lost, now and then.
# Qalta's guard: app/window/anew.py looks which frame it was asked in and puts it off; tests/app/window/test_touching.py
#          lets a finger come down in the very frame in which news come.
#
# Runs without Qalta, in a folder of its own. Status: 0 as said above, 1 it has changed, 3 something is missing.
set -eu

missing() {
    echo "missing: $1" >&2
    exit 3
}

python=${PYTHON:-python3}
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing 'Python 3.10 or newer with venv (Debian: python3-venv); PYTHON=... names another'
echo 'kivy 2.3.1'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: kivy==2.3.1 ||
    missing 'the pinned package from a package registry'

cat >"$work/finding.py" <<'PYTHON'
import os
import sys

os.environ.update(SDL_VIDEODRIVER="offscreen", KIVY_CLIPBOARD="dummy", KIVY_NO_ARGS="1", KIVY_NO_CONFIG="1", KIVY_LOG_MODE="PYTHON")

from kivy.base import EventLoop
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from kivy.input.provider import MotionEventProvider
from kivy.uix.widget import Widget

if Window is None:
    print("missing: a window (libGL, for SDL's offscreen driver)", file=sys.stderr)
    sys.exit(3)

order = []


class Touch(MotionEvent):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, is_touch=True, type_id="touch", **kwargs)

    def depack(self, args):
        self.sx, self.sy = args
        self.profile = ["pos"]
        super().depack(args)


class Finger(MotionEventProvider):
    is_due = False

    def start(self):
        pass

    def update(self, dispatch_fn):
        if self.is_due:
            self.is_due = False
            dispatch_fn("begin", Touch("finger", 1, (0.5, 0.5)))


class Page(Widget):
    def on_touch_down(self, touch):
        order.append("touch")


finger = Finger("finger", "")
EventLoop.add_input_provider(finger)
Window.add_widget(Page())
EventLoop.idle()


def frame(ask):
    order.clear()
    finger.is_due = True
    ask()
    EventLoop.idle()
    return list(order)


def before_the_frame(*_):
    Clock.schedule_once(lambda _: order.append("before the frame"), -1)


between = frame(before_the_frame)
within = frame(lambda: Clock.schedule_once(before_the_frame, 0))
print(f"asked for between two frames: {between}; within one: {within}")
sys.exit(0 if between == ["before the frame", "touch"] and within == ["touch", "before the frame"] else 1)
PYTHON
HOME=$work KIVY_HOME=$work "$work/venv/bin/python" "$work/finding.py" || {
    status=$?
    [ $status -ne 1 ] || echo 'This is no longer as described above.' >&2
    exit $status
}
echo 'As described above.'
