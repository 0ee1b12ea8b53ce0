"""One sandbox for the command line's tests of a worker, its services processes of their own; a home for each file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync import sandbox
from tests.support import stations
from tests.support.cli import Cli


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nobody stops it, or harms a service of it."""
    home = tmp_path_factory.mktemp("sandbox")
    stations.start(home)
    try:
        yield home
    finally:
        sandbox.stop(home)


@pytest.fixture(scope="module")
def cli(running: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    home = tmp_path_factory.mktemp("home")
    (home / "sandbox").symlink_to(running)
    return Cli(home)
