"""What fingers type on a keypad: amounts of money, and PINs that nobody else gets to see."""

from __future__ import annotations

import hmac
from typing import Final

from app.catalogue.written import read_amount
from hsm.pin import MAX_PIN_CHARACTERS, MIN_PIN_CHARACTERS

_TENGE_DIGITS: Final = 11
_TIYN_DIGITS: Final = 2
_COMMA: Final = ","


def pressed(typed: str, key: str) -> str:
    """``typed`` after ``key`` (a digit or ","); unchanged where the key makes no amount."""
    tenge, comma, tiyn = typed.partition(_COMMA)
    if key == _COMMA:
        return typed if comma else (tenge or "0") + _COMMA
    if len(key) != 1 or key not in "0123456789":
        return typed
    if comma:
        return typed if len(tiyn) == _TIYN_DIGITS else typed + key
    if len(tenge) == _TENGE_DIGITS:
        return typed
    return key if tenge == "0" else tenge + key


def amount_of(typed: str) -> int:
    """Tiyn of what was typed, 0 for nothing."""
    return read_amount(typed.removesuffix(_COMMA)) or 0


class PinPad:
    """A PIN while it is being typed, on a keypad or a keyboard, by the one rule for PINs (`hsm.pin`). It shows in no
    repr, and is forgotten when it is taken."""

    def __init__(self) -> None:
        self._typed = ""

    def __repr__(self) -> str:
        return "PinPad()"

    @property
    def length(self) -> int:
        return len(self._typed)

    @property
    def is_enough(self) -> bool:
        return len(self._typed) >= MIN_PIN_CHARACTERS

    def press(self, sign: str) -> None:
        if len(sign) == 1 and sign.isprintable() and len(self._typed) < MAX_PIN_CHARACTERS:
            self._typed += sign

    def erase(self) -> None:
        self._typed = self._typed[:-1]

    def is_same(self, other: str) -> bool:
        return hmac.compare_digest(self._typed, other)

    def peek(self) -> str:
        """The PIN, kept: for what may have to be tried again."""
        return self._typed

    def take(self) -> str:
        """The PIN; nothing is left of it here."""
        typed, self._typed = self._typed, ""
        return typed
