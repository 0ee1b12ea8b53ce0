"""The one way through a table: look up, move, call the purse, go on with its outcome.

Rule: the state is moved before the purse is called, so that when a call ends in anything but an outcome, the state
says that its outcome is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from wallet.session.errors import LocalError
from wallet.session.table import G, MachineSpec, S, V, Waiting


class Machine(Generic[S, G, V]):
    """``call`` does a verb and returns its outcome; ``note`` hears of each move: the state before, and the given."""

    def __init__(
        self, spec: MachineSpec[S, G, V], call: Callable[[V], G], on_transition: Callable[[S, G], None]
    ) -> None:
        self._role = spec
        self._call = call
        self._note = on_transition
        self.state = spec.start

    @property
    def waiting(self) -> Waiting:
        return self._role.waiting[self.state]

    def accepts(self, given: G) -> bool:
        """Whether the table names ``given`` here."""
        return (self.state, given) in self._role.table

    def feed(self, given: G) -> None:
        """Raises ``LocalError`` where the table does not name it."""
        self.check(given)
        following: G | None = given
        while following is not None:
            before = self.state
            rule = self._role.table[before, following]
            self.state = rule.to
            self._note(before, following)
            following = None if rule.call is None else self._call(rule.call)

    def check(self, given: G) -> None:
        """``LocalError`` if ``given`` is refused here."""
        if not self.accepts(given):
            raise LocalError(self.state.value, given.value)
