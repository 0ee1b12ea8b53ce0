"""The bazaar of each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.presenters.bazaar import Bazaar


@pytest.fixture
def bazaar(tmp_path: Path) -> Iterator[Bazaar]:
    bazaar = Bazaar(tmp_path)
    yield bazaar
    bazaar.net.close()
