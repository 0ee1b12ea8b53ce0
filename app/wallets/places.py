"""Where things lie under ``--home``: wallets, each with its keystore and purse, and the sandbox.

``HOME/sandbox`` the sandbox; ``HOME/wallets/NAME/{keystore/, purse/, wallet.json}`` one wallet.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

from app.wallets.missing import MissingPart
from wallet.protocol.codes import Code, Refusal

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a wallet remembers about its bank: ``url``, ``bank`` id, ``account`` and the holder's ``kind`` and name."""

    bank: str
    url: str
    root: str
    account: str
    kind: str
    name: str

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """From a wallet.json. ValueError (RecursionError, where it is nested deep) if it is damaged."""
        held = json.loads(raw)
        names = [field.name for field in fields(cls)]
        if not isinstance(held, dict) or not all(isinstance(held.get(name), str) for name in names):
            raise ValueError("not a profile")
        bytes.fromhex(held["root"])
        return cls(*(held[name] for name in names))


@dataclass(frozen=True, slots=True)
class WalletPlace:
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
        """WALLET_UNKNOWN where there is none; MissingPart where it is damaged."""
        path = self.folder / "wallet.json"
        try:
            return Profile.read(path.read_bytes())
        except FileNotFoundError:
            raise Refusal(Code.WALLET_UNKNOWN, {"name": self.name}) from None
        except (ValueError, RecursionError):
            raise MissingPart("missing.file", name=str(path)) from None

    def write_profile(self, profile: Profile) -> None:
        """Durable, whole or not at all: the last step of making a wallet."""
        new = self.folder / "wallet.json.new"
        with new.open("w", encoding="utf-8") as out:
            json.dump(asdict(profile), out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self.folder / "wallet.json")


@dataclass(frozen=True, slots=True)
class Home:
    """Everything of one user of this machine."""

    folder: Path

    @property
    def sandbox(self) -> Path:
        return self.folder / "sandbox"

    def wallet(self, name: str) -> WalletPlace:
        """WALLET_UNKNOWN when the name could not be a folder's."""
        if not _NAME.fullmatch(name):
            raise Refusal(Code.WALLET_UNKNOWN, {"name": name[:32]})
        return WalletPlace(name, self.folder / "wallets" / name)

    def wallets(self) -> list[WalletPlace]:
        """All finished wallets, by name."""
        found = sorted(path.parent.name for path in (self.folder / "wallets").glob("*/wallet.json"))
        return [self.wallet(name) for name in found]
