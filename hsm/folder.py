"""One wallet's (or service's) keystore folder: its layout, its settings and its lock.

Rule: a folder without settings is not provisioned, whatever else lies in it, for settings are written
last. A folder belongs to one process at a time, or to several that say so alike: an advisory lock (flock) on the
folder itself, which the kernel drops when the process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hsm.durable import remove, sync, write_whole
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.pin import SALT_BYTES, ScryptCost
from hsm.profiles import PROFILES

VERSION: Final = 1
MAX_SETTINGS_BYTES: Final = 4096
SETTINGS_FILE: Final = "keystore.json"
NEXT_SETTINGS_FILE: Final = "keystore.next.json"
TRIES_FILE: Final = "tries.json"
TOKENS_FOLDER: Final = "tokens"
MAKING_FOLDER: Final = "making"
VERIFIER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What is kept about a token beside it. `tokens` is the token folder, relative to the keystore's."""

    profile: str
    label: str
    tokens: str
    cost: ScryptCost
    salt: bytes = field(repr=False)
    verifier: bytes = field(repr=False)

    def encode(self) -> bytes:
        fields = {
            "version": VERSION,
            "profile": self.profile,
            "label": self.label,
            "tokens": self.tokens,
            "scrypt": [self.cost.n, self.cost.r, self.cost.p],
            "salt": self.salt.hex(),
            "verifier": self.verifier.hex(),
        }
        return json.dumps(fields, indent=1).encode()


def decode_settings(content: bytes) -> Settings:
    """Read settings strictly; FOLDER_DAMAGED for anything that we would not have written."""
    try:
        fields: dict[str, Any] = json.loads(content)
        n, r, p = (_integer(number) for number in fields["scrypt"])
        settings = Settings(
            profile=str(fields["profile"]),
            label=str(fields["label"]),
            tokens=str(fields["tokens"]),
            cost=ScryptCost(n, r, p),
            salt=bytes.fromhex(fields["salt"]),
            verifier=bytes.fromhex(fields["verifier"]),
        )
    except (ValueError, KeyError, TypeError, KeystoreError):
        raise KeystoreError(KeystoreCode.FOLDER_DAMAGED, {"file": SETTINGS_FILE}) from None
    if fields["version"] != VERSION or settings.profile not in PROFILES or settings.encode() != content:
        raise KeystoreError(KeystoreCode.FOLDER_DAMAGED, {"file": SETTINGS_FILE})
    if len(settings.salt) != SALT_BYTES or len(settings.verifier) != VERIFIER_BYTES:
        raise KeystoreError(KeystoreCode.FOLDER_DAMAGED, {"file": SETTINGS_FILE})
    return settings


class Folder:
    """The paths of a keystore folder and the reading and writing of its settings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tries = path / TRIES_FILE
        self.own_tokens = path / TOKENS_FOLDER
        self._settings = path / SETTINGS_FILE
        self._next = path / NEXT_SETTINGS_FILE
        self.making = path / MAKING_FOLDER

    def create(self) -> None:
        """Make the folder and its parts, readable by the owner only."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.making.mkdir(mode=0o700, exist_ok=True)

    def clear_unfinished(self) -> None:
        """Remove what a cut-off provisioning left: tokens whose salt was never kept."""
        if self.own_tokens.exists():
            shutil.rmtree(self.own_tokens)

    def is_provisioned(self) -> bool:
        return self._settings.exists()

    def settings(self) -> Settings:
        """NOT_PROVISIONED, FOLDER_DAMAGED."""
        return decode_settings(_read(self._settings))

    def next_settings(self) -> Settings | None:
        """The settings of a PIN change that began and did not end."""
        return decode_settings(_read(self._next)) if self._next.exists() else None

    def save_settings(self, settings: Settings) -> None:
        write_whole(self._settings, settings.encode(), step="keystore.settings")
        sync(self.path.parent)

    def prepare_next(self, settings: Settings) -> None:
        write_whole(self._next, settings.encode(), step="keystore.pin.next")

    def adopt_next(self) -> None:
        os.replace(self._next, self._settings)
        sync(self.path)

    def drop_next(self) -> None:
        remove(self._next)

    def token_folder(self, settings: Settings) -> Path:
        return Path(os.path.normpath(self.path.absolute() / settings.tokens))

    def begin_making(self, alias: str) -> None:
        """Note durably that the key `alias` is being made and has been promised to nobody."""
        (self.making / alias).touch(mode=0o600)
        sync(self.making)

    def end_making(self, alias: str) -> None:
        remove(self.making / alias)

    def is_in_making(self, alias: str) -> bool:
        return (self.making / alias).exists()

    def in_making(self) -> list[str]:
        """The keys whose making did not end."""
        return sorted(os.listdir(self.making)) if self.making.is_dir() else []


def hold(path: Path, *, is_shared: bool = False) -> int:
    """Lock a folder for this process, or for it and others that share it; IN_USE if another holder has it otherwise.
    Close the number to let go."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise KeystoreError(KeystoreCode.IN_USE, {"folder": path.name}) from None
    return descriptor


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SETTINGS_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise KeystoreError(KeystoreCode.NOT_PROVISIONED) from None
    if len(content) > MAX_SETTINGS_BYTES:
        raise KeystoreError(KeystoreCode.FOLDER_DAMAGED, {"file": path.name})
    return content


def _integer(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError
    return number
