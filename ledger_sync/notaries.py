"""A network's notaries: one for all references, or one for each part of them by the prefix of their ids (SPEC 4.1).

Rule: where each is found is a setting, the same in every service of a network; who may decide what is the directory's
word. So a service that is set up wrongly is refused, or believes nothing of what it is told, and never decides a
reference twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from ledger_sync.service.settings import SettingsError, Why
from wallet.protocol.parts import MAX_PREFIX, WHOLE, are_whole, prefix_of
from wallet.protocol.transfer import TokenRef

L = TypeVar("L", covariant=True)
M = TypeVar("M")

SETTING: Final = "notary"


@dataclass(frozen=True, slots=True)
class Notaries(Generic[L]):
    """Lines to them, by the prefixes of their parts, of which every id has exactly one."""

    lines: Mapping[str, L]

    @classmethod
    def one(cls, line: M) -> Notaries[M]:
        """That of a network that is not split."""
        return Notaries({WHOLE: line})

    @classmethod
    def of(cls, setting: Any, line: Callable[[Any], M]) -> Notaries[M]:
        """By a setting: that of one notary, or an object with one for each prefix. ``line`` opens each.
        `SettingsError`."""
        is_split = isinstance(setting, Mapping) and "url" not in setting
        listed: Mapping[str, Any] = setting if is_split else {WHOLE: setting}
        if any(len(prefix) > MAX_PREFIX or prefix.strip("01") for prefix in listed) or not are_whole(listed):
            raise SettingsError(SETTING, Why.UNFIT)
        return Notaries({prefix: line(each) for prefix, each in sorted(listed.items())})

    def by(self, made: Callable[[L], M]) -> Notaries[M]:
        """What is made of each line."""
        return Notaries({prefix: made(line) for prefix, line in self.lines.items()})

    @property
    def each(self) -> tuple[L, ...]:
        return tuple(self.lines.values())

    def part(self, ref: TokenRef) -> str:
        """The prefix of the part that a reference is in."""
        prefixes = (prefix_of(ref.txid, length) for length in range(MAX_PREFIX + 1))
        return next(prefix for prefix in prefixes if prefix in self.lines)

    def of_ref(self, ref: TokenRef) -> L:
        """Whoever decides a reference."""
        return self.lines[self.part(ref)]

    def split(self, refs: Iterable[TokenRef]) -> dict[str, tuple[TokenRef, ...]]:
        """References by the prefix of their part, in their order."""
        found: dict[str, list[TokenRef]] = {}
        for ref in refs:
            found.setdefault(self.part(ref), []).append(ref)
        return {prefix: tuple(some) for prefix, some in found.items()}
