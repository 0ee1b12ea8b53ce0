"""How an amount is cut into tokens, so that change is seldom needed. SELECTION.md has the numbers behind it."""

from __future__ import annotations

from typing import Final

from wallet.protocol.bounds import MAX_AMOUNTS
from wallet.protocol.codes import Code, require

PIECES: Final = 8
"""Tokens per funding: every sibling amount travels with each of them."""
SMALLEST: Final = 10_000
"""Tiyn (100 tenge): below it a token is not cut further."""


def split(amount: int, pieces: int = PIECES) -> tuple[int, ...]:
    """``amount`` (tiyn) as at most ``pieces`` amounts, largest first, each about half of what is left.

    Round amounts (1, 2 or 5 times a power of ten) where there is room; the rest is the last piece. AMOUNT_INVALID.
    """
    require(amount > 0, Code.AMOUNT_INVALID)
    parts: list[int] = []
    left = amount
    while left > 2 * SMALLEST and len(parts) < min(pieces, MAX_AMOUNTS) - 1:
        parts.append(_round_below((left + 1) // 2))
        left -= parts[-1]
    parts.append(left)
    return tuple(sorted(parts, reverse=True))


def _round_below(amount: int) -> int:
    power: int = 10 ** (len(str(amount)) - 1)
    return next(step * power for step in (5, 2, 1) if step * power <= amount)
