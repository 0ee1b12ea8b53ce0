"""The two processes of a tap, from outside: what the tests tell them and hear of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    """A UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port


def is_bound(port: int) -> bool:
    """Whether somebody listens there; asked of the kernel, so that asking takes the port from nobody."""
    rows = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(int(row.split()[1].split(":")[1], 16) == port for row in rows)


def wait_until_bound(port: int, is_alive: Callable[[], bool]) -> None:
    while not is_bound(port):
        assert is_alive(), "it ended before it listened"


class SideProcess:
    """`tests.transport.nfc.side` in a process of its own."""

    def __init__(self, role: str, folder: Path, port: int) -> None:
        folder.mkdir(parents=True)
        self.port = port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.nfc.side", role, str(folder), f"udp:127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._is_ready = False

    def tell(self, do: str, **values: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next answer."""
        if not self._is_ready:
            self._is_ready = True
            assert self.hear() == {"ready": True}
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process has died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        self.tell(do, **values)
        return self.hear()

    def use(self, port: int) -> None:
        """From now on the radio at this port."""
        self.port = port
        self.ask("use", device=f"udp:127.0.0.1:{port}")

    def listen(self, **values: Any) -> None:
        """Be the card; returns when a reader could come."""
        self.tell("serve", seconds=60, **values)
        wait_until_bound(self.port, lambda: self._process.poll() is None)

    def died(self) -> int:
        """Wait for its death; the exit status."""
        return self._process.wait()

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.kill()
        self._process.wait()
