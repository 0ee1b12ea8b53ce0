"""HTTP/1.1 as a service speaks it: every wait for a stranger has an end, and so has their number.

Rule: a header, a body and the taking of an answer each have their seconds, whatever trickles; a line on which nothing
is under way ends. Of too many lines the one goes that has waited longest for its caller; nobody's call does. What is no
HTTP is answered like anything else that is malformed: with problem details, and the line is closed.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ledger_sync.http.problems import AFTER, MEDIA_TYPE, busy, encode_problem, status_of
from ledger_sync.service.server import WHOLE
from wallet.protocol.codes import Code, Refusal

MAX_LINES: Final = 512
"""Connections to one service at a time."""
_OWN_DESCRIPTORS: Final = 64
"""Descriptors that are left for files and for the lines to other services."""
_FEWEST_LINES: Final = 16


@dataclass(frozen=True, slots=True)
class WireBounds:
    """Seconds for a header, a body and the taking of an answer; how many connections there may be."""

    header: float = 10.0
    body: float = 60.0
    answer: float = 60.0
    lines: int = MAX_LINES

    @classmethod
    def of_this_process(cls) -> Self:
        """As many lines as the process has descriptors for."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = MAX_LINES if soft == resource.RLIM_INFINITY else soft - _OWN_DESCRIPTORS
        return cls(lines=max(_FEWEST_LINES, min(MAX_LINES, allowed)))


def _closing(refusal: Refusal) -> bytes:
    body = encode_problem(refusal)
    status = {400: b"400 Bad Request", 503: b"503 Service Unavailable"}[status_of(refusal.code)]
    after = refusal.facts.get(AFTER)
    return b"\r\n".join(
        (
            b"HTTP/1.1 " + status,
            *(() if after is None else (b"retry-after: %d" % int(after),)),
            b"content-type: " + MEDIA_TYPE.encode(),
            b"content-length: %d" % len(body),
            b"connection: close",
            b"",
            body,
        )
    )


_MALFORMED: Final = _closing(Refusal(Code.MALFORMED))
_BUSY: Final = _closing(busy(1))


class Wire(H11Protocol):
    """uvicorn's HTTP/1.1 with our ends and our words."""

    bounds: ClassVar[WireBounds] = WireBounds()
    beneath: asyncio.Transport | None = None
    """What carries the line's own transport, where that is TLS: bytes may wait there too."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: object = None
        self.waits_since = self.loop.time()

    @property
    def _call(self) -> RequestResponseCycle | None:
        """The call under way, or the last one; None before the first, whatever uvicorn's annotation says."""
        return self.cycle

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is done here but waiting for the caller: for its next call, or the rest of this one."""
        call = self._call
        return call is None or call.response_complete or self.conn.their_state is h11.SEND_BODY

    # what uvicorn calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await("header", self.bounds.header)
        if len(self.connections) > self.bounds.lines:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def handle_events(self) -> None:
        """A call whose body came with its header says so."""
        super().handle_events()
        call = self._call
        if call is not None and not call.more_body:
            call.scope["extensions"] = {WHOLE: {}}

    def on_response_complete(self) -> None:
        self.waits_since = self.loop.time()
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._leave()
        self._look()

    def shutdown(self) -> None:
        super().shutdown()
        self._leave()

    def send_400_response(self, msg: str) -> None:
        """MALFORMED, unless an answer has begun: then nothing more can be said. A call under way answers nobody, as
        if its caller had gone."""
        under_way = self._call
        has_begun = False
        if under_way is not None and not under_way.response_complete:
            has_begun = under_way.response_started
            under_way.disconnected = True
            under_way.message_event.set()
        if not has_begun:
            self.transport.write(_MALFORMED)
        self.transport.close()

    # ends

    def _look(self) -> None:
        """Have what is awaited of the caller end."""
        if self._is_answering:
            self._await("answer", self.bounds.answer)
        elif self.conn.their_state is h11.SEND_BODY:
            self._await(self.cycle, self.bounds.body)
        elif self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._await("header", self.bounds.header)
        else:
            self._await(None)

    @property
    def _is_answering(self) -> bool:
        """Whether an answer, or a last word, is not taken yet."""
        call = self._call
        is_begun = call is not None and call.response_started and not call.response_complete
        return is_begun or self.transport.is_closing() or self._unsent > 0

    @property
    def _unsent(self) -> int:
        """Bytes that wait to be taken; some, where that is not known."""
        try:
            own = self.transport.get_write_buffer_size()
        except AttributeError:  # asyncio, of a TLS transport that was closed twice
            own = 1
        return own + (0 if self.beneath is None else self.beneath.get_write_buffer_size())

    def _leave(self) -> None:
        """Of a line that is closed and has nothing more to say the goodbye is not waited for (RFC 8446, 6.1)."""
        if self.transport.is_closing() and self._unsent == 0:
            self.transport.abort()

    def _await(self, what: object, seconds: float = 0) -> None:
        """From now on `what` is awaited, for so long; more of the same gives no more time."""
        if what is self._awaited and what is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._awaited = what
        self._timer = None if what is None else self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        if self._awaited == "answer" and not self._is_answering:
            self._await(None)
            self._look()
        else:
            self.transport.abort()

    def _make_room(self) -> None:
        waiting = [line for line in self.connections if isinstance(line, Wire) and line.is_waiting]
        others = [line for line in waiting if line is not self]
        if others:
            min(others, key=lambda line: line.waits_since).transport.abort()
        else:
            self.transport.write(_BUSY)
            self.transport.close()


def wire(bounds: WireBounds) -> type[Wire]:
    """The protocol with these bounds, as uvicorn wants it: a class."""
    return type("Wire", (Wire,), {"bounds": bounds})
