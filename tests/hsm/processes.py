"""Starting, watching and killing `tests.hsm.victim`, and the chance that says when."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.hsm.homes import PIN, ROOT

PATIENCE_SECONDS = 60


def start(what: str, folder: Path, kind: str = "softhsm", *, pin: str = PIN, failpoint: str = "") -> Victim:
    environment = {key: value for key, value in os.environ.items() if key != "QALTA_FAILPOINT"}
    if failpoint:
        environment["QALTA_FAILPOINT"] = failpoint
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hsm.victim", what, str(folder), kind],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # so that what `read` did not take is left for `end`
    )
    assert process.stdin is not None
    process.stdin.write(pin.encode() + b"\n")
    process.stdin.close()
    process.stdin = None
    return Victim(process)


@dataclass
class Victim:
    """A running victim."""

    process: subprocess.Popen[bytes]

    def read(self) -> list[str]:
        """Its next line, in words; none when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().split()

    def end(self) -> tuple[int, list[list[str]], str]:
        """Wait for its end: exit status, the lines not read yet, what it complained of."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, [line.split() for line in out.decode().splitlines()], err.decode()

    def signal_after(self, number: int, nanoseconds: int) -> None:
        """Send a signal a moment from now; spun, since sleeping is coarser than what is aimed at."""
        until = time.perf_counter_ns() + nanoseconds
        while time.perf_counter_ns() < until:
            pass
        self.process.send_signal(number)


def seed() -> int:
    """The seed of this run: QALTA_SEED, or a new one. Printed, so that a failing run can be repeated."""
    chosen = int(os.environ.get("QALTA_SEED") or random.SystemRandom().randrange(2**32))
    print(f"QALTA_SEED={chosen}")
    return chosen


def sampled(of_all: int, sample: int) -> int:
    """How many of a long series to run: all with QALTA_TEST_ALL=1, else a sample."""
    return of_all if os.environ.get("QALTA_TEST_ALL") == "1" else sample
