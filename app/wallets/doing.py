"""What was being done when something was refused: the same code has another advice for another deed.

Rule: the fact ``doing`` goes with the refusal; the catalogue has a sentence for the pair where the usual one is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wallet.protocol.codes import Refusal


@contextmanager
def doing(deed: str) -> Iterator[None]:
    """Refusals of the block say that it was ``deed``: "fund", "defund", "ask", "open"."""
    try:
        yield
    except Refusal as refusal:
        refusal.facts = {**refusal.facts, "doing": deed}
        raise
