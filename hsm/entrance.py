"""What an opened keystore stands on: its folder, the module, the count of tries, and its login.

Rule: all but the login stays as long as the keystore is open; the login is made again when it is lost (`hsm.login`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hsm.folder import Folder
from hsm.login import Login
from hsm.pkcs11_store import TokenSession
from hsm.running import Running, Upkeep
from hsm.tries import TryCounter
from hsm.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What an opened keystore stands on; it owns the descriptor and its use of the module."""

    folder: Folder
    running: Running
    descriptor: int
    counter: TryCounter
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    turn: Turn


@dataclass(frozen=True, slots=True)
class Parts:
    """The entrance, and the login that is made again when it is lost."""

    entrance: Entrance
    login: Login

    @property
    def folder(self) -> Folder:
        return self.entrance.folder

    @property
    def session(self) -> TokenSession:
        return self.login.session

    @property
    def upkeep(self) -> Upkeep:
        return self.login.upkeep
