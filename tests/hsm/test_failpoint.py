"""A failpoint kills for real, at its name and count only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.hsm.homes import ROOT

PROGRAM = """
import os
from hsm.failpoint import reach
for name in ("a.b", "a.b.c", "a.b", "a.b"):
    reach(name)
    os.write(1, b".")
"""


@pytest.mark.parametrize(
    ("wanted", "reached"), [("a.b", 0), ("a.b:1", 0), ("a.b:2", 2), ("a.b:3", 3), ("a.b.c", 1), ("a.b:x", 0)]
)
def test_it_kills_at_its_name_and_count(wanted: str, reached: int) -> None:
    done = run(wanted)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"." * reached)


@pytest.mark.parametrize("wanted", ["", "a", "a.b:4", "b", "A.B"])
def test_otherwise_it_does_nothing(wanted: str) -> None:
    done = run(wanted)
    assert (done.returncode, done.stdout) == (0, b"....")


def run(wanted: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "QALTA_FAILPOINT": wanted}
    return subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True)
