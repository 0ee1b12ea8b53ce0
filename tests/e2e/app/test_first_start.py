"""The first start of somebody's wallet, through the screens, at a bank of a real sandbox: made, filled, looked at, in
another language, with another PIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalogue import catalogue
from app.launch.window import AppWindow, WindowSpec
from app.wallets.sandbox_desk import network_of, read_books
from ledger_sync import sandbox
from tests.e2e.app.phone import Phone
from tests.e2e.app.table import UNSEEN
from tests.support import stations

HOLDER, BANK = "Дана", "alatau"
FIRST, SECOND = "2580", "913574"
FILLED = 1_500_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("first") / "home"
    stations.start(folder / "sandbox")
    try:
        yield folder
    finally:
        sandbox.stop(folder / "sandbox")


@pytest.fixture(scope="module")
def phone(home: Path) -> Iterator[Phone]:
    """Switched on, with no wallet in it yet."""
    wanted = WindowSpec(home, "dana", language="en", camera="none", reader="none", is_developer=True)
    made = Phone(AppWindow(wanted), home / "line", UNSEEN)
    made.switch_on()
    try:
        yield made
    finally:
        made.switch_off()


def said(language: str, name: str) -> str:
    return catalogue(language).text(name)


def test_a_wallet_is_made(phone: Phone) -> None:
    phone.touch("start-begin", "start-person", "start-holder")
    phone.type(HOLDER)
    phone.touch(f"start-bank-{BANK}", "start-next")
    choose_pin(phone, FIRST, "2581")
    phone.wait("trouble-what", catalogue("en").tell("pins_differ").what)
    choose_pin(phone, FIRST, FIRST)
    phone.touch("start-open")
    phone.wait_amount("home-spendable", 0)
    assert phone.place == "home"


def choose_pin(phone: Phone, first: str, again: str) -> None:
    """By the keys on the screen."""
    for pin, step in ((first, "choose_pin"), (again, "pin_again")):
        phone.wait("pin-ask", said("en", f"app_start.{step}"))
        phone.touch_keys(pin)
        phone.wait("pin-dots", f"^{len(pin)}$")
        phone.touch("pin-confirm")


def test_it_is_filled_from_the_account(phone: Phone, home: Path) -> None:
    phone.touch("home-funds")
    on_account = phone.amount("funds-account")
    phone.touch_keys(str(FILLED // 100))
    phone.wait_amount("funds-typed", FILLED)
    phone.touch("funds-go")
    phone.wait("ended", said("en", "app_ledger.moved_in"))
    phone.wait_amount("ended-amount", FILLED)
    phone.wait_amount("funds-account", on_account - FILLED)
    phone.touch("funds-done")
    phone.wait_amount("home-spendable", FILLED)
    books = read_books(network_of(home / "sandbox"))
    assert books.is_balanced
    assert books.outstanding == FILLED


def test_a_refusal_that_was_seen_is_not_shown_again(phone: Phone) -> None:
    phone.set_network(on=False)
    phone.touch("home-reconcile", "reconcile-start")
    phone.wait("trouble-what", catalogue("en").tell("network_off").what)
    phone.go_home()
    phone.set_network(on=True)
    phone.touch("home-reconcile")
    phone.wait("reconcile-start")
    assert not phone.sees("trouble-what")
    phone.touch("reconcile-start")
    phone.wait("ended")
    phone.go_home()
    phone.touch("home-reconcile")
    phone.wait("reconcile-start")
    assert not phone.sees("ended")
    phone.go_home()


def test_what_is_at_risk_is_said(phone: Phone) -> None:
    phone.touch("home-risk")
    phone.wait_amount("risk-amount", FILLED)
    phone.wait_amount("risk-comes_back", FILLED)
    assert not phone.sees("risk-unsettled")
    phone.go_home()


def test_another_language_at_once(phone: Phone) -> None:
    phone.touch("place-settings")
    for language in ("kk", "ru", "en"):
        phone.touch(f"language-{language}")
        phone.wait("place-settings", said(language, "app_home.place_settings"))
        texts = {item["text"] for item in phone.shown()}
        assert said(language, "app_settings.large") in texts
        assert said(language, "app_settings.change_pin") in texts
        assert phone.place == "settings"


def test_another_pin(phone: Phone) -> None:
    phone.touch("settings-pin")
    change_pin(phone, SECOND, SECOND)
    phone.wait("trouble-what", catalogue("en").tell("pin_wrong").what)
    change_pin(phone, FIRST, SECOND)
    phone.wait("ended", said("en", "app_settings.pin_changed"))
    phone.touch("pin-done")
    phone.go_home()


def change_pin(phone: Phone, old: str, new: str) -> None:
    for pin, step in ((old, "pin_old"), (new, "pin_new"), (new, "pin_again")):
        phone.wait("pin-ask", said("en", f"app_settings.{step}"))
        phone.type_pin(pin)


def test_a_wrong_pin_is_told_and_the_new_one_opens_it(phone: Phone) -> None:
    phone.switch_off()
    phone.switch_on()
    phone.wait("pin-confirm")
    phone.type_pin(FIRST)
    phone.wait("trouble-what", catalogue("en").tell("pin_wrong").what)
    phone.type_pin(SECOND)
    phone.wait_amount("home-spendable", FILLED)
