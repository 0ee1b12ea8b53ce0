"""A network of wallets in memory, and its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.purses import Clone
from tests.support.shelf import Shelf
from tests.support.wallets import WalletNetwork


@pytest.fixture
def net(tmp_path: Path) -> Iterator[WalletNetwork]:
    made = WalletNetwork(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clone(net: WalletNetwork) -> Clone:
    return Clone(net)


@pytest.fixture
def shelf(net: WalletNetwork) -> Shelf:
    return Shelf(net)
