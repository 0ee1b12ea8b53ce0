"""What was being done when something was refused: the same code has another advice for another deed.

Rule: the fact ``doing`` goes with the refusal; the catalogue has a sentence for the pair where the usual one is wrong.
What a service says of our own call is told as that (``fault``), since the usual sentence is about a code that somebody
showed. Who said it is known by the refusal's type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ledger_sync.http.peers import RemoteRefusal
from wallet.protocol.codes import Code, Fact, Refusal

_CALL: Final = "call"


def facts_of(refusal: Refusal) -> Mapping[str, Fact]:
    """The facts by which the catalogue tells ``refusal``: also that a service said it of our own call, where that
    asks for another advice."""
    if isinstance(refusal, RemoteRefusal) and (refusal.is_not_understood or refusal.code is Code.TOO_MANY):
        return {**refusal.facts, "fault": _CALL}
    return refusal.facts


@contextmanager
def doing(deed: str) -> Iterator[None]:
    """Refusals of the block say that it was ``deed``: "fund", "defund", "ask", "open"."""
    try:
        yield
    except Refusal as refusal:
        refusal.facts = {**refusal.facts, "doing": deed}
        raise
