"""What is no HTTP is answered like anything else that is malformed: with problem details, and the line is closed."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ledger_sync.http.problems import MEDIA_TYPE, encode_problem
from wallet.protocol.codes import Code, Refusal

_BODY: Final = encode_problem(Refusal(Code.MALFORMED))
_ANSWER: Final = b"\r\n".join(
    (
        b"HTTP/1.1 400 Bad Request",
        b"content-type: " + MEDIA_TYPE.encode(),
        b"content-length: %d" % len(_BODY),
        b"connection: close",
        b"",
        _BODY,
    )
)


class Wire(H11Protocol):
    """uvicorn's HTTP/1.1 with our words."""

    def send_400_response(self, msg: str) -> None:
        """MALFORMED, unless an answer has begun: then nothing more can be said. A call under way answers nobody, as
        if its caller had gone."""
        under_way: RequestResponseCycle | None = self.cycle
        has_begun = False
        if under_way is not None and not under_way.response_complete:
            has_begun = under_way.response_started
            under_way.disconnected = True
            under_way.message_event.set()
        if not has_begun:
            self.transport.write(_ANSWER)
        self.transport.close()
