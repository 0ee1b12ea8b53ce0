"""The services as they are, but for their clocks, which jump while they run.

Rule: only what a program takes for the time is given; a file in the home folder says by how many seconds it is wrong,
for all processes of the service at once, and from one reading to the next.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from ledger_sync.service.home import Program
from ledger_sync.service.run import machine_time, main

_FILE: Final = "jump"
_BYTES: Final = 8


class JumpingClock:
    """Unix seconds, as wrong as the file in ``folder`` says."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / _FILE, os.O_RDONLY | os.O_CREAT, 0o600)

    def __call__(self) -> int:
        return machine_time() + int.from_bytes(os.pread(self._file, _BYTES, 0), "little", signed=True)


def jump(folder: Path, seconds: int) -> None:
    """From now on the clock of the service in this folder is wrong by so much."""
    file = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT, 0o600)
    os.pwrite(file, seconds.to_bytes(_BYTES, "little", signed=True), 0)
    os.close(file)


def run(program: Program) -> int:
    """The role's process; its workers, if it has any, are of the module that was started."""
    folder = Path(sys.argv[sys.argv.index("--home") + 1])
    jumping = Program(program.name, program.aliases, program.build, program.settings, package=__name__)
    return main(jumping, clock=JumpingClock(folder))
