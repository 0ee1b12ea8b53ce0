"""The memory of answered calls, as tests have it."""

from __future__ import annotations

from pathlib import Path

from ledger_sync.database.opening import open_store
from ledger_sync.service.nonces import KIND, Nonces


def nonces_in_memory() -> Nonces:
    """For a service that ends with its process. (Nothing is read by the connection that reads beside the writer.)"""
    return nonces_at("sqlite::memory:")


def nonces_at(url: str) -> Nonces:
    return Nonces(open_store(url, KIND, Path()))
