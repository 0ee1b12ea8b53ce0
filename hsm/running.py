"""Which PKCS#11 modules run in this process, over which token folder, for how many keystores.

Rule: a module reads where its tokens lie once, in C_Initialize. So within one process a module serves
one token folder at a time; several keystores may share it if their tokens lie in the same folder. The
token folder is locked as long as the module runs over it, and its files are mended before it starts.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hsm import health, nss_files, softhsm_files
from hsm.critical import critical
from hsm.durable import sync
from hsm.folder import hold
from hsm.keystore import KeystoreCode, KeystoreError, SessionLost
from hsm.pkcs11_store import Module
from hsm.profiles import Family, ModuleProfile


class Upkeep(Protocol):
    """What must be done to a token's files around our calls."""

    def settle(self) -> None:
        """Make objects that were created, changed or removed survive a power cut. SessionLost if one is not whole."""

    def settle_removed(self) -> None:
        """The same, and of objects that were removed by an earlier process or login."""

    def settle_all(self) -> None:
        """The same for all that is there, also by an earlier process or login."""

    def pin_changed(self) -> None:
        """Make the new PIN survive a power cut, and renew the backup."""


class SoftHsmUpkeep:
    """See `hsm.softhsm_files`."""

    def __init__(self, token_folder: Path) -> None:
        self._token_folder = token_folder
        self._known = softhsm_files.contents(token_folder)

    def settle(self) -> None:
        now = softhsm_files.contents(self._token_folder)
        softhsm_files.sync_changes(self._token_folder, self._known, now)
        self._known = now

    def settle_removed(self) -> None:
        self.settle()
        sync(self._token_folder)

    def settle_all(self) -> None:
        self._known = {}
        self.settle()

    def pin_changed(self) -> None:
        softhsm_files.back_up(self._token_folder)


class NoUpkeep:
    """The module keeps its own files whole."""

    def settle(self) -> None:
        return

    def settle_removed(self) -> None:
        return

    def settle_all(self) -> None:
        return

    def pin_changed(self) -> None:
        return


@dataclass(slots=True)
class Running:
    """A module that has been started over a token folder."""

    module: Module
    profile: ModuleProfile
    library: Path
    tokens: Path
    descriptor: int
    users: int = 1
    life: int = 0
    """How often it was started anew. A session is of one life."""

    def upkeep(self, serial: str) -> Upkeep:
        """The upkeep of the token with this serial number."""
        if self.profile.family is not Family.SOFTHSM:
            return NoUpkeep()
        found = softhsm_files.folder_of(self.tokens, serial)
        if found is None:
            raise KeystoreError(KeystoreCode.TOKEN_MISSING, {"cause": "token folder"})
        return SoftHsmUpkeep(found)

    @property
    def is_shared(self) -> bool:
        """Whether other keystores of this process use the module too."""
        return self.users > 1

    def check(self) -> None:
        """What the module needs before a login. TOKEN_MISSING; `OSError`: no descriptors, no room."""
        health.check_token(self.profile.family, self.tokens)
        health.check_room(self.tokens)

    def restart(self, *, from_backups: bool = False) -> None:
        """Start the module anew, its files mended on the way; every session of its earlier life is void.

        `from_backups` puts every backup back, however whole the token looks.
        """
        with critical():
            self.life += 1
            with contextlib.suppress(KeystoreError):  # it may be down already: that is why we are here
                self.module.finalise()
            try:
                if self.profile.family is Family.SOFTHSM and from_backups:
                    softhsm_files.restore_all(self.tokens)
                elif self.profile.family is Family.SOFTHSM:
                    softhsm_files.repair_all(self.tokens)
            finally:
                self.module.initialise()


_running: dict[Path, Running] = {}


def start(profile: ModuleProfile, tokens: Path, folder: Path, *, is_shared: bool = False) -> Running:
    """Start the profile's module over `tokens`, or join it there. IN_USE, MODULE_MISSING. `is_shared`: other processes
    may have it there too; then it is the caller's turn (`hsm.turn`)."""
    library = profile.library()
    tokens = tokens.absolute()
    with critical():
        present = _running.get(library)
        if present is not None:
            if present.tokens != tokens:
                raise KeystoreError(KeystoreCode.IN_USE, {"what": "module"})
            present.users += 1
            return present
        descriptor = hold(tokens, is_shared=is_shared)
        try:
            _prepare(profile, library, tokens, folder)
            running = Running(Module(library), profile, library, tokens, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        _running[library] = running
        return running


def leave(running: Running) -> None:
    """One keystore less; the last one stops the module and lets go of the token folder."""
    with critical():
        running.users -= 1
        if running.users:
            return
        del _running[running.library]
        try:
            with contextlib.suppress(SessionLost):
                running.module.finalise()
        finally:
            os.close(running.descriptor)


def _prepare(profile: ModuleProfile, library: Path, tokens: Path, folder: Path) -> None:
    match profile.family:
        case Family.SOFTHSM:
            softhsm_files.repair_all(tokens)
            softhsm_files.point_to(tokens, folder / softhsm_files.CONFIGURATION_FILE)
        case Family.NSS:
            nss_files.point_to(tokens, library)
