"""A central bank and all around it, over real stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from tests.ledger_sync.central_bank.backends import Backend, in_cluster, in_file
from tests.ledger_sync.central_bank.rig import CentralBankRig


@pytest.fixture
def sizes() -> DeltaSizes:
    """Those of the services; smaller ones for a test that says so."""
    return USUAL_SIZES


@pytest.fixture
def rig(tmp_path: Path, sizes: DeltaSizes) -> Iterator[CentralBankRig]:
    rig = CentralBankRig(tmp_path, sizes)
    yield rig
    rig.close()


@pytest.fixture(params=["postgres", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """One store of each engine."""
    if request.param == "sqlite":
        with in_file(tmp_path) as backend:
            yield backend
    else:
        with in_cluster(request.getfixturevalue("postgres"), tmp_path) as backend:
            yield backend
