"""Calls as nearly all of them come, read at a glance: by HTTP/1.1, with a length, on a line that is kept.

Rule: only what h11 would read in exactly the same way is read here. Whatever is unusual (chunks, a header over several
lines, one that is half there, a second length, bytes beyond ASCII) is h11's, which also says what is no HTTP. An answer
goes out in one piece, with the bytes that h11 would send.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, RequestResponseCycle

_END: Final = b"\r\n\r\n"
_MOST: Final = 16_384
"""Bytes of a header."""
_FIRST: Final = re.compile(rb"(GET|POST) (/[!-~]*) HTTP/1\.1")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[\t -~]*[!-~])?|)[ \t]*")
_LENGTH: Final = re.compile(rb"[0-9]{1,12}")
_KEPT: Final = b"keep-alive"
_UNUSUAL: Final = frozenset([b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"])
_ONCE: Final = frozenset([_HOST := b"host", _SIZE := b"content-length", _CONNECTION := b"connection"])


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a call: its fields by their names in small letters; ``size`` bytes of body follow ``length`` bytes
    of header."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    size: int
    length: int


def read_head(data: bytes) -> Head | None:
    """The header that ``data`` begins with; None where h11 is to look, also where more than that one call is there."""
    end = data.find(_END, 0, _MOST)
    if end < 0:
        return None
    first, *lines = data[:end].split(b"\r\n")
    asked = _FIRST.fullmatch(first)
    if asked is None:
        return None
    fields: list[tuple[bytes, bytes]] = []
    once: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2]
        if name in _UNUSUAL or name in once:
            return None
        if name in _ONCE:
            once[name] = value
        fields.append((name, value))
    size = once.get(_SIZE, b"0")
    is_kept = once.get(_CONNECTION, _KEPT).lower() == _KEPT
    if _HOST not in once or not is_kept or _LENGTH.fullmatch(size) is None:
        return None
    head = Head(asked[1], asked[2], fields, int(size), end + len(_END))
    return None if len(data) > head.length + head.size else head


class UsualCycle(RequestResponseCycle):
    """A call of which h11 knows nothing, and its answer: one that is made of a beginning and one body."""

    _begun: Any = None

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self._begun is None:
            self._begun, self.response_started = message, True
            return
        if self.response_complete or message.get("more_body"):
            raise RuntimeError("an answer is one body")
        body = message.get("body", b"")
        fields = [*self.default_headers, *self._begun["headers"]]
        self.response_complete = True
        self.message_event.set()
        self.transport.write(_written(self._begun["status"], fields, body))
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _written(status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    lines = [b"%s: %s\r\n" % field for field in fields]
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, STATUS_PHRASES[status], b"".join(lines), body)
