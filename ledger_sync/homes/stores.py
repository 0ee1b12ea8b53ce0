"""The stores of a service, by its role: their kinds, the files that SQLite keeps them in, and their versions.

Rule: the settings in the home folder say which role it is and where its stores are; nothing is opened to find that out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger_sync.bank.sql.storage import KIND as BANK
from ledger_sync.central_bank.sql.storage import KIND as CENTRAL_BANK
from ledger_sync.database.opening import beside
from ledger_sync.database.store import Kind
from ledger_sync.database.versions import Version, version_of
from ledger_sync.notary.sql_store import KIND as NOTARY
from ledger_sync.service.heads import FILE
from ledger_sync.service.heads import KIND as HEADS
from ledger_sync.service.nonces import KIND as NONCES
from ledger_sync.service.settings import CONFIG, read_json
from ledger_sync.service.trust_store import KIND as TRUST

DATABASE: Final = "database"
"""The setting that names the database of a service."""


@dataclass(frozen=True, slots=True)
class Place:
    """One store of a service: its kind, its file's name where SQLite keeps it, and its URL."""

    kind: Kind
    file: str
    url: str


@dataclass(frozen=True, slots=True)
class ServiceHome:
    """A home folder with its settings as they are now."""

    folder: Path
    config: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> ServiceHome:
        """``OSError``: no home of a service, or damaged settings (EBADMSG)."""
        return cls(folder, read_json(folder / CONFIG))

    @property
    def places(self) -> tuple[Place, ...]:
        """Its stores, its books first."""
        kinds = _files(self.config)
        url = str(self.config.get(DATABASE) or f"sqlite:{kinds[0][1]}")
        return tuple(
            Place(kind, file, url if number == 0 else beside(url, file))
            for number, (kind, file) in enumerate(kinds)
        )

    def versions(self) -> list[tuple[Place, Version]]:
        """Of each store that is there. Raises what `version_of` does."""
        found = ((place, version_of(place.url, place.kind, self.folder)) for place in self.places)
        return [(place, version) for place, version in found if version is not None]


def _files(config: Mapping[str, Any]) -> tuple[tuple[Kind, str], ...]:
    """A bank knows its own name, a central bank its notaries' keys, a notary neither."""
    beside = (NONCES, "nonces.db"), (TRUST, "trust.db")
    if "bank" in config:
        return (BANK, "bank.db"), *beside, (HEADS, FILE)
    if isinstance(config.get("notary"), Mapping):
        return (CENTRAL_BANK, "central_bank.db"), (NONCES, "nonces.db"), (HEADS, FILE)
    return (NOTARY, "notary.db"), *beside
