"""Catching up: a notary that starts asks everyone who holds its word, before it gives any.

Rule: a notary that was put back from a backup cannot see that it is older than what it said; those who asked it can. So
after each start it says nothing until every witness (the banks and the central bank) has shown the statements that it
holds, and what is missing here was taken in. The heads that they were shown under are heads that were seen. A witness
that cannot be reached is waited for, unless the operator says to go on without it. What two statements of its own say
against each other is logged, never chosen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ledger_sync.heard import read_page
from ledger_sync.hearing import CENTRAL, PAGES_IN_A_ROUND, Hearing
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.notary.log import Statement
from ledger_sync.notary.store import Store
from ledger_sync.service.process import Flags
from wallet.protocol import codec
from wallet.protocol.bounds import DAY
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.directory import Directory
from wallet.protocol.log import LogHead, check_head
from wallet.protocol.settlement import Consumption

_MAX_HEADS: Final = 64
_LAST: Final = 4_096
"""What a backup lacks is later than the earliest of this many last statements, as their dates go ..."""
_MARGIN: Final = 2 * DAY
"""... by no more than a clock may be ahead (SPEC 5)."""
_log: Final = logging.getLogger(__name__)


class Witness(Protocol):
    """Somebody who keeps the notary's statements."""

    def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
        """A page of the statements that it has kept since ``since`` (unix seconds, by their own dates), after its
        number ``after``, most ``PAGE``; and the number of the last. An empty page is the end.

        Raises ``RemoteRefusal``, ``NoAnswer``.
        """

    def heads(self) -> list[LogHead]:
        """The newest head of each log of this notary's that it has seen. Raises ``RemoteRefusal``, ``NoAnswer``."""


class Line(Protocol):
    """A signed line to one service (ledger_sync.http.client)."""

    def get(self, path: str) -> Cbor: ...


class RemoteWitness:
    """A bank or the central bank, asked over HTTP. What it shows is believed for the notary's own signature only."""

    def __init__(self, line: Line, directory: Callable[[], Directory]) -> None:
        self._line = line
        self._directory = directory

    def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
        answer = self._line.get(f"/v1/consumptions?since={since}&after={after}")
        return read(answer, lambda value: read_page(value, self._directory()))

    def heads(self) -> list[LogHead]:
        """None of one that is older than heads are."""
        try:
            return read(self._line.get("/v1/log/heads"), self._heads)
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
        return []

    def _heads(self, answer: Cbor) -> list[LogHead]:
        heads, _evidence = codec.array(answer, 2)
        shown = [LogHead.from_cbor(value) for value in codec.array(heads, most=_MAX_HEADS)]
        for head in shown:
            check_head(head, self._directory())
        return shown


class CatchingUp(Hearing[Witness]):
    """What is left to hear after this start."""

    def __init__(
        self,
        store: Store,
        witnesses: Mapping[str, Witness],
        heard: Flags | None = None,
        concerns: Callable[[Consumption], bool] = lambda _said: True,
    ) -> None:
        """``concerns``: whether a statement may be this notary's own; witnesses hold those of others too."""
        self._store = store
        self._concerns = concerns
        self._since = max(0, store.earliest_of_last(_LAST) - _MARGIN)
        self._heard_up_to: dict[str, int] = {}
        super().__init__(witnesses, self._take, heard=heard)

    def _take(self, name: str, witness: Witness) -> None:
        """So many pages in a round, and in the next one from there on: whoever has no end keeps no other waiting. BUSY
        where there is more."""
        after = self._heard_up_to.get(name, 0)
        for _ in range(PAGES_IN_A_ROUND):
            number, page = witness.consumptions(self._since, after)
            if not page:
                self._store.see(witness.heads())
                _log.info("a witness has shown all its statements", extra={"peer": name or CENTRAL})
                return
            require(number > after, Code.MALFORMED, witness=name)
            ours = [said for said in page if self._concerns(said.body)]
            self._store.see(_newest_heads(ours))
            if contradicting := self._store.learn(ours):
                facts = {"peer": name or CENTRAL, "count": len(contradicting)}
                _log.error("what a witness holds contradicts what is kept here", extra=facts)
            after = self._heard_up_to[name] = number
        raise Refusal(Code.BUSY, {"witness": name})


def _newest_heads(statements: Sequence[Statement]) -> list[LogHead]:
    """Of each log the newest of those that statements were shown under."""
    heads = [LogHead.of(said) for said in statements if said.leaf is not None]
    return list({head.extent.log: head for head in sorted(heads, key=lambda head: head.extent.size)}.values())
