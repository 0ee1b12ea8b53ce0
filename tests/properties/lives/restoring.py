"""Services put back from a backup: they hear what they once said from those who heard it, and go on.

Rule: one service a life, and what it forgot must be known to its peers by then; until it has caught up, its own books
are not what it is held to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.properties.lives.life import Life
from tests.support.system import BANKS

RESTORED: Final = st.sampled_from((CENTRAL_BANK, NOTARY, *BANKS))
_ROUNDS: Final = 3


class Restoring(Life):
    """What an operator does after a disk was lost."""

    def __init__(self) -> None:
        super().__init__()
        self.disks: list[tuple[str, Path]] = []
        self.is_restored = False

    @rule(name=RESTORED)
    @precondition(lambda self: not self.is_restored)
    def a_service_is_backed_up(self, name: str) -> None:
        to = self.system.folder / f"disk {len(self.disks)} of {name}"
        self.system.network.back_up(name, to)
        self.disks.append((name, to))

    @rule(which=st.integers(0, 20))
    @precondition(lambda self: self.disks and not self.is_restored)
    def a_service_is_put_back(self, which: int) -> None:
        """It catches up as far as it can among what is disturbed, and then with everybody there, before it is held to
        anything."""
        name, disk = self.disks[which % len(self.disks)]
        self.is_restored = True
        self.audit.restored.add(name)
        self.system.network.revive()
        self.system.network.put_back(name, disk)
        self._catch_up()
        self.what_passes_is_over()
        self._catch_up()

    def _catch_up(self) -> None:
        for _ in range(_ROUNDS):
            self.system.now += 40
            self.system.network.work()
