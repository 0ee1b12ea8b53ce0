"""Every paired test runs over a purse in memory and over two real purses (SQLite, keys in memory)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.session.holders import MemoryPlace, Place, WalletPlace


@pytest.fixture(params=["memory", "wallets"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "memory":
        yield MemoryPlace()
        return
    real = WalletPlace(tmp_path)
    yield real
    real.close()
