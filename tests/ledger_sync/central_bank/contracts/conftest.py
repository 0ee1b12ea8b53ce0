"""Storages of one store, for each engine (`tests.ledger_sync.central_bank.backends`)."""

from __future__ import annotations

import pytest

from ledger_sync.central_bank.ports.storage import Storage
from tests.ledger_sync.central_bank.backends import Backend


@pytest.fixture
def storage(backend: Backend) -> Storage:
    return backend.open()


@pytest.fixture
def other(backend: Backend, storage: Storage) -> Storage:
    """Another writer to the same store."""
    return backend.open()
