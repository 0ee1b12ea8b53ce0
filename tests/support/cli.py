"""The command line as a person meets it: a process of its own, its streams and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PIN = "2580"


@dataclass(frozen=True)
class Done:
    """How a command ended. ``status`` is negative where a signal ended it."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Cli:
    """`qalta` over one home folder."""

    home: Path

    def run(
        self,
        *argv: str,
        pin: str | None = PIN,
        failpoint: str | None = None,
        environment: dict[str, str] | None = None,
        counts: Path | None = None,
    ) -> Done:
        """Run a command; the PIN goes through a pipe. ``counts``: where `counted` says what was read."""
        under = [] if counts is None else ["tests.support.counted", str(counts)]
        command = [sys.executable, "-m", *under, "app.cli.main", "--home", str(self.home)]
        kept: tuple[int, ...] = ()
        if pin is not None:
            reading, writing = os.pipe()
            os.write(writing, pin.encode() + b"\n")
            os.close(writing)
            command += ["--pin-fd", str(reading)]
            kept = (reading,)
        extra = {**(environment or {}), **({"QALTA_FAILPOINT": failpoint} if failpoint else {})}
        try:
            done = subprocess.run(
                [*command, *argv],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                pass_fds=kept,
                env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", **extra},
                check=False,
            )
        finally:
            for descriptor in kept:
                os.close(descriptor)
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *argv: str) -> dict[str, Any]:
        """A command that has to succeed, in JSON."""
        done = self.run("--json", *argv)
        assert done.status == 0, (argv, done.out, done.err)
        return done.json

    def wallet(self, name: str, *argv: str) -> dict[str, Any]:
        return self.must("--wallet", name, *argv)


def change_pin(cli: Cli, wallet: str, old: str, new: str) -> Done:
    """`wallet pin`, with both PINs on descriptors."""
    ends = [os.pipe(), os.pipe()]
    for (_, writing), pin in zip(ends, (old, new), strict=True):
        os.write(writing, pin.encode() + b"\n")
        os.close(writing)
    first, second = (reading for reading, _ in ends)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "app.cli.main", "--home", str(cli.home), "--json", "--wallet", wallet),
            *("wallet", "pin", "--pin-fd", str(first), "--new-pin-fd", str(second)),
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        pass_fds=(first, second),
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en"},
        check=False,
    )
    os.close(first)
    os.close(second)
    return Done(done.returncode, done.stdout, done.stderr)
