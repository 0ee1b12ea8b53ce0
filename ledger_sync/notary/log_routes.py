"""The notary's log over HTTP: heads and proofs for all that it serves, all entries for auditors.

Rule: whoever is shown an entry has committed it, has lost a reference to it (and signs a commit or question to say so,
`ledger_sync.notary.service`), or is an auditor of the directory. A bank that signs so untruly follows ids and banks
from one entry to the next (docs/limits.md, Privacy). No entry is shown but under a head that is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from ledger_sync.notary.attestor import Attestor
from ledger_sync.notary.log import Log
from wallet.protocol.bounds import MAX_LOG_LEAVES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.log import Growth, LogHead

PAGE: Final = 128
"""Entries in one answer."""
_PARTNERS: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK})
_AUDITORS: Final = frozenset({CallerKind.AUDITOR})


class LogRoutes:
    """The calls, over a log and whoever signs its heads. ``require_done`` raises where the notary says nothing yet."""

    def __init__(self, log: Log, attestor: Attestor, require_done: Callable[[], None]) -> None:
        self._log = log
        self._attestor = attestor
        self._require_done = require_done

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/v1/log/head",
                _PARTNERS | _AUDITORS,
                self._head,
                "The newest head of the log",
                response="log-head",
            ),
            Route(
                "GET",
                "/v1/log/growth",
                _PARTNERS | _AUDITORS,
                self._growth,
                "How the log grew from ?first= leaves to ?second=",
                response="growth",
                queries=("first", "second"),
            ),
            Route(
                "GET",
                "/v1/log/inclusion",
                _PARTNERS | _AUDITORS,
                self._inclusion,
                "That leaf ?index= is among the first ?size=",
                response="[size, index, [* hash]]",
                queries=("index", "size"),
            ),
            Route(
                "GET",
                "/v1/log/entries",
                _AUDITORS,
                self._entries,
                "Entries from ?begin= to before ?end=, 128 at most",
                response="[* [entry bstr, commit bstr, consumption / null]]",
                queries=("begin", "end"),
            ),
        )

    def _head(self, _incoming: IncomingCall) -> Cbor:
        self._require_done()
        return self._attestor.head().to_cbor()

    def _growth(self, incoming: IncomingCall) -> Cbor:
        first, second = (incoming.number(name, MAX_LOG_LEAVES) for name in ("first", "second"))
        require(1 <= first <= second <= self._said().extent.size, Code.NOT_FOUND)
        return Growth(self._log.root(first), first, second, self._log.consistency(first, second)).to_cbor()

    def _inclusion(self, incoming: IncomingCall) -> Cbor:
        index, size = (incoming.number(name, MAX_LOG_LEAVES) for name in ("index", "size"))
        require(index < size <= self._said().extent.size, Code.NOT_FOUND)
        return [size, index, list(self._log.inclusions([index], size)[0])]

    def _entries(self, incoming: IncomingCall) -> Cbor:
        begin, end = (incoming.number(name, MAX_LOG_LEAVES) for name in ("begin", "end"))
        require(begin <= end <= self._said().extent.size, Code.NOT_FOUND)
        return [
            [entry.payload, entry.proof, None if entry.statement is None else entry.statement.to_cbor()]
            for entry in self._log.entries(begin, min(end, begin + PAGE))
        ]

    def _said(self) -> LogHead:
        self._require_done()
        return self._attestor.head()
