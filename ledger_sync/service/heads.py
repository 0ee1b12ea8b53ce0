"""The heads of the notary's log that a service has seen: what it says to one is what it says to all, or is evidence.

Rule: of each log the newest head is kept that continues those before. One that comes from anybody, the notary, a peer
or a wallet, or that a statement was shown under, is checked for the notary's signature and compared with that; how the
log grew from one to the other only the notary can say, and what it says is believed for its hashes alone. Two heads
that do not fit are kept for ever as evidence, one piece of what it is about, which every peer is shown and checks for
itself. That the notary does not answer proves nothing, also where a log has ended, and keeps nobody from hearing of
another.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from ledger_sync.database.store import Kind, Store
from ledger_sync.http.peers import NoAnswer, read
from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from wallet.database import Schema
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.directory import Directory
from wallet.protocol.log import Growth, LogHead, check_head, ends, leads
from wallet.protocol.merkle import each_way_once
from wallet.protocol.notary_evidence import (
    NotaryEvidence,
    TwoConsumers,
    TwoHistories,
    parse_notary_evidence,
    read_notary_evidence,
)
from wallet.protocol.settlement import Consumption, check_consumption, read_consumption
from wallet.protocol.transfer import TokenRef

SCHEMA: Final = Schema("ledger_sync.service", "migrations/heads")
KIND: Final = Kind("heads", SCHEMA)
FILE: Final = "heads.db"
ROOM: Final = "notary"
"""Whom whoever brings a head has to wait for."""
MAX_HEADS: Final = 64
"""Logs of which a head is shown, and pieces of evidence that are kept. Each is signed by the notary."""
MAX_BROUGHT: Final = 4
_MAX_BYTES: Final = 4_096
_SHOWN: Final = frozenset(
    {CallerKind.BANK, CallerKind.CENTRAL_BANK, CallerKind.NOTARY, CallerKind.CUSTOMER, CallerKind.AUDITOR}
)
_BRINGING: Final = frozenset({CallerKind.BANK, CallerKind.CENTRAL_BANK, CallerKind.CUSTOMER})
_log: Final = logging.getLogger(__name__)


class Peer(Protocol):
    """A signed line to one service (ledger_sync.http.client)."""

    def get(self, path: str) -> Cbor: ...


class Notary(Peer, Protocol):
    """The same to a notary."""

    def post(self, path: str, value: Cbor) -> Cbor: ...


class Heads:
    """The heads that were seen, upon one store. Safe to share between threads and processes."""

    def __init__(
        self,
        store: Store,
        notaries: Sequence[Notary],
        peers: Mapping[str, Peer],
        directory: Callable[[], Directory],
    ) -> None:
        self._store = store
        self._notaries = notaries
        self._peers = peers
        self._directory = directory
        self._asked = 0
        self._noting = threading.Lock()
        self._noted: dict[LogHead, TokenRef | None] = {}
        """With a reference that its last entry is about, if that was shown."""

    def kept(self) -> list[LogHead]:
        """The newest head of each log."""
        rows = self._store.rows("select head from heads order by log limit ?", (MAX_HEADS,))
        return [_read(raw) for (raw,) in rows]

    def evidence(self) -> list[NotaryEvidence]:
        """What the notary has said that can't both be true, up to `MAX_HEADS` pieces."""
        rows = self._store.rows("select evidence from evidence order by digest limit ?", (MAX_HEADS,))
        return [parse_notary_evidence(raw) for (raw,) in rows]

    def take(self, head: LogHead) -> None:
        """Compare a head with what is kept, and keep what is newer.

        ``Refusal``: NOTARY_SIGNATURE; LOG_UNPROVED, ``RemoteRefusal``, ``NoAnswer`` (the notary does not say how they
        fit: nothing is kept, and it may be brought again).
        """
        check_head(head, self._directory())
        while not self._compared(self._of_log(head.extent.log), head):
            pass  # another was kept meanwhile

    def take_evidence(self, shown: NotaryEvidence) -> None:
        """Keep evidence that somebody shows. NOTARY_SIGNATURE, EVIDENCE_INVALID."""
        self._keep_evidence(shown)

    def note(self, statements: Iterable[Signed[Consumption]]) -> None:
        """The notary showed these, checked: the heads that they are under are taken in the next `take_noted`; of very
        many the last `MAX_HEADS`, since each is a question to the notary."""
        follow, found = each_way_once(), dict[LogHead, TokenRef | None]()
        for said in statements:
            if said.leaf is not None:
                head = LogHead.of(said, follow)
                is_last = said.leaf.path.index + 1 == head.extent.size
                found[head] = said.body.refs[0] if is_last else found.get(head)
        with self._noting:
            for head, last in found.items():
                self._noted[head] = last or self._noted.get(head)
            for head in list(self._noted)[:-MAX_HEADS]:
                del self._noted[head]

    def take_noted(self) -> None:
        """Take the heads that were noted: together those that are shown to begin one that is taken, the others one by
        one, the oldest first. Those stay noted for which no answer comes now; where one comes that leads nowhere, as of
        a log that has ended, no other will."""
        with self._noting:
            noted = dict(
                sorted(self._noted.items(), key=lambda one: (one[0].extent.time, one[0].extent.size))
            )
        silent = set()
        begun = self._taken_together({head: last for head, last in noted.items() if last is not None})
        for head in noted:
            if head.extent.log in silent:
                continue
            try:
                if head not in begun:
                    self._take_brought(head)
            except Refusal as refusal:
                _unheard("notary", refusal)
                if isinstance(refusal, NoAnswer) or refusal.code is Code.BUSY:
                    silent.add(head.extent.log)
                    continue
            with self._noting:
                self._noted.pop(head, None)

    def _taken_together(self, lasts: Mapping[LogHead, TokenRef]) -> set[LogHead]:
        """Those of these heads that begin the log as it is now: asked at once what it says of the last entry of each,
        the notary shows that under its newest head, which is taken. None where that is not so."""
        begun: set[LogHead] = set()
        for notary in self._notaries if len(lasts) > 1 else ():
            left = [head for head in lasts if head not in begun]
            try:
                shown = self._shown_now(notary, [lasts[head] for head in left])
                for newest in dict.fromkeys(LogHead.of(said) for said in shown if said is not None):
                    self._take_brought(newest)
                pairs = zip(left, shown, strict=True)
                begun.update(head for head, said in pairs if said is not None and ends(head, said))
            except Refusal as refusal:
                _unheard("notary", refusal)
        return begun

    def _shown_now(self, notary: Notary, refs: Sequence[TokenRef]) -> Sequence[Signed[Consumption] | None]:
        """What a notary shows now of each, checked; None where it shows nothing, or not in its log."""
        answer = notary.post("/v1/lookups", [ref.to_cbor() for ref in refs])
        directory, is_head = self._directory(), each_head_once()

        def checked(value: Cbor) -> Signed[Consumption] | None:
            if value is None:
                return None
            said = read_consumption(value)
            check_consumption(said, directory, is_head)
            return None if said.leaf is None else said

        return read(answer, lambda values: [checked(value) for value in codec.array(values, len(refs))])

    def keep_fresh(self, now: int, seconds: int) -> None:
        """`round` unless that was done in the last ``seconds``: the step of a background worker."""
        if not self._asked <= now < self._asked + seconds:
            self.round()
            self._asked = now

    def round(self) -> None:
        """Ask the notary for its newest head, and each peer for what it has seen. Whoever does not answer is asked in
        the next round."""
        self._take_newest()
        for name, peer in self._peers.items():
            self._hear(name, lambda name=name, peer=peer: self._take_all(name, peer.get("/v1/log/heads")))  # type: ignore[misc]

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/v1/log/heads",
                _SHOWN,
                self._show,
                "The newest head of each of the notary's logs that was seen here, and evidence against the notary",
                "[[*64 log-head], [*64 notary-evidence]]",
            ),
            Route(
                "POST",
                "/v1/log/heads",
                _BRINGING,
                self._bring,
                "Compare heads of the notary's log that were seen elsewhere",
                "[how many pieces of evidence there are now]",
                "[1*4 log-head]",
                _MAX_BYTES,
                room=ROOM,
            ),
        )

    def close(self) -> None:
        self._store.close()

    def _show(self, _incoming: IncomingCall) -> Cbor:
        return [[head.to_cbor() for head in self.kept()], [found.to_cbor() for found in self.evidence()]]

    def _bring(self, incoming: IncomingCall) -> Cbor:
        refusals = self._take_each(codec.array(incoming.value, least=1, most=MAX_BROUGHT))
        if refusals:
            raise refusals[0]
        return [len(self.evidence())]

    def _take_all(self, name: str, answer: Cbor) -> None:
        heads, evidence = read(answer, lambda value: codec.array(value, 2))
        for value in codec.array(evidence, most=MAX_HEADS):
            self._hear(name, lambda value=value: self.take_evidence(read_notary_evidence(value)))  # type: ignore[misc]
        for refusal in self._take_each(codec.array(heads, most=MAX_HEADS)):
            _unheard(name, refusal)

    def _take_each(self, values: Iterable[Cbor]) -> list[Refusal]:
        """Take each head; what was against some of them. A notary that cannot be reached is asked no more."""
        refusals = []
        for value in values:
            try:
                self._take_brought(LogHead.from_cbor(value))
            except Refusal as refusal:
                refusals.append(refusal)
                if refusal.code is Code.UNREACHABLE:
                    break
        return refusals

    def _take_newest(self) -> None:
        """Of each notary."""
        for notary in self._notaries:
            self._hear("notary", partial(self._take_head_of, notary))

    def _take_head_of(self, notary: Peer) -> None:
        self.take(read(notary.get("/v1/log/head"), LogHead.from_cbor))

    def _take_brought(self, head: LogHead) -> None:
        """What does not lead to a head, since it is newer than what is kept, does so from the notary's newest, which it
        is the beginning of, or which accuses."""
        try:
            self.take(head)
        except Refusal as refusal:
            if refusal.code is not Code.LOG_UNPROVED:
                raise
            self._take_newest()
            self.take(head)

    def _hear(self, name: str, take: Callable[[], None]) -> None:
        try:
            take()
        except Refusal as refusal:
            _unheard(name, refusal)

    def _growth(self, one: LogHead, other: LogHead) -> Growth | None:
        """What the notary whose log it is answers: where there are several, the one whose answer leads there."""
        older, newer = sorted((one, other), key=lambda head: head.extent.size)
        first, second = older.extent.size, newer.extent.size
        if first == second:
            return None
        growth, refusals = None, []
        for notary in self._notaries:
            try:
                query = f"first={first}&second={second}"
                growth = read(notary.get(f"/v1/log/growth?{query}"), Growth.from_cbor)
                if leads(older, newer, growth):
                    return growth
            except Refusal as refusal:
                refusals.append(refusal)
        if refusals:
            raise refusals[0]
        return growth

    def _of_log(self, log: int | None) -> bytes | None:
        raw: bytes | None = self._store.value("select head from heads where log = ?", (log,))
        return raw

    def _compared(self, kept: bytes | None, head: LogHead) -> bool:
        """Keep what follows from a head and the one that is kept, unless that is another by now: then False."""
        extent, raw = head.extent, codec.encode(head.to_cbor())
        if kept is None:
            return self._store.insert("heads", log=extent.log, size=extent.size, head=raw)
        before = _read(kept)
        if (before.extent.size, before.root) == (extent.size, head.root):
            return True
        against = TwoHistories.of(before, head, self._growth(before, head))
        if against is not None:
            self._keep_evidence(against)
            return True
        replaced = "update heads set size = ?, head = ? where log = ? and head = ?"
        return extent.size < before.extent.size or bool(
            self._store.run(replaced, (extent.size, raw, extent.log, kept))
        )

    def _keep_evidence(self, found: NotaryEvidence) -> None:
        """Unless there is one about the same: a log, or a token."""
        about = found.check(self._directory())
        subject = about if isinstance(found, TwoConsumers) else about[:1]
        digest = hashlib.sha256(codec.encode([int(found.kind), *subject])).digest()
        raw = codec.encode(found.to_cbor())
        with self._store.transaction():
            has_room = self._store.value("select count(*) from evidence") < MAX_HEADS
            is_new = has_room and self._store.insert("evidence", digest=digest, evidence=raw)
        if is_new:
            _log.error("evidence against the notary", extra={"kind": type(found).__name__})


def _unheard(name: str, refusal: Refusal) -> None:
    _log.info("the notary's heads are not heard", extra={"peer": name, "code": refusal.code.value})


def _read(raw: bytes) -> LogHead:
    return LogHead.from_cbor(codec.decode(raw, MAX_OBJECT_BYTES))
