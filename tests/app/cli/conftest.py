"""One sandbox for the command line's tests of a worker, with services as processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_sync import sandbox
from tests.support.cli import Cli


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    home = tmp_path_factory.mktemp("home")
    sandbox.start(home / "sandbox")
    try:
        yield Cli(home)
    finally:
        sandbox.stop(home / "sandbox")
