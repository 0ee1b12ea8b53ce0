"""Where things lie under ``--home``: wallets, each with its keystore and purse, and the sandbox.

``HOME/sandbox`` the sandbox; ``HOME/wallets/NAME/{keystore/, purse/, wallet.json}`` one wallet.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from app.wallets.missing import MissingPart
from wallet.protocol.codes import Code, Refusal

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def is_name(name: str) -> bool:
    """Whether a wallet can be called so: Latin letters, digits, - and _, at most 32."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a wallet remembers about its bank: ``url``, ``bank`` id, ``account`` and the holder's ``kind`` and name; the
    file of the authority of the bank's TLS certificate, where it is none that everybody trusts."""

    bank: str
    url: str
    root: str
    account: str
    kind: str
    name: str
    authority: str = ""

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """From a wallet.json. ValueError (RecursionError, where it is nested deep) if it is damaged."""
        held = json.loads(raw)
        if isinstance(held, dict):
            held.setdefault("authority", "")
        names = [field.name for field in fields(cls)]
        if not isinstance(held, dict) or not all(isinstance(held.get(name), str) for name in names):
            raise ValueError("not a profile")
        values = [held[name] for name in names]
        "".join(values).encode()
        bytes.fromhex(held["root"])
        return cls(*values)


class Flaw(StrEnum):
    """Why a wallet's folder has no profile: it was left before it was finished, its wallet.json is damaged, or the
    system does not let it be read."""

    UNFINISHED = "unfinished"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class WalletDir:
    """One wallet's folder."""

    name: str
    folder: Path

    @property
    def keystore(self) -> Path:
        return self.folder / "keystore"

    @property
    def purse(self) -> Path:
        return self.folder / "purse"

    @property
    def is_made(self) -> bool:
        """Whether its making was finished."""
        return (self.folder / "wallet.json").exists()

    def profile(self) -> Profile:
        """WALLET_UNKNOWN where there is none; MissingPart where it is damaged; ``OSError`` where it cannot be read."""
        match self.look():
            case Flaw.UNFINISHED:
                raise Refusal(Code.WALLET_UNKNOWN, {"name": self.name})
            case Flaw.UNREADABLE:
                return Profile.read(self._profile.read_bytes())
            case Flaw.DAMAGED:
                raise MissingPart("missing.profile", name=str(self._profile))
            case profile:
                return profile

    def look(self) -> Profile | Flaw:
        """The profile, or why there is none; never raises."""
        try:
            return Profile.read(self._profile.read_bytes())
        except FileNotFoundError:
            return Flaw.UNFINISHED
        except (IsADirectoryError, ValueError, RecursionError):
            return Flaw.DAMAGED
        except OSError:
            return Flaw.UNREADABLE

    @property
    def _profile(self) -> Path:
        return self.folder / "wallet.json"

    def write_profile(self, profile: Profile) -> None:
        """Durable, whole or not at all: the last step of making a wallet."""
        new = self.folder / "wallet.json.new"
        with new.open("w", encoding="utf-8") as out:
            json.dump(asdict(profile), out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._profile)


@dataclass(frozen=True, slots=True)
class Home:
    """Everything of one user of this machine."""

    folder: Path

    @property
    def sandbox(self) -> Path:
        return self.folder / "sandbox"

    def wallet(self, name: str) -> WalletDir:
        """WALLET_UNKNOWN when the name could not be a folder's."""
        if not is_name(name):
            raise Refusal(Code.WALLET_UNKNOWN, {"name": name[:32]})
        return WalletDir(name, self.folder / "wallets" / name)

    def folders(self) -> list[WalletDir]:
        """All wallets by name, also unfinished and damaged ones; other folders that lie among them are left out."""
        found = sorted(path.name for path in (self.folder / "wallets").glob("*") if path.is_dir())
        return [self.wallet(name) for name in found if _NAME.fullmatch(name)]

    def wallets(self) -> list[WalletDir]:
        """All wallets that were finished, by name."""
        return [place for place in self.folders() if place.look() is not Flaw.UNFINISHED]
