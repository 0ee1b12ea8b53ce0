"""A service that answers each call as a test says, over plain HTTP on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

Answer = Callable[[int], bytes | None]
"""What is answered to a call, by its number; None closes the line."""


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A service that answers so, at a URL; the authorizations of the calls that it got."""
    signed: list[bytes] = []

    class Calls(StreamRequestHandler):
        def handle(self) -> None:
            while head := self.head():
                fields = dict(line.rstrip().split(b": ", 1) for line in head[1:])
                self.rfile.read(int(fields[b"content-length"]))
                signed.append(fields[b"authorization"])
                given = answer(len(signed))
                if given is None:
                    break
                self.wfile.write(given)

        def head(self) -> list[bytes]:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                lines.append(line)
            return lines

    with ThreadingTCPServer(("127.0.0.1", 0), Calls) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", signed
        finally:
            server.shutdown()
            thread.join()


def said(status: int, body: bytes) -> bytes:
    """An answer over HTTP."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
