"""A keypad makes amounts and nothing else; a PIN is seen by nobody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.written import read_amount
from app.presenters.keypad import MAX_PIN, PinPad, amount_of, pressed
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


@given(st.lists(st.sampled_from([*"0123456789", "a", "", "12"]), max_size=30))
def test_a_pin_is_digits_no_longer_than_allowed_and_in_no_repr(keys: list[str]) -> None:
    pad = PinPad()
    for key in keys:
        pad.press(key)
    digits = "".join(key for key in keys if len(key) == 1 and key.isdigit())[:MAX_PIN]
    assert (pad.length, pad.is_same(digits)) == (len(digits), True)
    assert not any(character.isdigit() for character in repr(pad))
    assert (pad.take(), pad.length) == (digits, 0)
