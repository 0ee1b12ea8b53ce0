"""Who broke the rules: we did (`LocalError`, raised), or they did (an event and a problem message, never raised).

Rule: nothing that a stranger sends makes a session raise.
"""

from __future__ import annotations


class LocalError(Exception):
    """The caller asked a session for something that makes no sense in its state; nothing has changed.

    ``state`` and ``given`` are the names of the state and of what was asked.
    """

    def __init__(self, state: str, given: str) -> None:
        self.state = state
        self.given = given
        super().__init__(f"{given} in state {state}")
