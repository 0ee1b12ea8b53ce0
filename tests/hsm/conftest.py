"""What every test of `hsm` leaves behind: nothing open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hsm.homes import OPENED


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().lock()
