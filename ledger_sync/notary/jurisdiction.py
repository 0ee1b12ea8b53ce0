"""What a notary decides: all references, or those of its parts where they are split (SPEC 4.1).

Rule: the directory says it, at each time anew. What was decided before references were split was decided by one for
all, and later heads of a log, signed for a part, are good for what that part decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.directory import Directory, Role
from wallet.protocol.parts import MAX_PREFIX, begun, decider, parts_of, role_of
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

_OF_EACH_PREFIX: Final = tuple(
    TokenRef(bytes((prefix << 8 - MAX_PREFIX,)) + bytes(ID_BYTES - 1), 0) for prefix in range(1 << MAX_PREFIX)
)


class Jurisdiction:
    """That of a notary which decides everything."""

    def decides(self, _ref: TokenRef, _at: int | None = None) -> bool:
        """Whether it decides a reference at a time (unix seconds), or else now."""
        return True

    def concerns(self, _said: Consumption) -> bool:
        """Whether a statement of this may be this notary's, or that of the one that it was split from."""
        return True

    def covers(self, _refs: Iterable[TokenRef], _at: int) -> bool:
        """Whether a head that it signed at a time (unix seconds) is good for all of these."""
        return True

    def at(self, _at: int) -> object:
        """What differs between two times where that may."""
        return None

    def is_in_office(self, _at: int) -> bool:
        """Whether a head that it signs at a time may be good for anything."""
        return True


class PartsOfReferences(Jurisdiction):
    """That of a notary of these parts, by their prefixes, as the directory of the moment says."""

    def __init__(
        self, prefixes: Sequence[str], directory: Callable[[], Directory], clock: Callable[[], int]
    ) -> None:
        self._roles = frozenset(map(role_of, prefixes))
        self._before = frozenset(
            role_of(prefix[:length]) for prefix in prefixes for length in range(len(prefix) + 1)
        )
        self._directory = directory
        self._clock = clock

    def decides(self, ref: TokenRef, at: int | None = None) -> bool:
        directory = self._directory()
        if not parts_of(directory):
            return Role.NOTARY in self._roles
        return decider(directory, ref, self._clock() if at is None else at) in self._roles

    def concerns(self, said: Consumption) -> bool:
        return any(self.decides(ref) or self.decides(ref, said.time) for ref in said.refs)

    def covers(self, refs: Iterable[TokenRef], at: int) -> bool:
        directory = self._directory()
        if not parts_of(directory):
            return True
        deciders = {decider(directory, ref, at) for ref in refs}
        return len(deciders) == 1 and deciders <= self._before

    def at(self, at: int) -> object:
        return begun(self._directory(), at)

    def is_in_office(self, at: int) -> bool:
        return any(self.decides(ref, at) for ref in _OF_EACH_PREFIX)
