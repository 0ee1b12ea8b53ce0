"""The command line as a person meets it: a process of its own, its streams and its exit status.

Rule: it is forked by this worker's `starter`, unless start-up itself is what a test is about (``anew``) or it is given
an environment that imports may read; then it is a Python of its own.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.starter import starter

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
    """`qalta` over one home folder. ``anew``: each command imports everything itself, as a person's does."""

    home: Path
    anew: bool = False

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
        extra = {**(environment or {}), **({"QALTA_FAILPOINT": failpoint} if failpoint else {})}
        pins = {} if pin is None else {"--pin-fd": pin}
        run = run_anew if self.anew else run_module
        return run([*under, "app.cli.main", "--home", str(self.home)], pins, argv, extra)

    def must(self, *argv: str) -> dict[str, Any]:
        """A command that has to succeed, in JSON."""
        done = self.run("--json", *argv)
        assert done.status == 0, (argv, done.out, done.err)
        return done.json

    def wallet(self, name: str, *argv: str) -> dict[str, Any]:
        return self.must("--wallet", name, *argv)


def change_pin(cli: Cli, wallet: str, old: str, new: str) -> Done:
    """`wallet pin`, with both PINs on descriptors."""
    command = ["app.cli.main", "--home", str(cli.home), "--json", "--wallet", wallet, "wallet", "pin"]
    return run_module(command, {"--pin-fd": old, "--new-pin-fd": new}, (), {})


def run_module(
    command: Sequence[str], pins: Mapping[str, str], argv: Sequence[str], extra: Mapping[str, str]
) -> Done:
    """Run a module of ours to its end, with nothing to read and every PIN on a descriptor that its option names."""
    environment = _environment(extra)
    if not starter().fits(environment):
        return run_anew(command, pins, argv, extra)
    ends = [os.pipe(), os.pipe()]
    with _on_descriptors(pins) as options, open(os.devnull, "rb") as nothing:
        (_, out), (_, err) = ends
        streams = {0: nothing.fileno(), 1: out, 2: err, **{number: number for number in options.values()}}
        words = [*command[1:], *_written(options), *argv]
        try:
            started = starter().start(command[0], words, environment, streams)
        finally:
            os.close(out)
            os.close(err)
    said = _all_of([reading for reading, _ in ends])
    return Done(started.wait(), *said)


def run_anew(
    command: Sequence[str], pins: Mapping[str, str], argv: Sequence[str], extra: Mapping[str, str]
) -> Done:
    """The same as `python -m`, from the first import on."""
    with _on_descriptors(pins) as options:
        done = subprocess.run(
            [sys.executable, "-m", *command, *_written(options), *argv],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(options.values()),
            env=_environment(extra),
            check=False,
        )
    return Done(done.returncode, done.stdout, done.stderr)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", **extra}


@contextmanager
def _on_descriptors(pins: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """Each PIN in a pipe of its own: where each is read from."""
    with ExitStack() as held:
        found = {}
        for option, pin in pins.items():
            found[option], writing = os.pipe()
            held.callback(os.close, found[option])
            os.write(writing, pin.encode() + b"\n")
            os.close(writing)
        yield found


def _written(options: Mapping[str, int]) -> list[str]:
    return [word for option, number in options.items() for word in (option, str(number))]


def _all_of(ends: Sequence[int]) -> list[str]:
    """What comes out of pipes until nobody holds their other ends."""
    came, unread = dict.fromkeys(ends, b""), set(ends)
    while unread:
        for end in select.select(unread, [], [])[0]:
            part = os.read(end, 1 << 16)
            came[end] += part
            if not part:
                unread.discard(end)
                os.close(end)
    return [came[end].decode() for end in ends]
