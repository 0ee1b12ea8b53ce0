"""SoftHSM's files: its configuration, and what it leaves undone for a crash.

Rule: SoftHSM writes objects in place (truncate, then write) and never fsyncs, so a process that dies in
C_Login or C_SetPIN leaves `token.object` empty and the token gone with every key in it. We keep a copy
beside it, `token.backup`, renewed when the token is made and when its PIN changes, and put it back
before C_Initialize when the file is not whole. SoftHSM itself opens only files that end in `.object` or
`.lock`. What we made or changed we fsync before it is answered. A file that was torn while SoftHSM wrote
it is passed over by its searches, or lacks attributes; that there was no room to write an object over it
does not say, so we look whether the file has become shorter, which nothing that we change makes it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from hsm.durable import sync, write_whole
from hsm.keystore import KeystoreCode, SessionLost

TOKEN_FILE: Final = "token.object"
BACKUP_FILE: Final = "token.backup"
CONFIGURATION_FILE: Final = "softhsm2.conf"
CONFIGURATION_VARIABLE: Final = "SOFTHSM2_CONF"


def point_to(tokens: Path, configuration: Path) -> None:
    """Write SoftHSM's configuration for the token folder `tokens` and name it in the environment.

    SoftHSM reads it in C_Initialize. It is written anew each time, so a moved folder still opens.
    """
    lines = (
        f"directories.tokendir = {tokens.absolute()}",
        "objectstore.backend = file",
        "objectstore.umask = 0077",
        "log.level = ERROR",
        "slots.removable = false",
    )
    content = ("\n".join(lines) + "\n").encode()
    if not configuration.exists() or configuration.read_bytes() != content:
        write_whole(configuration, content, step="keystore.conf")
    os.environ[CONFIGURATION_VARIABLE] = str(configuration.absolute())


def repair_all(tokens: Path) -> int:
    """Put the backup back wherever `token.object` is not whole; gives how many. Not while in use."""
    repaired = 0
    for backup in sorted(tokens.glob(f"*/{BACKUP_FILE}")):
        token = backup.with_name(TOKEN_FILE)
        if not token.exists() or token.stat().st_size != backup.stat().st_size:
            _restore(backup)
            repaired += 1
    return repaired


def restore_all(tokens: Path) -> None:
    """Put every backup back, however whole `token.object` looks. Not while in use."""
    for backup in sorted(tokens.glob(f"*/{BACKUP_FILE}")):
        _restore(backup)


def back_up(token_folder: Path) -> None:
    """Make everything in the token's folder durable, then renew the copy of `token.object`."""
    for path in token_folder.glob("*.object"):
        sync(path)
    sync(token_folder)
    sync(token_folder.parent)
    content = (token_folder / TOKEN_FILE).read_bytes()
    write_whole(token_folder / BACKUP_FILE, content, step="keystore.backup")


def folder_of(tokens: Path, serial: str) -> Path | None:
    """The folder of the token with this serial number: the last 16 hex digits of the folder's name."""
    for token in tokens.glob(f"*/{TOKEN_FILE}"):
        if token.parent.name.replace("-", "").endswith(serial):
            return token.parent
    return None


def _restore(backup: Path) -> None:
    write_whole(backup.with_name(TOKEN_FILE), backup.read_bytes(), step="keystore.repair")


class Content(NamedTuple):
    """What an object file holds, told from what it held before."""

    size: int
    digest: bytes


def contents(token_folder: Path) -> Mapping[str, Content]:
    """The object files of a token by name, but for `token.object`."""
    names = (name for name in os.listdir(token_folder) if name.endswith(".object") and name != TOKEN_FILE)
    return {name: _content(token_folder / name) for name in names}


def _content(path: Path) -> Content:
    held = path.read_bytes()
    return Content(len(held), hashlib.sha256(held).digest())


def sync_changes(token_folder: Path, before: Mapping[str, Content], now: Mapping[str, Content]) -> None:
    """fsync the object files whose contents are not as `before`, and the folder's list of names if that is another.

    SessionLost if one was not written wholly.
    """
    for name, content in now.items():
        if before.get(name) != content:
            if name in before and content.size < before[name].size:
                raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "object not written wholly"})
            sync(token_folder / name)
    if before.keys() != now.keys():
        sync(token_folder)
