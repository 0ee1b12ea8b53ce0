"""Where a service keeps what it goes by, as tests have it."""

from __future__ import annotations

from pathlib import Path

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Store
from ledger_sync.service.trust_store import KIND


def trust_in(file: Path) -> Store:
    return trust_at(f"sqlite:{file}")


def trust_at(url: str) -> Store:
    return open_store(url, KIND, Path())
