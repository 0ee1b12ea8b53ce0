#!/bin/sh
# A TextInput of Kivy says before its first frame that a line of its text is one pixel high where it is empty, and in its
# default size where it is not, whatever font size it was made with. The right height comes with the first frame.
#
# Where:   kivy 2.3.1, window by SDL2's offscreen driver.
# Valid:   TextInput(font_size=30), empty and with a text, asked for `line_height` at once and after frames.
# Guessed: `line_height` follows `font_size` from the beginning, as `font_size` itself does, or is 0 while it is unknown.
# Seen:    1 for an empty field, the default font's for another; both right after one frame, without an error.
# Why it matters: a height or padding that is reckoned from it when the field is made leaves the text one pixel: letters
#          are taken and nobody sees them, in empty fields only, until something else lays the page out anew. Tests that
#          read `.text` see nothing wrong.
# Qalta's guard: app/window/widgets/field.py reckons again whenever `line_height` changes; a test types into an empty
#          field and looks at pixels (tests/e2e/app/test_typing.py).
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
from kivy.core.window import Window
from kivy.uix.textinput import TextInput

if Window is None:
    print("missing: a window (libGL, for SDL's offscreen driver)", file=sys.stderr)
    sys.exit(3)


def heights(text):
    """At once, then after each of three frames."""
    field = TextInput(text=text, multiline=False, font_size=30, size_hint=(None, None), size=(200, 60))
    seen = [field.line_height]
    Window.add_widget(field)
    for _ in range(3):
        EventLoop.idle()
        seen.append(field.line_height)
    Window.remove_widget(field)
    return seen


empty, written = heights(""), heights("abc")
print(f"empty: {empty[0]}, then {empty[1:]}; with a text: {written[0]}, then {written[1:]}")
right = written[-1]
is_as_said = empty[0] == 1 and 1 < written[0] < right and empty[1:] == written[1:] == [right] * 3
sys.exit(0 if is_as_said else 1)
PYTHON
HOME=$work KIVY_HOME=$work "$work/venv/bin/python" "$work/finding.py" || {
    status=$?
    [ $status -ne 1 ] || echo 'This is no longer as described above.' >&2
    exit $status
}
echo 'As described above.'
