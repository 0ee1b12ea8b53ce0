"""The notary's log over HTTP: heads and proofs for all that it serves, entries for whom they concern.

Rule: whoever is shown an entry has committed it, has lost a reference to it (and signs the commit again to say so), or
is an auditor of the directory. A bank that signs so untruly follows ids and banks from one entry to the next
(docs/limits.md, Privacy). No entry is shown but under a head that is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from ledger_sync.notary.attestor import Attestor
from ledger_sync.notary.log import Entry, Log
from ledger_sync.notary.store import CommitItem
from wallet.protocol import codec
from wallet.protocol.batch import Group
from wallet.protocol.bounds import MAX_LOG_LEAVES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.leaf import Path
from wallet.protocol.log import Growth, LogHead
from wallet.protocol.settlement import Consumption2

PAGE: Final = 128
"""Entries in one answer."""
MAX_OPENED: Final = 512
"""References in one call: to each there may be an entry of its own, with its path."""
_PARTNERS: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK})
_AUDITORS: Final = frozenset({CallerKind.AUDITOR})


class LogRoutes:
    """The calls, over a log and whoever signs its heads. ``signed`` reads the commits of a call, ``require_done``
    raises where the notary says nothing yet."""

    def __init__(
        self,
        log: Log,
        attestor: Attestor,
        signed: Callable[[IncomingCall], Sequence[CommitItem]],
        require_done: Callable[[], None],
    ) -> None:
        self._log = log
        self._attestor = attestor
        self._signed = signed
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
                "POST",
                "/v1/log/openings",
                _PARTNERS,
                self._openings,
                "The entries by which the references of commits were consumed; nothing is consumed",
                response="[* [* consumption]]: per commit the entries (qnc2) under the newest head",
                request="[1*256 commit / leaf]: 256 commits and 512 references at most",
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

    def _openings(self, incoming: IncomingCall) -> Cbor:
        items = self._signed(incoming)
        refs = [ref for item in items for ref in item.refs]
        require(len(refs) <= MAX_OPENED, Code.TOO_MANY, count=len(refs), limit=MAX_OPENED)  # 8.1.5
        if not any(self._attestor.lookup(refs)):
            return [[] for _ in items]
        head = self._attestor.head()
        opened = self._log.openings(refs).items()
        found = {ref: entry for ref, entry in opened if entry.index < head.extent.size}
        shown = self._shown(list({entry.index: entry for entry in found.values()}.values()), head)
        return [
            [
                shown[index].to_cbor()
                for index in sorted({found[ref].index for ref in item.refs if ref in found})
            ]
            for item in items
        ]

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

    def _shown(self, entries: Sequence[Entry], head: LogHead) -> dict[int, Signed[Consumption2]]:
        """Entries as they are shown under a head that is over them, by their index."""
        size = head.extent.size
        paths = self._log.inclusions([entry.index for entry in entries], size)
        shown = {}
        for entry, hashes in zip(entries, paths, strict=True):
            body = codec.read(entry.payload, Consumption2.KIND.most, Consumption2.from_cbor)
            path = Path(size, entry.index, hashes)
            (shown[entry.index],) = Group.of([body]).signed(head.extent, path, head.signature)
        return shown
