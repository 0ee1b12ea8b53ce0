"""Typing into every field there is, in the app's own window: by letters in real frames, and by a keyboard of a real X
display. A first start at a real bank, which asks for more of it than anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.catalogue import catalogue
from app.launch.window import AppWindow, WindowSpec
from tests.e2e.app.displays import MISSING, click, click_from_elsewhere, display, type_on
from tests.e2e.app.phone import Phone
from tests.e2e.app.table import UNSEEN

TYPED = {
    "start-holder": "Dana S",
    "start-bank_id": "alatau",
    "start-bank_url": "http://bank.example:8080",
    "start-bank_root": "02" + "ab" * 32,
    "start-bank_code": "code 77",
    "start-bank_authority": "/home/dana/bank.pem",
}
DARK = 128
"""Of 256 shades of grey: letters are below, a field's ground is above."""
LETTER = 8
"""Lines of pixels of a capital letter, at least."""
AGAIN = {"start-bank_id": "x", "start-holder": "ov", "start-bank_root": "f0", "start-bank_url": "/v1"}


def phone_in(folder: Path, environment: dict[str, str]) -> Phone:
    """At a home with no sandbox, so that a real bank is asked for."""
    (folder / "home").mkdir()
    wanted = WindowSpec(
        folder / "home", "dana", language="en", camera="none", reader="none", is_developer=True
    )
    return Phone(AppWindow(wanted), folder / "line", environment)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    made = phone_in(tmp_path, dict(UNSEEN))
    made.switch_on()
    try:
        made.touch("start-begin")
        yield made
    finally:
        made.switch_off()


def height(phone: Phone, name: str) -> float:
    return float(phone.remote.do("find", name=name)["size"][1])


def test_every_field_of_a_first_start_keeps_the_keyboard(phone: Phone) -> None:
    for name, text in TYPED.items():
        phone.touch(name)
        phone.type(text)
        phone.wait(name, f"^{text}$")
    for name, text in TYPED.items():
        assert phone.wait(name) == text


def inked(phone: Phone, name: str, picture: Path) -> int:
    """Lines of pixels of the field, without its edge, on which there is a dark one."""
    phone.remote.do("picture", path=str(picture))
    found = phone.remote.do("find", name=name)
    (x, y), (width, height) = found["centre"], found["size"]
    with Image.open(picture) as shown:
        top = shown.height - y - height // 2
        field = shown.convert("L").crop((x - width // 2 + 4, top + 4, x + width // 2 - 4, top + height - 4))
    pixels = field.tobytes()
    return sum(min(pixels[at : at + field.width]) < DARK for at in range(0, len(pixels), field.width))


def test_what_is_typed_is_seen_at_once(phone: Phone, tmp_path: Path) -> None:
    """Of fields that were empty when the page was drawn, and before anything draws it anew."""
    for name in ("start-holder", "start-bank_id"):
        assert inked(phone, name, tmp_path / "empty.png") == 0
        phone.touch(name)
        phone.type("Dd")
    phone.touch("start-bank_url")
    for name in ("start-holder", "start-bank_id"):
        assert inked(phone, name, tmp_path / "typed.png") >= LETTER


def test_after_a_refusal_too_and_no_field_grows(phone: Phone) -> None:
    """The banner goes with the first letter; the field under the hand stays in view, and takes the second."""
    phone.touch("start-holder")
    heights = {name: height(phone, name) for name in TYPED}
    assert len(set(heights.values())) == 1
    texts = dict.fromkeys(TYPED, "")
    phone.type("D")
    texts["start-holder"] = "D"
    for name, text in AGAIN.items():
        phone.touch("start-next")
        phone.wait("trouble-what", catalogue("en").tell("fields_missing").what)
        phone.touch(name)
        phone.type(text)
        texts[name] += text
        phone.wait(name, f"^{texts[name]}$")
        phone.wait("trouble-what", gone=True)
        assert phone.remote.do("find", name=name)["is_visible"]
    assert {name: height(phone, name) for name in TYPED} == heights


def test_in_the_middle_of_a_word_the_cursor_stays_where_it_was(phone: Phone) -> None:
    phone.touch("start-holder")
    phone.type("D")
    phone.touch("start-bank_id")
    phone.type("altau")
    phone.touch("start-next")
    phone.wait("trouble-what")
    phone.touch("start-bank_id")
    for _ in range(5):
        phone.remote.do("key", key="left")
    for _ in range(2):
        phone.remote.do("key", key="right")
    phone.type("ab")
    phone.wait("trouble-what", gone=True)
    phone.wait("start-bank_id", "^alabtau$")


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_click_that_brings_a_window_to_the_front_counts(tmp_path: Path) -> None:
    with display(tmp_path / "screen") as here:
        phone = phone_in(tmp_path, {"SDL_VIDEODRIVER": "x11", "DISPLAY": here, "WAYLAND_DISPLAY": ""})
        phone.switch_on()
        try:
            phone.wait("start-begin")
            click_from_elsewhere(here, phone.remote.do("find", name="start-begin"))
            phone.wait("start-holder")
        finally:
            phone.switch_off()


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_by_the_keyboard_of_a_real_display(tmp_path: Path) -> None:
    with display(tmp_path / "screen") as here:
        phone = phone_in(tmp_path, {"SDL_VIDEODRIVER": "x11", "DISPLAY": here, "WAYLAND_DISPLAY": ""})
        phone.switch_on()
        try:
            phone.touch("start-begin", "start-holder")
            phone.type("D")
            phone.touch("start-next")
            phone.wait("trouble-what")
            for name, text in TYPED.items():
                where = phone.remote.do("find", name=name)
                if where["is_visible"]:
                    click(here, where)
                else:
                    phone.touch(name)
                type_on(here, text)
                phone.wait(name, f"{text}$")
        finally:
            phone.switch_off()
