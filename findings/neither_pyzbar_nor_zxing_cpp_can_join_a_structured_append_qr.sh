#!/bin/sh
# A message that ISO/IEC 18004 itself splits over several QR codes ("structured append") comes back whole from
# neither of the two decoders for Python: one raises, the other hands out the parts as if each were a whole message.
#
# Where:   segno 1.6.6 writes; pyzbar 0.1.9 over zbar 0.23.92 (Debian 12: libzbar0), and zxing-cpp 3.1.1, read.
# Valid:   clean pictures of a series of two version 5 codes, and of one picture that shows both side by side.
# Guessed: each code is read and says which part of how many it is, or the series comes as one text; other codes in
#          the picture come as ever.
# Seen:    zbar does join a series that is whole in one picture, but gives it no orientation, and pyzbar has no name
#          for that: decode() raises ValueError, and an ordinary code beside the series is lost with it. The second
#          code alone is nothing to zbar. zxing-cpp reads each code wherever it is, but tells neither number, count
#          nor parity of the series: a part can't be told from a whole message, nor put in its place.
# Why it matters: the standard's own way of carrying a payment too long for one code does not work between wallets
#          that read with these; pyzbar's issue 139 shows the message of the error, not its cause.
# Qalta's guard: its frames are plain codes that carry their own place and check (wallet/transport/qr/SPEC.md), and
#          wallet/transport/qr/reader.py outlives the error. With pyzbar alone it still sees nothing in a picture that
#          holds such a series beside a code of ours; with zxing-cpp, which it prefers, it does.
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
version=$(dpkg-query -W -f '${Version}' libzbar0 2>/dev/null) || missing 'the package libzbar0'
echo "libzbar0 $version (first seen with 0.23.92-7+deb12u1), pyzbar 0.1.9, zxing-cpp 3.1.1, segno 1.6.6"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: \
    segno==1.6.6 pyzbar==0.1.9 zxing-cpp==3.1.1 pillow==12.0.0 || missing 'the pinned packages from a package registry'

cat >"$work/finding.py" <<'PYTHON'
import io
import sys

import segno
import zxingcpp
from PIL import Image
from pyzbar import pyzbar

MESSAGE = "PAY " + "0123456789ABCDEFGHIJ" * 12
OTHER = "ANOTHER CODE"
changed = False


def picture(code):
    file = io.BytesIO()
    code.save(file, kind="png", scale=5, border=4)
    return Image.open(file).convert("L")


def beside(*pictures):
    """All in one picture, from left to right."""
    whole = Image.new("L", (sum(each.width for each in pictures), max(each.height for each in pictures)), 255)
    left = 0
    for each in pictures:
        whole.paste(each, (left, 0))
        left += each.width
    return whole


def by_zbar(image):
    """The texts, or the error."""
    try:
        symbols = pyzbar.decode(image, symbols=[pyzbar.ZBarSymbol.QRCODE])
    except ValueError as error:
        return f"ValueError: {error}"
    return sorted(symbol.data.decode() for symbol in symbols)


def by_zxing(image):
    return sorted(code.text for code in zxingcpp.read_barcodes(image))


def what_is_told(image):
    """All that zxing-cpp tells of the one code in a picture beside its text, its place and how well it was read."""
    (code,) = zxingcpp.read_barcodes(image)
    apart = {"bytes", "text", "position", "to_image", "to_svg", "ec_level", "extra"}
    told = {name: str(getattr(code, name)) for name in dir(code) if not name.startswith("_") and name not in apart}
    return told | {f"extra {name}": "" for name in code.extra}


def show(what, guessed, seen, expected):
    global changed
    changed |= seen != expected
    note = "" if seen == expected else f"   CHANGED, was {expected}"
    print(f"{what}\n    guessed {guessed}\n    seen    {seen}{note}")


series = segno.make_sequence(MESSAGE, version=5, error="l", boost_error=False)
first, second = (picture(code) for code in series)
other = picture(segno.make(OTHER, version=5, error="l", boost_error=False, micro=False))
halves = [by_zxing(first), by_zxing(second)]
raised = "ValueError: 4294967295 is not a valid ZBarOrientation"

show("0. an ordinary code by pyzbar and by zxing-cpp", [[OTHER]] * 2, [by_zbar(other), by_zxing(other)], [[OTHER]] * 2)
show("1. the whole series in one picture, by pyzbar", "one text, or two", by_zbar(beside(first, second)), raised)
show(
    "2. the same with an ordinary code beside it",
    f"{OTHER!r} at least",
    by_zbar(beside(first, second, other)),
    raised,
)
show("3. the second code of the series alone, by pyzbar", "its half of the text", by_zbar(second), [])
show(
    "4. the codes alone, by zxing-cpp, put together in their order, are the message",
    True,
    "".join(text for half in halves for text in half) == MESSAGE,
    True,
)
show(
    "5. the whole series in one picture, by zxing-cpp: texts, and whether one is the message",
    (1, True),
    (len(by_zxing(beside(first, second))), MESSAGE in by_zxing(beside(first, second))),
    (2, False),
)
show(
    "6. what zxing-cpp tells of the first, of the second and of an ordinary code is the same",
    False,
    what_is_told(first) == what_is_told(second) == what_is_told(other),
    True,
)
sys.exit(changed)
PYTHON

if "$work/venv/bin/python" "$work/finding.py"; then
    echo 'holds: neither pyzbar nor zxing-cpp can join a structured append series'
else
    echo 'CHANGED: this is no longer what happens' >&2
    exit 1
fi
