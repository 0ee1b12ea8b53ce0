"""A line to PostgreSQL that is cut at a commit: before the server hears of it, or when it has done it and says so.

Rule: what is cut is the connection, at a message, never at a time. "before" cuts in place of passing COMMIT on, "after"
in place of passing on the server's answer to it: the client hears the same of both. While the server is `away` no
connection is left, and whoever knocks is not answered.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from psycopg.conninfo import conninfo_to_dict

_SOCKET: Final = ".s.PGSQL.5432"
_COMMIT: Final = b"commit\0"
Cut = Literal["before", "after"]


class CutLine:
    """Passes on what it is sent, until it is `armed`; then the next commit is cut, and what comes after it is not."""

    def __init__(self, url: str, folder: Path) -> None:
        self._server = str(Path(str(conninfo_to_dict(url)["host"])) / _SOCKET)
        said = conninfo_to_dict(url)
        self.url = f"postgresql://{said['user']}@/{said['dbname']}?host={folder}"
        self.armed: Cut | None = None
        self.cuts = 0
        self.knocks = 0
        """Connections that were asked for while the server is away."""
        self._is_away = False
        self._open: list[socket.socket] = []
        folder.mkdir(exist_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                if self._is_away:
                    self.knocks += 1
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                is_cut = threading.Event()
                for serve in (self._hear, self._answer):
                    threading.Thread(target=serve, args=(client, server, is_cut), daemon=True).start()

    def _hear(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while said := client.recv(65_536):
                if self.armed is not None and _COMMIT in said:
                    cut, self.armed = self.armed, None
                    self.cuts += 1
                    if cut == "before":
                        break
                    is_cut.set()
                server.sendall(said)
        _end(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while (said := server.recv(65_536)) and not is_cut.is_set():
                client.sendall(said)
        _end(client, server)

    def leave(self) -> None:
        """The server is away from now on: every connection ends."""
        self._is_away = True
        self.hang_up()

    def hang_up(self) -> None:
        """Every connection ends, also those that nobody answers."""
        while self._open:
            _end(self._open.pop())

    def come_back(self) -> None:
        self._is_away = False
        self.hang_up()

    def close(self) -> None:
        _end(self._listening)
        self._accepting.join()


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def cut_line(url: str, folder: Path) -> Iterator[CutLine]:
    """A line to the server at ``url``, on a socket in ``folder``."""
    line = CutLine(url, folder)
    try:
        yield line
    finally:
        line.close()
