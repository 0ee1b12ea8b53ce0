"""Touches on a real window: each asks the presenter for what it says, and leads where it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.catalogue import LANGUAGES, catalogue
from tests.app.window.remote import RemoteWindow
from tests.app.window.sample_values import DANA, LINES, UNFINISHED
from tests.app.window.samples import SAMPLES
from tests.sampling import sampled

BUTTONS = {"Action", "IconButton", "TouchRow", "Choice", "Chip", "Toggle", "Key", "_Tab"}
FIRST = UNFINISHED[0].id.hex()
UNSIGNED = UNFINISHED[1].id.hex()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteWindow]:
    path = tmp_path_factory.mktemp("window") / "driver"
    with RemoteWindow([sys.executable, "-m", "tests.app.window.stand_in", str(path)], path) as window:
        yield window


TOUCHES: list[tuple[str, str, list[Any]]] = [
    ("start-welcome", "start-begin", ["start", "next"]),
    ("start-welcome", "language-kk", ["settings", "set_language", "kk"]),
    ("start-holder", "start-shop", ["start", "set_merchant", True]),
    ("start-holder", "start-bank-zhibek", ["start", "choose_bank", "zhibek"]),
    ("start-pin", "keypad-7", ["start", "press", "7"]),
    ("start-pin", "keypad-erase", ["start", "erase"]),
    ("start-pin-again", "pin-confirm", ["start", "next"]),
    ("start-pin", "back", ["start", "back"]),
    ("start-not-made", "start-retry", ["start", "retry"]),
    ("unlock", "pin-confirm", ["unlock", "submit"]),
    ("home", "home-network", ["home", "set_network", False]),
    ("lost", "lost-report", ["lost", "begin"]),
    ("lost-pin", "keypad-5", ["lost", "pin_press", "5"]),
    ("lost-pin", "pin-confirm", ["lost", "report"]),
    ("lost-pin", "back", ["lost", "cancel"]),
    ("home-busy", f"home-go_on-{FIRST[:8]}", ["home", "go_on", FIRST]),
    ("home-busy", f"home-drop-{UNSIGNED[:8]}", ["home", "drop", UNSIGNED]),
    ("receive-amount", "keypad-comma", ["receive", "press", ","]),
    ("receive-amount", "receive-open", ["receive", "set_open", True]),
    ("receive-amount", "receive-printed", ["receive", "set_printed", True]),
    ("receive-amount", "receive-ask", ["receive", "ask"]),
    ("receive-asking", "receive-cancel", ["receive", "cancel"]),
    ("receive-asking", "carrier", ["receive", "choose", "tap"]),
    ("receive-tap", "carrier", ["receive", "choose", "qr"]),
    ("receive-tap-nobody", "tap-sides", ["receive", "change_sides"]),
    ("receive-tap-no-card", "tap-sides", ["receive", "change_sides"]),
    ("received-repeat", "receive-ask_on", ["receive", "ask_on"]),
    ("pay-seek", "carrier", ["pay", "choose", "tap"]),
    ("pay-seek-tap-nobody", "tap-sides", ["pay", "change_sides"]),
    ("pay-asked", "pay-accept", ["pay", "accept"]),
    ("pay-asked", "pay-decline", ["pay", "decline"]),
    ("pay-asked", "back", ["pay", "decline"]),
    ("pay-asked-open", "keypad-5", ["pay", "press", "5"]),
    ("pay-earlier", "pay-anew", ["pay", "pay_anew"]),
    ("pay-pin", "keypad-0", ["pay", "pin_press", "0"]),
    ("pay-pin", "keypad-erase", ["pay", "pin_erase"]),
    ("history", f"history-{LINES[2].id.hex()[:8]}", ["history", "choose", LINES[2].id.hex()]),
    ("history-paid", "back", ["history", "back"]),
    ("history-paid", "history-again", ["history", "show_again"]),
    ("history-received", "history-again", ["history", "show_again"]),
    ("reconcile", "reconcile-start", ["reconcile", "start"]),
    ("reconcile-working", "reconcile-cancel", ["reconcile", "cancel"]),
    ("funds-in", "funds-go", ["funds", "go"]),
    ("funds-in", "funds-out", ["funds", "direction", False]),
    ("funds-pin", "keypad-1", ["funds", "pin_press", "1"]),
    ("funds-pin", "pin-confirm", ["funds", "go"]),
    ("settings", "settings-large", ["settings", "set_large", True]),
    ("settings", "look-dark", ["settings", "set_look", "dark"]),
    ("settings", "pace-slow", ["settings", "set_pace", "slow"]),
    ("settings", "camera-1", ["settings", "set_camera", "window:/run/pixels/bread"]),
    ("settings", "reader-2", ["settings", "set_reader", "tty:ttyUSB0:pn532"]),
    ("settings", "tap_reader-payer", ["settings", "set_tap_reader", "payer"]),
    ("pin-change", "pin-confirm", ["settings", "pin_next"]),
]


@pytest.mark.parametrize(("sample", "name", "intent"), sampled("touches", TOUCHES, 16))
def test_a_touch_asks_for_what_it_says(
    window: RemoteWindow, sample: str, name: str, intent: list[Any]
) -> None:
    window.do("sample", name=sample)
    window.touch(name)
    assert intent in window.do("asked")


WAYS = [
    ("home", "home-pay", "pay"),
    ("home", "home-receive", "receive"),
    ("home", "home-reconcile", "reconcile"),
    ("home", "home-funds", "funds"),
    ("home", "home-risk", "risk"),
    ("home", "place-history", "history"),
    ("history", "place-settings", "settings"),
    ("settings", "settings-help", "help"),
    ("settings", "settings-pin", "pin"),
    ("risk", "risk-reconcile", "reconcile"),
    ("risk", "risk-lost", "lost"),
    ("history-paid", "history-again", "pay"),
    ("history-received", "history-again", "receive"),
    ("receive-receipt", "receive-done", "home"),
    ("start-done", "start-open", "home"),
    ("received", "receive-done", "home"),
    ("pay-paid", "pay-end", "home"),
]


@pytest.mark.parametrize(("sample", "name", "place"), WAYS)
def test_a_touch_leads_where_it_says(window: RemoteWindow, sample: str, name: str, place: str) -> None:
    window.do("sample", name=sample)
    window.touch(name)
    assert window.do("place") == place


@pytest.mark.parametrize("sample", sampled("buttons", list(SAMPLES), 4))
def test_nothing_that_can_be_touched_is_dead(window: RemoteWindow, sample: str) -> None:
    """Every button asks a presenter for something, leads somewhere, or changes the page."""
    window.do("sample", name=sample)
    shown = window.do("list")
    for item in shown:
        if item["kind"] not in BUTTONS or item["is_disabled"] or item["name"].startswith("place-"):
            continue
        window.do("sample", name=sample)
        before = window.do("place")
        window.touch(item["name"])
        changed = [each["name"] for each in window.do("list")] != [each["name"] for each in shown]
        assert window.do("asked") or window.do("place") != before or changed, item


def test_the_way_back_goes_through_the_places(window: RemoteWindow) -> None:
    window.do("sample", name="settings")
    window.touch("settings-risk")
    window.touch("risk-reconcile")
    ways = []
    for _ in range(4):
        window.do("key", key="escape")
        ways.append(window.do("place"))
    assert ways == ["risk", "settings", "home", "home"]


def test_going_elsewhere_leaves_a_payment_and_a_request(window: RemoteWindow) -> None:
    for sample, presenter in (("pay-showing", "pay"), ("received", "receive")):
        window.do("sample", name=sample)
        window.do("key", key="escape")
        assert [presenter, "leave"] in window.do("asked")
        assert window.do("place") == "home"


def test_a_keyboard_types_amounts_and_pins(window: RemoteWindow) -> None:
    window.do("sample", name="receive-amount")
    window.keys("1,5")
    window.do("key", key="backspace")
    window.do("key", key="enter")
    assert window.do("asked") == [
        ["receive", "press", "1"],
        ["receive", "press", ","],
        ["receive", "press", "5"],
        ["receive", "erase"],
        ["receive", "ask"],
    ]
    window.do("sample", name="start-pin")
    window.keys("12")
    window.do("key", key="enter")
    assert window.do("asked") == [["start", "press", "1"], ["start", "press", "2"]]


def test_what_is_typed_into_a_field_is_no_key_of_the_keypad(window: RemoteWindow) -> None:
    window.do("sample", name="receive-amount")
    window.touch("receive-words")
    window.do("frames")
    window.do("type", text="нан 2")
    assert ["receive", "set_memo", "нан 2"] in window.do("asked")
    window.keys("7")
    assert window.do("asked") == []


def test_the_camera_is_on_while_it_is_needed_only(window: RemoteWindow) -> None:
    on = {"pay-seek", "pay-showing", "receive-asking", "receive-printed"}
    off = {"pay-seek-tap", "pay-asked", "pay-pin", "pay-paid", "receive-tap", "received", "home"}
    for sample in on | off:
        window.do("sample", name=sample)
        assert window.do("camera") is (sample in on), sample
    window.do("sample", name="pay-seek")
    window.do("key", key="escape")
    assert window.do("camera") is False


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_look_and_size_change_while_it_is_shown(window: RemoteWindow, language: str) -> None:
    window.do("sample", name="settings")
    window.do("settings", language=language, look="dark", is_large=True)
    assert window.text("place-settings") == catalogue(language).text("app_home.place_settings")


def test_what_stands_below_the_account_stays_when_the_bank_has_said_it(window: RemoteWindow) -> None:
    places = []
    for sample in ("home-account-unknown", "home"):
        window.do("sample", name=sample)
        window.wait("home-account")
        window.do("frames")
        places.append(
            [window.do("find", name=f"home-{row}")["centre"] for row in ("reconcile", "funds", "risk")]
        )
    assert places[0] == places[1]


def test_a_wheel_goes_through_the_longest_page_in_a_few_notches(window: RemoteWindow) -> None:
    window.do("sample", name="settings")
    before = window.do("find", name="settings-large")["centre"][1]
    window.do("wheel", name="settings-large", notches=1)
    assert 60 <= window.do("find", name="settings-large")["centre"][1] - before <= 160
    window.do("sample", name="settings")
    window.do("wheel", name="settings-large", notches=12)
    assert window.do("find", name="settings-pin")["is_visible"]


def test_a_code_moves_at_its_pace_and_a_still_one_stands(window: RemoteWindow) -> None:
    window.do("sample", name="pay-showing")
    window.wait("code", "[3-9]")
    window.do("sample", name="receive-asking")
    window.wait("code", "^1$")


@pytest.mark.parametrize("frames", [0, 1, 2], ids=lambda frames: f"after_{frames}")
@pytest.mark.parametrize(
    ("sample", "button", "intent"),
    [
        ("start-welcome", "start-begin", ["start", "next"]),
        ("start-pin", "keypad-0", ["start", "press", "0"]),
        ("unlock", "keypad-letters", ["unlock", "erase"]),
        ("unlock", "keypad-5", ["unlock", "press", "5"]),
        ("pay-asked", "pay-decline", ["pay", "decline"]),
        ("pay-alike", "pay-earlier-", ["pay", "show_earlier"]),
        ("history", "history-", ["history", "choose"]),
    ],
)
def test_a_touch_means_what_was_shown_when_the_finger_came_down(
    window: RemoteWindow, sample: str, button: str, intent: list[str], frames: int
) -> None:
    """Though its page is to be drawn anew before the finger goes up. Buttons of a page's foot, buttons that may be
    scrolled, and one in the corner where widgets lie that have no place yet."""
    window.do("sample", name=sample)
    name = next(item["name"] for item in window.do("list") if item["name"].startswith(button))
    window.do("touch_amid_news", name=name, frames=frames)
    asked = [each for each in window.do("asked") if each[0] == intent[0]]
    assert asked
    assert all(each[: len(intent)] == intent for each in asked)


def test_a_pin_that_is_too_short_cannot_be_confirmed(window: RemoteWindow) -> None:
    window.do("sample", name="pay-pin")
    assert window.do("find", name="pin-confirm")["is_disabled"]
    with pytest.raises(AssertionError, match="cannot be touched"):
        window.touch("pin-confirm")


def test_no_digit_of_a_pin_is_in_the_window(window: RemoteWindow) -> None:
    window.do("sample", name="unlock")
    assert window.text("pin-dots") == "12"


def test_a_person_is_shown_by_pseudonym(window: RemoteWindow) -> None:
    window.do("sample", name="pay-asked-person")
    assert DANA.wallet.hex()[:8] in window.text("pay-payee")


def test_a_code_that_is_left_is_drawn_no_more(window: RemoteWindow) -> None:
    """Its page is taken out whole, so the code still has its parent: it must be told."""
    window.do("sample", name="pay-showing")
    window.wait("code", "[1-9]")
    assert window.do("threads").count("reel") == 1
    window.do("key", key="escape")
    window.wait("home-pay")
    assert any("reel" not in window.do("threads") for _ in range(200))


@pytest.mark.parametrize(
    ("sample", "line"),
    [("done", "clean"), ("conflict", "not_clean"), ("lost", "lost"), ("rolled-back", "rolled_back")],
)
def test_everything_agrees_only_where_it_does(window: RemoteWindow, sample: str, line: str) -> None:
    window.do("sample", name=f"reconcile-{sample}")
    assert window.text("ended-line") == catalogue("en").text(f"app_ledger.{line}")
