"""What a service goes by: the central bank's directory and policy, kept in a store and refreshed in the background.

Rule: only the pinned root makes a directory good, and only its policy keys a policy. What was once taken is kept
in its signed form, so that a bank can pass it on to wallets; of deltas as many as are not further below the newest base
than one answer reaches, and who holds less begins with the base. Of several processes over one file each takes what
another has stored before it answers for less than that, and none puts back anything older.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ledger_sync.database.store import Store
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.http.reading import form_for
from ledger_sync.http.routes import Caller, CallerKind, Encoded
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE, USUAL_SIZES, DeltaLog, DeltaSizes
from ledger_sync.service.trust_store import TrustStore
from wallet.protocol import codec, cose
from wallet.protocol.bundle import MAX_PROOF_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, DirectoryBody, Role, parse_directory
from wallet.protocol.handover import Handover, Published, followed
from wallet.protocol.keys import p256
from wallet.protocol.parts import notaries
from wallet.protocol.policy import NO_HEAD, Baseline, Policy, PolicyHead, PolicyUpdate

DIRECTORY_SECONDS: Final = 3_600
"""Between two questions for a newer directory."""

_LOOKS: Final = 3
"""Before deltas that are missing, without a base that reaches over them, are taken to be lost."""
_log: Final = logging.getLogger(__name__)
_ARRAY: Final = 4 << 5


class Reader(Protocol):
    """As much of a `ServiceClient` as is needed to ask the central bank."""

    def get(self, path: str) -> Cbor: ...


def principal(directory: Directory, key: bytes, now: int) -> Caller | None:
    """The bank, central bank, notary or auditor whose key this is at `now`: all sign with a directory key, the central
    bank with its redemption key."""
    sender = p256(key)
    if sender in directory.keys(Role.REDEMPTION, now):
        return Caller(CallerKind.CENTRAL_BANK, "", key)
    if sender in notaries(directory, now):
        return Caller(CallerKind.NOTARY, "", key)
    if sender in directory.keys(Role.AUDITOR, now):
        return Caller(CallerKind.AUDITOR, "", key)
    for bank in directory.banks:
        if any(entry.key == sender and entry.good_at(now) for entry in bank.keys):
            return Caller(CallerKind.BANK, bank.id, key)
    return None


class PolicyCache:
    """The directory and policy that a service holds. Safe to share between threads, and its store between processes."""

    def __init__(
        self,
        store: Store,
        root: bytes,
        central_bank: Reader,
        hear: Callable[[int], None] = lambda _time: None,
        sizes: DeltaSizes = USUAL_SIZES,
    ) -> None:
        """``hear`` takes the time of each head that the central bank has given just now."""
        self._sizes = sizes
        self._hear = hear
        self._pinned = self._root = root
        self._central_bank = central_bank
        self._lock = threading.Lock()
        self._kept = TrustStore(store)
        self._asked = 0
        self._forms: tuple[Signed[DirectoryBody], ...] = ()
        self._handovers: tuple[Handover, ...] = ()
        self._is_directory_due = True
        self._directory_asked = 0
        self._head: Signed[PolicyHead] | None = None
        self._log = DeltaLog()
        self._raw_head: bytes | None = None
        self._base_version = 0
        self._raw_base: bytes | None = None
        self._raw_forms: tuple[bytes, ...] = ()
        self._reached: Policy | None = None
        self._stored: int | None = None
        self._read_on()

    @property
    def is_ready(self) -> bool:
        return self._reached is not None and self._head is not None

    def made(self) -> list[tuple[str, int]]:
        """When what is held here was signed, by what it is (unix seconds)."""
        head, forms = self._head, self._forms
        found = [("policy", head.body.time)] if head is not None else []
        return [*found, ("directory", forms[0].body.time)] if forms else found

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
        """What someone who holds `version` lacks, as GET /v1/policy gives it: nothing at all, not even a head, for who
        has to begin with the base."""
        with self._lock:
            self._read_on_for(version)
            later = self._log.after(version, self._sizes.answer)
            is_last = later is not None and version + len(later) >= self._log.newest
            return PolicyUpdate(self._head if is_last else None, later or ())

    def encoded_since(self, version: int) -> Encoded:
        """`update_since` as it travels, put together from what is kept in its signed form."""
        with self._lock:
            self._read_on_for(version)
            later = self._log.raws_after(version, self._sizes.answer)
            is_last = later is not None and version + len(later) >= self._log.newest
            return update_of(self._raw_head if is_last else None, later or ())

    def base(self) -> Encoded:
        """The central bank's newest base known here. NOT_FOUND before there is one."""
        raw = self._raw_base
        if raw is None:
            raise Refusal(Code.NOT_FOUND)
        return Encoded(raw)

    def _follow_base(self) -> None:
        """Ask for a newer base where one may be had; without it, wallets begin with the one held."""
        if self._forms and self._log.newest - self._base_version >= self._sizes.between_bases:
            try:
                self._take_base()
            except Refusal as refusal:
                _log.info("asking for a newer base", extra={"code": refusal.code})

    def _take_base(self) -> None:
        """The central bank's base, if it is newer than the one held; where it is newer than the policy, go on from it.
        Raises `Refusal`: POLICY_SIGNATURE, and what hinders asking."""
        try:
            baseline = read(self._central_bank.get("/v1/base"), Baseline.from_cbor)
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return
        version, raw = baseline.base.body.version, codec.encode(baseline.to_cbor())
        with self._lock:
            with self._kept.transaction():
                self._read_on()
                start = baseline.policy(self._signed_alone())
                if version <= self._base_version:
                    return
                stored = self._kept.keep_base(version, raw)
            self._stored, self._base_version, self._raw_base = stored, version, raw
            if version > self._log.newest:
                self._log.forget(version)
                self._reached = start.apply(PolicyUpdate(self._head, ()))
            self._log.forget(version - self._sizes.answer)

    def _drop_old(self) -> None:
        """Remove stored deltas that the base makes superfluous, so many at a time."""
        until = self._base_version - self._sizes.answer
        if (oldest := self._kept.oldest()) is not None and oldest <= until:
            self._kept.drop(min(until, oldest + self._sizes.dropped - 1))

    def identify(self, key: bytes, now: int) -> Caller | None:
        """The bank, central bank or notary behind a key, or None. BUSY before the first directory was fetched."""
        return principal(self.directory, key, now)

    def refresh(self) -> None:
        """Ask the central bank for what is newer. Raises `Refusal`: UNREACHABLE, or what is wrong with the answer."""
        if self._is_directory_due:
            self._try_directory()
        while True:
            held = self._log.newest
            answer = self._central_bank.get(f"/v1/policy?since={held}")
            update = read(answer, lambda value: PolicyUpdate.from_cbor(value, most=MAX_DELTAS_ONLINE))
            self._take_update(update)
            if update.head is not None:
                self._hear(update.head.body.time)
                self._follow_base()
                self._drop_old()
                return
            if self._log.newest == held:
                self._take_base()
            if self._log.newest == held:
                raise Refusal(Code.POLICY_GAP, {"have": held})

    def keep_fresh(self, now: int, seconds: int) -> None:
        """`refresh` unless that was done in the last `seconds`, and take what another process has: the step of a
        background worker."""
        with self._lock:
            self._read_on()
        if not self._directory_asked <= now < self._directory_asked + DIRECTORY_SECONDS:
            self._is_directory_due, self._directory_asked = True, now
        if not self.is_ready or not self._asked <= now < self._asked + seconds:
            self.refresh()
            self._asked = now

    def close(self) -> None:
        with self._lock:
            self._kept.close()

    def _try_directory(self) -> None:
        """A directory that can't be followed is asked for again, and keeps nobody from what the policy revokes."""
        try:
            self._follow_directory()
        except Refusal as refusal:
            if not self._forms:
                raise
            _log.error("the directory cannot be followed", extra={"code": refusal.code})
        else:
            self._is_directory_due = False

    def _follow_directory(self) -> None:
        """Take the directory that the central bank gives, if it is newer or has come in a form that is not held."""
        given = read(self._ask_directory(), Published.from_cbor)
        roots = [self._root, *(root for root, _ in followed(given.handovers, self._root))]
        Directory.of(given.forms[0], roots[-1])
        if self._forms and _version(self._forms[0]) >= _version(given.forms[0]):
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
        directory = Directory.of(given.forms[0], root)
        with self._lock:
            with self._kept.transaction():
                self._read_on()
                if self._forms and _version(self._forms[0]) > _version(given.forms[0]):
                    return
                reached = self._reached_over(directory)
                raws = tuple(form.encode() for form in given.forms)
                handovers = [(item.version, codec.encode(item.to_cbor())) for item in given.handovers]
                stored = self._kept.keep_directory(raws, handovers)
            self._stored, self._raw_forms = stored, raws
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
            with self._kept.transaction():
                self._read_on()
                if self._reached is None:
                    raise Refusal(Code.BUSY)
                reached = self._reached.apply(update)
                held = self._log.newest
                rows = [
                    (delta.body.version, delta.encode())
                    for delta in update.deltas
                    if delta.body.version > held
                ]
                head = self._later(update.head)
                stored = self._kept.keep_update(rows, None if head is None else head.encode())
            self._stored, self._reached = stored, reached
            self._log.add(rows)
            if head is not None:
                self._head, self._raw_head = head, head.encode()

    def _later(self, head: Signed[PolicyHead] | None) -> Signed[PolicyHead] | None:
        """`head`, if it is later than what is held."""
        if head is None or self._head is None:
            return head
        held = self._head.body
        return head if (head.body.version, head.body.time) > (held.version, held.time) else None

    # what is stored

    def _read_on_for(self, version: int) -> None:
        """Somebody has a later policy than this process, who may have it of another one."""
        if version > self._log.newest:
            self._read_on()

    def _read_on(self) -> None:
        """Take what others have stored since, if anything; at first, all that is there."""
        stored = self._kept.stamp()
        if stored == self._stored:
            return
        self._read_later()
        is_other, reached = self._read_forms(), self._reached
        if is_other or (reached is not None and reached.version < self._log.floor):
            self._reached = self._reached_over(self._signed_alone())
        elif reached is not None:
            later = self._log.after(reached.version, self._log.newest)
            self._reached = reached.apply(PolicyUpdate(self._head, later or ()))
        self._stored = stored

    def _read_later(self) -> None:
        """Head and base; the deltas that this process did not have. The base first: nothing that a later one makes
        superfluous is read, and what is gone by then is bridged by the later one."""
        for _ in range(_LOOKS):
            if (base := self._kept.base()) is not None:
                self._base_version, self._raw_base = base
            self._log.forget(self._base_version - self._sizes.answer)
            self._log.add(self._kept.deltas(self._log.newest))
            if self._log.floor <= self._base_version:
                break
        if self._log.newest < self._base_version:
            self._log.forget(self._base_version)
        if (head := self._kept.head()) is not None:
            self._head, self._raw_head = cose.parse(PolicyHead, head), head

    def _reached_over(self, directory: Directory) -> Policy:
        """What base, deltas and head held have come to over a directory as the root signed it."""
        start = Policy(directory, 0, NO_HEAD)
        if self._raw_base is not None:
            raw = codec.decode(self._raw_base, len(self._raw_base))
            start = Baseline.from_cbor(raw).policy(directory)
        later = self._log.after(start.version, self._log.newest)
        require(later is not None, Code.POLICY_GAP, have=start.version)
        return start.apply(PolicyUpdate(self._head, later or ()))

    def _read_forms(self) -> bool:
        """Directory and hand-overs; whether the directory is another one."""
        raws = self._kept.forms()
        if raws == self._raw_forms:
            return False
        self._raw_forms = raws
        self._handovers = tuple(
            Handover.from_cbor(codec.decode(raw, MAX_PROOF_BYTES)) for raw in self._kept.handovers()
        )
        self._root = [self._pinned, *(root for root, _ in followed(self._handovers, self._pinned))][-1]
        self._forms = tuple(parse_directory(raw) for raw in self._raw_forms)
        return True


def _version(form: Signed[DirectoryBody]) -> tuple[int, int]:
    """The directory's, then that of the form."""
    return form.body.version, form.body.KIND.version


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
