"""What any screen may show: a refusal, work under way, and who the other side is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wallet.protocol.codes import Fact


@dataclass(frozen=True, slots=True)
class Trouble:
    """A refusal: ``code`` is of the catalogue's [code] table."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Busy:
    """Work under way off the window's thread. ``step`` is a name of the catalogue ("sync.upload"); ``done`` of
    ``total`` where it can be counted."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Party:
    """The other side. A merchant's certified ``name``; for a person ``wallet`` (its pseudonym) is all there is."""

    name: str
    wallet: bytes
    bank: str
    is_merchant: bool
    category: int = 0
