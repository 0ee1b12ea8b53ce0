"""One rule for PINs: what the command line made with letters is typed in the window, and what the window made opens by
the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalogue import catalogue
from app.launch.window import AppWindow, WindowSpec
from ledger_sync import sandbox
from tests.e2e.app.phone import Phone
from tests.e2e.app.table import UNSEEN
from tests.support import stations
from tests.support.cli import Cli

LETTERS = "нан-Bread7"
LONGER = "a longer one, with signs! 42"


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    cli = Cli(tmp_path_factory.mktemp("letters"))
    stations.start(cli.home / "sandbox")
    try:
        assert cli.run("--json", "wallet", "new", "dana", pin=LETTERS).status == 0
        yield cli
    finally:
        sandbox.stop(cli.home / "sandbox")


@pytest.fixture
def phone(cli: Cli, tmp_path: Path) -> Iterator[Phone]:
    wanted = WindowSpec(cli.home, "dana", language="en", camera="none", reader="none", is_developer=True)
    made = Phone(AppWindow(wanted), tmp_path / "line", UNSEEN)
    made.switch_on()
    try:
        yield made
    finally:
        made.switch_off()


def type_letters(phone: Phone, pin: str) -> None:
    phone.wait("pin-letters")
    phone.type(pin)
    phone.wait("pin-dots", f"^{len(pin)}$")
    phone.touch("pin-confirm")


def test_letters_open_change_and_open(phone: Phone, cli: Cli) -> None:
    phone.touch("keypad-letters")
    type_letters(phone, LETTERS + "x")
    phone.wait("trouble-what", catalogue("en").tell("pin_wrong").what)
    type_letters(phone, LETTERS)
    phone.wait_amount("home-spendable", 0)
    phone.touch("place-settings", "settings-pin", "keypad-letters")
    for pin, step in ((LETTERS, "pin_old"), (LONGER, "pin_new"), (LONGER, "pin_again")):
        phone.wait("pin-ask", catalogue("en").text(f"app_settings.{step}"))
        type_letters(phone, pin)
    phone.wait("ended", catalogue("en").text("app_settings.pin_changed"))
    phone.switch_off()
    assert cli.run("--json", "--wallet", "dana", "balance", pin=LONGER).status == 0
    phone.switch_on()
    phone.touch("keypad-letters")
    type_letters(phone, LONGER)
    phone.wait_amount("home-spendable", 0)


def test_what_was_typed_by_letters_is_forgotten_when_digits_are_chosen(phone: Phone) -> None:
    phone.touch("keypad-letters")
    phone.wait("pin-letters")
    phone.type("abc")
    phone.wait("pin-dots", "^3$")
    phone.remote.do("key", key="backspace")
    phone.wait("pin-dots", "^2$")
    assert all("abc"[:2] not in item["text"] for item in phone.shown())
    phone.touch("pin-digits")
    phone.wait("pin-dots", "^0$")
    phone.touch_keys("25")
    phone.wait("pin-dots", "^2$")
