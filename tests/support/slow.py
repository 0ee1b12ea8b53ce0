"""A server that never ends an answer: a process of its own on a real socket, which trickles for as long as it lives.

``python -m tests.support.slow MANNER`` prints its port. It answers every connection in its manner and never lets one
end by itself; so whoever comes back from a call to it has ended the call. ``Slow`` starts it for a test.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Final, Self

TRICKLE: Final = 0.02
"""Seconds between two bytes."""
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\ncontent-length: 1000000\r\n\r\n"
MANNERS: Final = ("body", "header", "silent", "unread")
"""``body``: a byte of the answer now and then; ``header``: a byte of its header; ``silent``: nothing at all;
``unread``: what is sent is not even read."""


def _serve(line: socket.socket, manner: str) -> None:
    try:
        if manner == "unread":
            threading.Event().wait()
        while b"\r\n\r\n" not in line.recv(65_536, socket.MSG_PEEK):
            time.sleep(TRICKLE)
        line.setblocking(False)
        if manner == "body":
            line.sendall(_HEAD)
        while True:
            if manner != "silent":
                line.send(b"h" if manner == "header" else b"\x00")
            time.sleep(TRICKLE)
    except OSError:
        line.close()


def main(manner: str, port: int = 0) -> None:
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)
    while True:
        line, _ = listener.accept()
        threading.Thread(target=_serve, args=(line, manner), daemon=True).start()


class Slow:
    """The process, for the length of a block. ``url`` leads to it."""

    def __init__(self, manner: str = "body", port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.slow", manner, str(port)], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
