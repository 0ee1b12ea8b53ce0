"""Texts that come in calls and answers and go into a store: what no store of ours could keep is refused at once.

Rule: U+0000 is a character to the wire and to SQLite and has no place in a text of PostgreSQL. So that a service says
the same over either, none is taken outside of what is signed, which is kept as bytes.
"""

from __future__ import annotations

from typing import Final

from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require

_NUL: Final = "\0"


def plain_text(value: Cbor, most: int, *, least: int = 0) -> str:
    """A text of ``least`` to ``most`` UTF-8 bytes without U+0000. MALFORMED."""
    text = codec.text(value, most, least=least)
    require(_NUL not in text, Code.MALFORMED)
    return text
