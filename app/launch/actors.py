"""A wallet as an OS process: `qalta agent` at the other end of a pipe, with its own SoftHSM token.

A command may be begun and finished apart, so that two wallets run at the same time: a tap needs both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.launch.children import child_environment
from wallet.protocol.codes import Code, Refusal

PIN: Final = "2580"
"""Of every wallet of the demo: it is a demo's, not anybody's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An agent's answer: the command's exit status and what `--json` would print."""

    status: int
    result: Mapping[str, Any]

    @property
    def refused(self) -> str | None:
        """The code of a refusal."""
        code = self.result.get("refused")
        return None if code is None else str(code)


class Actor:
    """One wallet's process. ``do`` runs a command of the command line in it."""

    def __init__(self, home: Path, wallet: str, shown: str | None = None) -> None:
        self.home = home
        self.wallet = wallet
        self.shown = shown or wallet
        self._process: subprocess.Popen[str] | None = None

    def make(self, *options: str) -> None:
        """`qalta wallet new`, in a process of its own."""
        done = _run_cli(self.home, "wallet", "new", self.wallet, *options)
        if done.status:
            raise ActorFailed(self.wallet, "wallet new", done.result)

    def start(self) -> None:
        """Start the process; its first line says that keystore and purse are open."""
        with _PinPipe() as pin_fd:
            self._process = subprocess.Popen(
                _command(self.home, pin_fd, "--json", "--wallet", self.wallet, "agent"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                pass_fds=(pin_fd,),
                env=_environment(),
            )
        self._read()

    def network(self, *, on: bool) -> None:
        self._ask({"network": "on" if on else "off"})
        self._read()

    def do(self, *argv: str) -> Answer:
        """Run a command; a refusal is an answer like any other."""
        self.begin(*argv)
        return self.finish()

    def begin(self, *argv: str) -> None:
        """Let a command run; nothing else can be asked before ``finish``."""
        self._ask({"argv": list(argv)})

    def finish(self) -> Answer:
        """The answer to what was begun."""
        return self._read()

    def must(self, *argv: str) -> Mapping[str, Any]:
        """Run a command that has to succeed. ActorFailed."""
        answer = self.do(*argv)
        if answer.status:
            raise ActorFailed(self.wallet, " ".join(argv[:1]), answer.result)
        return answer.result

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _ask(self, asked: Mapping[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise ActorFailed(self.wallet, "not started", {})
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()

    def _read(self) -> Answer:
        process = self._process
        line = process.stdout.readline() if process is not None and process.stdout else ""
        if not line:
            raise ActorFailed(self.wallet, "the process ended", {})
        said = json.loads(line)
        if "status" not in said:
            raise ActorFailed(self.wallet, "agent", said)
        return Answer(int(said["status"]), said["result"])


class ActorFailed(Refusal):
    """A wallet of the demo could not do what the demo needs. ``refused``: the code that it was refused with, if one."""

    def __init__(self, wallet: str, doing: str, result: Mapping[str, Any]) -> None:
        self.refused: str | None = result.get("refused")
        super().__init__(
            Code.INTERNAL, {"wallet": wallet, "doing": doing, "said": json.dumps(dict(result))[:400]}
        )


def stop_all(actors: Iterable[Actor]) -> None:
    for actor in actors:
        actor.stop()


def _run_cli(home: Path, *argv: str) -> Answer:
    with _PinPipe() as pin_fd:
        done = subprocess.run(
            _command(home, pin_fd, "--json", *argv),
            capture_output=True,
            text=True,
            pass_fds=(pin_fd,),
            env=_environment(),
            check=False,
        )
    try:
        return Answer(done.returncode, json.loads(done.stdout))
    except ValueError:
        return Answer(done.returncode or 1, {"said": (done.stderr or done.stdout)[-400:]})


def _command(home: Path, pin_fd: int, *argv: str) -> list[str]:
    return [sys.executable, "-m", "app.cli.main", "--home", str(home), "--pin-fd", str(pin_fd), *argv]


def _environment() -> dict[str, str]:
    """An actor may use a simulated radio."""
    return {**child_environment(), "QALTA_DEVELOPER": "1"}


class _PinPipe:
    """A pipe that holds the PIN: it is in no argv and in no environment."""

    def __enter__(self) -> int:
        self._read, write = os.pipe()
        os.write(write, PIN.encode() + b"\n")
        os.close(write)
        return self._read

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
