"""A central bank and all around it, over real stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger_sync.central_bank.rig import CentralBankRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[CentralBankRig]:
    rig = CentralBankRig(tmp_path)
    yield rig
    rig.close()
