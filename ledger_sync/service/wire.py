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
from urllib.parse import unquote

import h11
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ledger_sync.http.problems import AFTER, MEDIA_TYPE, busy, encode_problem, status_of
from ledger_sync.service.server import WHOLE
from ledger_sync.service.usual import Head, UsualCycle, read_head
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
        self._left = 0
        """Bytes of a body that h11 does not wait for."""
        self._early = b""
        """What came behind such a call, before its answer."""
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
        return call is None or call.response_complete or self._is_sending

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
        if self._left:
            self._take_body(data)
        elif self._is_at_a_beginning and (head := read_head(data)) is not None:
            self._begin(head, data)
        elif isinstance(self.cycle, UsualCycle) and not self.cycle.response_complete:
            self._early += data
            self.flow.pause_reading()
        else:
            super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self.waits_since = self.loop.time()
        super().on_response_complete()
        early, self._early = self._early, b""
        if early and not self.transport.is_closing():
            self.data_received(early)
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

    # calls that h11 need not see

    @property
    def _is_between_calls(self) -> bool:
        """Whether the next thing that comes is a header, or the rest of one."""
        call = self._call
        return self.conn.their_state is h11.IDLE and (call is None or call.response_complete)

    @property
    def _is_at_a_beginning(self) -> bool:
        """Whether nothing of the next call is there."""
        return self._is_between_calls and self.conn.our_state is h11.IDLE and not self.conn.trailing_data[0]

    def _begin(self, head: Head, data: bytes) -> None:
        self._unset_keepalive_if_required()
        path, _, query = head.target.partition(b"?")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": head.method.decode("ascii"),
            "root_path": self.root_path,
            "path": self.root_path + unquote(path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + path,
            "query_string": query,
            "headers": head.fields,
            "state": self.app_state.copy(),
            "extensions": {WHOLE: {}} if len(data) == head.length + head.size else {},
        }
        self.cycle = UsualCycle(
            self.scope,
            self.conn,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.on_response_complete,
        )
        self._left = head.size
        self._take_body(data[head.length :])
        task = self.loop.create_task(self.cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _take_body(self, data: bytes) -> None:
        """Of a call that is answered already it is read all the same, and nobody hears of it."""
        call, part, more = self.cycle, data[: self._left], data[self._left :]
        self._unset_keepalive_if_required()
        self._left -= len(part)
        if not call.response_complete:
            call.body += part
            call.more_body = self._left > 0
            call.message_event.set()
            if len(call.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
        if more:
            self.data_received(more)

    # ends

    def _look(self) -> None:
        """Have what is awaited of the caller end."""
        if self._is_answering:
            self._await("answer", self.bounds.answer)
        elif self._is_sending:
            self._await(self.cycle, self.bounds.body)
        elif self._is_between_calls and self.timeout_keep_alive_task is None:
            self._await("header", self.bounds.header)
        else:
            self._await(None)

    @property
    def _is_sending(self) -> bool:
        """Whether the rest of a call's body is to come."""
        return self._left > 0 or self.conn.their_state is h11.SEND_BODY

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
