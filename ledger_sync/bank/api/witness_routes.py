"""The calls by which others hear from a bank what they once said or did, after they were put back from a backup.

Rule: the notary gets its own statements, the central bank what it did for this bank, another bank what was passed on to
it; nobody gets anything that was not its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.bank.accounts.caused import KINDS
from ledger_sync.bank.api.node import Node
from ledger_sync.bank.ports.caused import LOST, Noted
from ledger_sync.heard import PAGE
from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from wallet.protocol import codec
from wallet.protocol.bounds import ID_BYTES, MAX_SEQUENCE
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require

_MANY: Final = 32_768
"""Bytes of a page of causes."""
_FEW: Final = 64
_MAX_NUMBER: Final = 2**53


class WitnessCalls:
    """Handlers of these routes. ``poke`` wakes the workers after calls that leave them something to do."""

    def __init__(self, node: Node, poke: Callable[[], None]) -> None:
        self._node = node
        self._poke = poke

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/v1/consumptions",
                frozenset({CallerKind.NOTARY}),
                self._consumptions,
                "The notary's own statements, dated ?since= or later, that came after number ?after=",
                "[number, [*256 consumption]]",
                queries=("since", "after"),
            ),
            Route(
                "GET",
                "/v1/caused",
                frozenset({CallerKind.CENTRAL_BANK}),
                self._caused,
                "What this bank caused at the central bank, booked ?since= or later, after number ?after=",
                "[last movement followed, number, [*256 [kind tstr, cause bstr, issuance / null]]]; with ?lost=1 also"
                " ['lost', claim, uint] for each claim that this bank has paid so much for",
                queries=("since", "after", "lost"),
            ),
            Route(
                "POST",
                "/v1/caused/again",
                frozenset({CallerKind.CENTRAL_BANK}),
                self._cause_again,
                "Ask the central bank again for what it has forgotten, and for what it revoked after a policy version",
                "[]",
                "[[*256 [kind, cause]], policy version]",
                _MANY,
            ),
            Route(
                "POST",
                "/v1/relays/again",
                frozenset({CallerKind.BANK}),
                self._relay_again,
                "Pass on to the calling bank once more what was passed on to it since a time",
                "[how many]",
                "[unix seconds]",
                _FEW,
            ),
        )

    def _consumptions(self, incoming: IncomingCall) -> Cbor:
        number, page = self._node.objects.statements.heard(
            incoming.number("since", _MAX_NUMBER), incoming.number("after", _MAX_NUMBER)
        )
        return [number, [statement.to_cbor() for statement in page]]

    def _caused(self, incoming: IncomingCall) -> Cbor:
        page = self._node.caused.since(
            incoming.number("since", _MAX_NUMBER),
            incoming.number("after", _MAX_NUMBER),
            with_lost=bool(incoming.number("lost", 1)),
        )
        acts: list[Cbor] = [[act.kind, act.cause, _came_of(act)] for act in page]
        return [self._node.movements.seen, page[-1].number if page else 0, acts]

    def _cause_again(self, incoming: IncomingCall) -> Cbor:
        listed, policy = codec.array(incoming.value, 2)
        causes = []
        for value in codec.array(listed, most=PAGE):
            kind, cause = codec.array(value, 2)
            require(kind in KINDS, Code.MALFORMED)
            causes.append((str(kind), codec.octets(cause, most=ID_BYTES)))
        self._node.caused.ask_again(causes, codec.uint(policy, MAX_SEQUENCE))
        self._poke()
        return []

    def _relay_again(self, incoming: IncomingCall) -> Cbor:
        (since,) = codec.array(incoming.value, 1)
        try:
            return [self._node.passing_on_again.open(incoming.caller.name, codec.moment(since))]
        finally:
            self._poke()


def _came_of(act: Noted) -> Cbor:
    if act.kind == LOST:
        return act.lost
    return None if act.issuance is None else act.issuance.to_cbor()
