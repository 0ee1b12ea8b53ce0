"""A keypad makes amounts and nothing else; a PIN is seen by nobody."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.written import read_amount
from app.presenters.keypad import PinPad, amount_of, pressed
from hsm.keystore import KeystoreError
from hsm.pin import MAX_PIN_CHARACTERS, check_fit
from wallet.protocol.bounds import MAX_SUM

KEYS = st.lists(st.sampled_from([*"0123456789,", "x", "", "12", "٣"]), max_size=30)


@given(KEYS)
def test_whatever_is_pressed_is_an_amount_or_nothing(keys: list[str]) -> None:
    typed = ""
    for key in keys:
        typed = pressed(typed, key)
        assert typed in ("", "0") or read_amount(typed.removesuffix(",")) is not None
        assert 0 <= amount_of(typed) <= MAX_SUM


@given(st.integers(min_value=1, max_value=99_999_999_999), st.integers(min_value=0, max_value=99))
def test_an_amount_that_is_typed_is_that_amount(tenge: int, tiyn: int) -> None:
    typed = ""
    for key in f"{tenge},{tiyn:02}":
        typed = pressed(typed, key)
    assert amount_of(typed) == tenge * 100 + tiyn


def test_a_third_digit_after_the_comma_is_not_taken() -> None:
    assert pressed("1,25", "9") == "1,25"
    assert pressed("", ",") == "0,"
    assert pressed("0", "7") == "7"
    assert pressed("1,2", ",") == "1,2"


@given(st.lists(st.characters() | st.sampled_from([*"0123456789", "", "12"]), max_size=200))
def test_what_is_typed_is_a_pin_by_the_rule_for_all_pins_and_in_no_repr(keys: list[str]) -> None:
    pad = PinPad()
    for key in keys:
        pad.press(key)
    signs = "".join(key for key in keys if len(key) == 1 and key.isprintable())[:MAX_PIN_CHARACTERS]
    assert (pad.length, pad.peek()) == (len(signs), signs)
    assert repr(pad) == "PinPad()"
    if pad.is_enough and unicodedata.is_normalized("NFC", signs):
        assert check_fit(signs) == signs
    assert (pad.take(), pad.length) == (signs, 0)


@given(st.text(max_size=20))
def test_whatever_pin_a_wallet_was_made_with_can_be_typed(pin: str) -> None:
    try:
        check_fit(pin)
    except KeystoreError:
        return
    pad = PinPad()
    for sign in pin:
        pad.press(sign)
    assert unicodedata.normalize("NFC", pad.peek()) == unicodedata.normalize("NFC", pin)
    assert pad.is_enough or unicodedata.normalize("NFC", pin) != pin
