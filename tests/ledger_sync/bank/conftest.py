"""One network for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger_sync.bank.network import LedgerNetwork


@pytest.fixture
def net(tmp_path: Path) -> Iterator[LedgerNetwork]:
    made = LedgerNetwork(tmp_path)
    yield made
    made.close()
