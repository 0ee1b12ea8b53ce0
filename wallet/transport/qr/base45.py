"""Base45 (RFC 9285): bytes as the 45 characters of a QR code's alphanumeric mode.

Rule: one text for one byte string. Whatever `encode` would not have written, `decode` refuses.
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE: Final = {character: value for value, character in enumerate(ALPHABET)}


class Base45Error(ValueError):
    """The text is not what RFC 9285 section 4 makes of any byte string."""


def encode(data: bytes) -> str:
    """Three characters for each two bytes, two for a last odd one (RFC 9285 section 4)."""
    out: list[str] = []
    for at in range(0, len(data) - 1, 2):
        high, low = divmod(data[at] * 256 + data[at + 1], 45)
        top, middle = divmod(high, 45)
        out.append(ALPHABET[low] + ALPHABET[middle] + ALPHABET[top])
    if len(data) % 2:
        middle, low = divmod(data[-1], 45)
        out.append(ALPHABET[low] + ALPHABET[middle])
    return "".join(out)


def decode(text: str) -> bytes:
    """The bytes of `text`. Raises `Base45Error` for a foreign character, a lone character or a group too
    large."""
    try:
        values = [_VALUE[character] for character in text]
    except KeyError:
        raise Base45Error("a character outside the alphabet") from None
    whole, rest = divmod(len(values), 3)
    if rest == 1:
        raise Base45Error("one character left over")
    out = bytearray()
    for at in range(0, whole * 3, 3):
        number = values[at] + 45 * values[at + 1] + 2025 * values[at + 2]
        if number > 0xFFFF:
            raise Base45Error("a group of three above 65535")
        out += number.to_bytes(2, "big")
    if rest:
        number = values[-2] + 45 * values[-1]
        if number > 0xFF:
            raise Base45Error("a group of two above 255")
        out.append(number)
    return bytes(out)
