"""What both machines' tables are made of.

Rule: a table is data. It names every state, what may be given in it, the one purse verb that is then called, and
the state that follows; whatever it does not name is listed as refused beside it. Machines, pictures and tests read
the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
G = TypeVar("G", bound=StrEnum)
V = TypeVar("V", bound=StrEnum)


class Waiting(Enum):
    """For whom a session waits. FOR_PERSON is what a carrier that must answer at once calls pending."""

    FOR_PERSON = "for a person"
    FOR_PEER = "for the other side"
    FOR_PURSE = "for the purse, whose answer is not known"
    FOR_NOBODY = "for nobody: it is over"


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, V]):
    """Go to ``to``; then call the purse's ``call``, if any, whose outcome is what is given next."""

    to: S
    call: V | None = None


@dataclass(frozen=True, slots=True)
class MachineSpec(Generic[S, G, V]):
    """One role's whole machine: ``inputs`` come from outside, the other givens are outcomes of verbs."""

    name: str
    start: S
    inputs: frozenset[G]
    table: Mapping[tuple[S, G], Transition[S, V]]
    refused: frozenset[tuple[S, G]]
    outcomes: Mapping[V, frozenset[G]]
    waiting: Mapping[S, Waiting]


def stays(state: S, given: Iterable[G]) -> dict[tuple[S, G], Transition[S, V]]:
    """Rows for what is taken note of in ``state`` and changes nothing."""
    return {(state, item): Transition(state) for item in given}


def pairs(rows: Mapping[S, Iterable[G]]) -> frozenset[tuple[S, G]]:
    """Every (state, given) of ``rows``."""
    return frozenset((state, item) for state, given in rows.items() for item in given)
