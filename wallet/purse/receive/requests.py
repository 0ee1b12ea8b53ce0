"""What this wallet asks for: its open requests, and asking for one no more.

Rule: an open request with a nonce holds room under the balance limit until it is answered, expires or is cancelled, so
whoever is refused for the limit can see what holds it. A cancelled one stays signed: who has seen it can pay it, and
what comes is judged like any other payment, by the room that there is then.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.purse.commitments import IS_CANCELLED, IS_OPEN
from wallet.purse.purse import Purse
from wallet.purse.turns import one_at_a_time


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """``ref`` 16 bytes; ``at`` when it was made, unix seconds; ``is_printed``: it can be paid any number of times, and
    holds no room."""

    ref: bytes
    request: Signed[Request]
    at: int
    is_printed: bool


@one_at_a_time
class Requests:
    """The open requests of a purse."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def open(self) -> tuple[OpenRequest, ...]:
        """Requests of this wallet that can still be paid, the newest first: with a nonce and not answered, or
        printed."""
        now = self._purse.now()
        rows = self._purse.store.rows(
            f"SELECT ref, at, use FROM request WHERE ({IS_OPEN}) OR (side = 'ours' AND use = 'printed'"
            f" AND expires >= ? AND NOT {IS_CANCELLED}) ORDER BY at DESC, ref",
            now,
            now,
        )
        found = ((row, self._purse.objects.request(row["ref"])) for row in rows)
        return tuple(
            OpenRequest(row["ref"], request, row["at"], row["use"] == "printed")
            for row, request in found
            if request is not None
        )

    def held(self) -> int:
        """Tiyn of room that open requests hold."""
        return sum(item.request.body.amount for item in self.open() if not item.is_printed)

    def cancel(self, ref: bytes) -> None:
        """Ask for it no more; again is success. REQUEST_UNKNOWN if it is none of ours."""
        store = self._purse.store
        ours = store.value("SELECT 1 FROM request WHERE ref = ? AND side = 'ours'", ref)
        require(ours is not None, Code.REQUEST_UNKNOWN)
        with store.transaction():
            store.insert_new("cancelled", request=ref, at=self._purse.now())
