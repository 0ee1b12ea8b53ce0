"""One process per station."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ledger_sync.processes import spawn
from ledger_sync.sandbox.making import module_environment
from ledger_sync.sandbox.network import Station


def spawn_station(station: Station, folder: Path, extra: Mapping[str, str]) -> int:
    """Start a station's process, found again by its folder. Gives the pid."""
    command = [sys.executable, "-m", f"ledger_sync.{station.role.value}", "--home", str(folder)]
    return spawn(command, folder, {**module_environment(), **extra})
