"""What a service goes by: the central bank's directory and policy, kept on disk and refreshed in the background.

Rule: only the pinned root makes a directory good, and only its policy keys a policy. What was once taken is kept
in its signed form, so that a bank can pass it on to wallets.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.http.reading import form_for
from ledger_sync.http.routes import Caller, CallerKind, Encoded
from wallet.database import Schema, connect, transaction
from wallet.protocol import codec, cose
from wallet.protocol.bundle import MAX_PROOF_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, DirectoryBody, Role, parse_directory
from wallet.protocol.handover import Handover, Published, followed
from wallet.protocol.keys import p256
from wallet.protocol.policy import NO_HEAD, Baseline, Policy, PolicyDelta, PolicyHead, PolicyUpdate

MAX_DELTAS_ONLINE: Final = 256
"""Deltas in one answer to GET /v1/policy; the head is left out where more follow."""

DIRECTORY_SECONDS: Final = 3_600
"""Between two questions for a newer directory."""

_log: Final = logging.getLogger(__name__)
_ARRAY: Final = 4 << 5
SCHEMA: Final = Schema("ledger_sync.service", "migrations/trust")


class Reader(Protocol):
    """As much of a `ServiceClient` as is needed to ask the central bank."""

    def get(self, path: str) -> Cbor: ...


def principal(directory: Directory, key: bytes, now: int) -> Caller | None:
    """The bank, central bank or notary whose key this is at `now`: banks and the notary sign with a directory key,
    the central bank with its redemption key."""
    sender = p256(key)
    if sender in directory.keys(Role.REDEMPTION, now):
        return Caller(CallerKind.CENTRAL_BANK, "", key)
    if sender in directory.keys(Role.NOTARY, now):
        return Caller(CallerKind.NOTARY, "", key)
    for bank in directory.banks:
        if any(entry.key == sender and entry.good_at(now) for entry in bank.keys):
            return Caller(CallerKind.BANK, bank.id, key)
    return None


class PolicyCache:
    """The directory and policy that a service holds. Safe to share between threads."""

    def __init__(
        self,
        path: Path | str,
        root: bytes,
        central_bank: Reader,
        hear: Callable[[int], None] = lambda _time: None,
    ) -> None:
        """``hear`` takes the time of each head that the central bank has given just now."""
        self._hear = hear
        self._pinned = self._root = root
        self._central_bank = central_bank
        self._lock = threading.Lock()
        self._db = connect(path, SCHEMA, shared=True)
        self._asked = 0
        self._forms: tuple[Signed[DirectoryBody], ...] = ()
        self._handovers: tuple[Handover, ...] = ()
        self._is_directory_due = True
        self._directory_asked = 0
        self._head: Signed[PolicyHead] | None = None
        self._deltas: list[Signed[PolicyDelta]] = []
        self._raws: list[bytes] = []
        self._raw_head: bytes | None = None
        self._base_version = 0
        self._raw_base: bytes | None = None
        self._reached: Policy | None = None
        self._load()

    @property
    def is_ready(self) -> bool:
        return self._reached is not None and self._head is not None

    @property
    def policy(self) -> Policy:
        """The newest policy known here, its directory included. BUSY before the first was fetched."""
        reached = self._reached
        if reached is None or self._head is None:
            raise Refusal(Code.BUSY)
        return reached

    @property
    def directory(self) -> Directory:
        """The directory with all key changes known here. BUSY before the first was fetched."""
        return self.policy.directory

    def directory_for(self, reads: frozenset[str]) -> Signed[DirectoryBody]:
        """The directory as the root signed it, in the newest form that the caller reads. BUSY before the first was
        fetched, READER_OUTDATED."""
        return form_for(self.published().forms, reads)

    def published(self) -> Published:
        """The directory in all its forms, and how the roots have handed over. BUSY before the first was fetched."""
        if not self._forms:
            raise Refusal(Code.BUSY)
        return Published(self._forms, self._handovers)

    def update_since(self, version: int) -> PolicyUpdate:
        """What someone who holds `version` lacks, as GET /v1/policy gives it."""
        with self._lock:
            later = self._deltas[version : version + MAX_DELTAS_ONLINE]
            is_last = version + len(later) >= len(self._deltas)
            return PolicyUpdate(self._head if is_last else None, tuple(later))

    def encoded_since(self, version: int) -> Encoded:
        """`update_since` as it travels, put together from what is kept in its signed form."""
        with self._lock:
            later = self._raws[version : version + MAX_DELTAS_ONLINE]
            is_last = version + len(later) >= len(self._raws)
            return update_of(self._raw_head if is_last else None, later)

    def base(self) -> Encoded:
        """The central bank's newest base known here. NOT_FOUND before there is one."""
        raw = self._raw_base
        if raw is None:
            raise Refusal(Code.NOT_FOUND)
        return Encoded(raw)

    def _follow_base(self) -> None:
        """Ask for a newer base where one may be had; without it, wallets begin with the one held."""
        if not self._forms or len(self._deltas) - self._base_version < MAX_DELTAS_ONLINE // 2:
            return
        with contextlib.suppress(Refusal):
            baseline = read(self._central_bank.get("/v1/base"), Baseline.from_cbor)
            version = baseline.policy(self._signed_alone()).version
            raw = codec.encode(baseline.to_cbor())
            with self._lock:
                self._db.execute(
                    "insert or replace into base (one, version, raw) values (1, ?, ?)", (version, raw)
                )
                self._base_version, self._raw_base = version, raw

    def identify(self, key: bytes, now: int) -> Caller | None:
        """The bank, central bank or notary behind a key, or None. BUSY before the first directory was fetched."""
        return principal(self.directory, key, now)

    def refresh(self) -> None:
        """Ask the central bank for what is newer. Raises `Refusal`: UNREACHABLE, or what is wrong with the answer."""
        if self._is_directory_due:
            self._try_directory()
        while True:
            held = len(self._deltas)
            answer = self._central_bank.get(f"/v1/policy?since={held}")
            update = read(answer, lambda value: PolicyUpdate.from_cbor(value, most=MAX_DELTAS_ONLINE))
            self._take_update(update)
            if update.head is not None:
                self._hear(update.head.body.time)
                self._follow_base()
                return
            if len(self._deltas) == held:
                raise Refusal(Code.POLICY_GAP, {"have": held})

    def keep_fresh(self, now: int, seconds: int) -> None:
        """`refresh` unless that was done in the last `seconds`: the step of a background worker."""
        if not self._directory_asked <= now < self._directory_asked + DIRECTORY_SECONDS:
            self._is_directory_due, self._directory_asked = True, now
        if not self.is_ready or not self._asked <= now < self._asked + seconds:
            self.refresh()
            self._asked = now

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _try_directory(self) -> None:
        """A directory that can't be followed is asked for again, and keeps nobody from what the policy revokes."""
        try:
            self._follow_directory()
        except Refusal as refusal:
            if not self._forms:
                raise
            _log.error("the directory: %s", refusal)
        else:
            self._is_directory_due = False

    def _follow_directory(self) -> None:
        """Take the directory that the central bank gives, if it is newer or has come in a form that is not held."""
        given = read(self._ask_directory(), Published.from_cbor)
        roots = [self._root, *(root for root, _ in followed(given.handovers, self._root))]
        directory = Directory.of(given.forms[0], roots[-1])
        held = self._forms[0].body if self._forms else None
        if held is not None and (held.version, held.KIND.version) >= (
            directory.version,
            given.forms[0].body.KIND.version,
        ):
            return
        earlier = [form for form in given.forms[1:] if any(_is_of(form, root) for root in roots)]
        self._keep_directory(Published((given.forms[0], *earlier), given.handovers), roots[-1])

    def _ask_directory(self) -> Cbor:
        """Of a central bank that has only the first form: that."""
        try:
            return self._central_bank.get("/v1/directories")
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
        return [[self._central_bank.get("/v1/directory")], []]

    def _keep_directory(self, given: Published, root: bytes) -> None:
        reached = _nothing_but(Directory.of(given.forms[0], root))
        with self._lock:
            reached = reached.apply(PolicyUpdate(self._head, tuple(self._deltas)))
            with transaction(self._db):
                self._db.execute("delete from forms")
                self._db.executemany(
                    "insert into forms (place, raw) values (?, ?)",
                    [(place, form.encode()) for place, form in enumerate(given.forms)],
                )
                self._db.executemany(
                    "insert or replace into handovers (version, raw) values (?, ?)",
                    [(item.version, codec.encode(item.to_cbor())) for item in given.handovers],
                )
            self._forms, self._handovers, self._root, self._reached = (
                given.forms,
                given.handovers,
                root,
                reached,
            )

    def _signed_alone(self) -> Directory:
        """The directory as the root signed it, without the changes of later policies."""
        return Directory.of(self._forms[0], self._root)

    def _take_update(self, update: PolicyUpdate) -> None:
        with self._lock:
            if self._reached is None:
                raise Refusal(Code.BUSY)
            reached = self._reached.apply(update)
            fresh = [delta for delta in update.deltas if delta.body.version > len(self._deltas)]
            with transaction(self._db):
                rows = [(delta.body.version, delta.encode()) for delta in fresh]
                self._db.executemany("insert into deltas (version, raw) values (?, ?)", rows)
                if update.head is not None:
                    self._db.execute(
                        "insert or replace into head (one, raw) values (1, ?)", (update.head.encode(),)
                    )
            self._reached = reached
            self._deltas += fresh
            self._raws += [raw for _, raw in rows]
            self._head = update.head or self._head
            self._raw_head = None if self._head is None else self._head.encode()

    def _load(self) -> None:
        for (raw,) in self._db.execute("select raw from deltas order by version"):
            self._deltas.append(cose.parse(PolicyDelta, raw))
            self._raws.append(raw)
        for (raw,) in self._db.execute("select raw from head"):
            self._head, self._raw_head = cose.parse(PolicyHead, raw), raw
        for version, raw in self._db.execute("select version, raw from base"):
            self._base_version, self._raw_base = version, raw
        raws = self._db.execute("select raw from forms order by place").fetchall()
        raws = raws or self._db.execute("select raw from directory").fetchall()
        self._forms = tuple(parse_directory(raw) for (raw,) in raws)
        self._handovers = tuple(
            Handover.from_cbor(codec.decode(raw, MAX_PROOF_BYTES))
            for (raw,) in self._db.execute("select raw from handovers order by version")
        )
        if self._forms:
            self._root = [self._pinned, *(root for root, _ in followed(self._handovers, self._pinned))][-1]
            start = _nothing_but(self._signed_alone())
            self._reached = start.apply(PolicyUpdate(self._head, tuple(self._deltas)))


def _is_of(form: Signed[DirectoryBody], root: bytes) -> bool:
    """Whether the root signed it, as its own."""
    try:
        Directory.of(form, root)
    except Refusal:
        return False
    return True


def update_of(head: bytes | None, deltas: Sequence[bytes]) -> Encoded:
    """A `PolicyUpdate` out of its signed parts as they are kept: nothing is read or encoded again."""
    return Encoded(b"".join((_array(2), head or codec.encode(None), _array(len(deltas)), *deltas)))


def _array(size: int) -> bytes:
    """The head of a CBOR array: that of an unsigned integer, of major type 4."""
    first, *rest = codec.encode(size)
    return bytes([first | _ARRAY, *rest])


def _nothing_but(directory: Directory) -> Policy:
    """Where a policy begins: a head older than any that is signed, which nobody gets to see."""
    return Policy(directory, 0, NO_HEAD)
