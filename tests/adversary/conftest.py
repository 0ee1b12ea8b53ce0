"""What the adversaries' tests share: running a command in this process, where no keystore is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main

InProcess = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def in_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> InProcess:
    """`qalta --json ARGS` over ``tmp_path``, for commands that open no wallet; status and object."""

    def run(*argv: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main(["--json", "--home", str(tmp_path), *argv])
        return int(status), json.loads(capsys.readouterr().out)

    return run
