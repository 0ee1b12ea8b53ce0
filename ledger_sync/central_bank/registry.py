"""Directory and policy: who may do what, who is revoked, signed and versioned.

Rule: deltas are numbered without gaps and never change once signed; those that the newest base makes superfluous are
removed, and whoever lacks more than is kept begins with it. A bank revokes its own wallets only: it shows for
each that its key wanted to be this bank's, and what is listed is made from the certificate here. So no bank can name
another's wallet, whatever id or key it certifies. For a conflict it must show the evidence. Evidence that shows a
conflict speaks for itself: it counts from any bank, for the one wallet that it names. A revocation leaves once
the certificate, and every token that it can have signed for, has expired and grace has passed.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ledger_sync.central_bank.directories import Directories, Genesis, Roots
from ledger_sync.central_bank.key_changes import KeyChanges, NewKey, following
from ledger_sync.central_bank.ports.policy import PolicyLog, Revocation, Revoked
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import WINDOW, Clock, Signers
from ledger_sync.http.routes import Encoded
from ledger_sync.possession import Possession
from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from ledger_sync.service.policy_cache import update_of
from wallet.protocol import cose
from wallet.protocol.bounds import (
    MAX_AHEAD,
    MAX_CHANGES_IN_BASE,
    MAX_REVOKED_IN_BASE,
    MAX_REVOKED_PER_DELTA,
)
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import Evidence, check_evidence
from wallet.protocol.handover import Published
from wallet.protocol.lifetime import listed_until
from wallet.protocol.policy import (
    Baseline,
    PolicyBase,
    PolicyDelta,
    PolicyHead,
    Reason,
    digest_of,
)

P = TypeVar("P", PolicyHead, PolicyDelta, PolicyBase)


@dataclass(frozen=True, slots=True)
class Keys:
    """The central bank's keys by role; of roots there may be several."""

    root: Roots
    issuing: Signers
    policy: Signers
    redemption: Signers


POOL_SECONDS: Final = 10
"""Between two times at which revocations are listed: what comes meanwhile shares deltas."""
_KEPT_ANSWERS: Final = 16


class Registry:
    """The signed directory and policy, in the store."""

    def __init__(
        self,
        storage: Storage,
        keys: Keys,
        terms: Terms,
        founding: Genesis,
        clock: Clock,
        *,
        is_heard: bool = True,
        sizes: DeltaSizes = USUAL_SIZES,
    ) -> None:
        """``is_heard``: nothing is left to hear of what this central bank once said; else it signs nothing before
        `resume`, and gives what it has."""
        self._is_heard = is_heard
        self._sizes = sizes
        self._storage = storage
        self._policy = storage.policy
        self._keys = keys
        self._terms = terms
        self._clock = clock
        self._answers = _Answers(sizes.answer)
        self._published = -POOL_SECONDS
        self._rotation = KeyChanges(storage.policy)
        self._directories = Directories(
            storage, keys.root, keys.issuing.key, keys.policy.key, keys.redemption.key, founding
        )
        if is_heard:
            self._follow_terms()

    def hand_over(self, version: int) -> bytes:
        """Have the root hand over to a fresh one by directory ``version``, the next; the new root, 33 bytes. The same
        again is success. MALFORMED for another version, BUSY, CLOCK_UNSURE."""
        require(self._is_heard, Code.BUSY)
        return self._directories.hand_over(version, self._now())

    def published(self) -> Published:
        """The newest directory in every form, and how the roots have handed over."""
        return self._directories.published

    @property
    def directory(self) -> Directory:
        """As the root signed it last, with the changes of keys of all deltas."""
        return self._rotation.over(self._directories.directory)

    @property
    def signed_alone(self) -> Directory:
        """As the root signed it last."""
        return self._directories.directory

    def change_key(self, change: NewKey) -> int:
        """Have a key follow on those of its role or bank; the policy version in which that stands. The same again is
        success. BUSY, CLOCK_UNSURE, BANK_UNKNOWN, TOO_MANY; MALFORMED: it is to begin in the past."""
        require(self._is_heard, Code.BUSY)
        while changes := following(self.directory, change, self._now()):
            body = PolicyDelta(self._policy.newest() + 1, self._now(), (), (), changes)
            if self._policy.add(self._sign(body)):
                break
        return self._policy.newest()

    def resume(self) -> None:
        """All that was once said was heard."""
        self._is_heard = True
        self._follow_terms()
        with contextlib.suppress(Refusal):
            self._renew_base()

    def update_since(self, version: int) -> Encoded:
        """What someone who holds `version` lacks, a `PolicyUpdate`; without the head where more than one answer's
        deltas remain, and with nothing at all for who has to begin with the base. Read as it is stored, beside whoever
        writes, and kept until there is something newer."""
        head, newest = self._policy.head(), self._policy.newest()
        if head is not None and (not self._is_heard or self._is_current(head.body, newest)):
            return self._answers.get(self._policy, version, head)
        require(self._is_heard, Code.BUSY)
        self._lead_back()
        with contextlib.suppress(Refusal):
            self._publish_pending()
        return self._answers.get(self._policy, version, self._head())

    def base(self) -> Encoded:
        """The newest base, a `Baseline`: where whoever begins that holds no policy, or one from before all deltas that
        are kept. NOT_FOUND before there is one."""
        held = self._policy.base()
        if held is None:
            raise Refusal(Code.NOT_FOUND)
        return Encoded(held[1])

    def _renew_base(self) -> None:
        """Sign a new base where the last one is so many deltas old, that nobody who begins needs more than one answer
        full of them. What is listed while it is made belongs to a later one."""
        held, newest = self._policy.base(), self._policy.newest()
        if newest - (0 if held is None else held[0]) < self._sizes.between_bases:
            return
        with self._storage.transaction():
            revoked = tuple(self._policy.revoked(MAX_REVOKED_IN_BASE + 1))
            is_whole = newest == self._policy.newest() and not self._policy.pending(1)
        if not is_whole or len(revoked) > MAX_REVOKED_IN_BASE:
            return
        changes = self._rotation.changes
        if len(changes) > MAX_CHANGES_IN_BASE:
            return
        body = PolicyBase(newest, self._now(), changes, digest_of(revoked))
        self._policy.keep_base(Baseline(self._sign(body), revoked))

    def drop_old(self) -> None:
        """Remove deltas that the base makes superfluous, so many at a time: the step of a background worker."""
        held = self._policy.base()
        if held is not None and held[0] > self._sizes.answer:
            self._policy.drop(held[0] - self._sizes.answer, self._sizes.dropped)

    def _is_current(self, head: PolicyHead, newest: int) -> bool:
        """Whether nothing has to be signed before the policy is given."""
        with contextlib.suppress(Refusal):
            age = self._now() - head.time
            is_young = -WINDOW <= age < self._terms.head_age
            return (
                head.version == newest and is_young and not (self._policy.pending(1) and self._is_pool_full())
            )
        return False

    def revoke(self, bank: str, shown: Sequence[tuple[Possession, Reason]], evidence: Evidence | None) -> int:
        """Revoke a bank's wallets; gives the policy version in which they are. Again is success.

        Raises `Refusal`: CERTIFICATE_SIGNATURE, AUTH_FORBIDDEN (not this bank's), KEY_INVALID (its key did not want
        this bank), TIME_AHEAD (issued so far ahead that no payee takes it yet: it would stay listed as long as its
        bank likes), EVIDENCE_INVALID, BANK_UNKNOWN.
        """
        now = self._clock()
        for possession, _ in shown:
            possession.check(bank, self.directory)
            issued = possession.certificate.body.issued
            require(issued <= now + MAX_AHEAD, Code.TIME_AHEAD, time=issued, now=now)
        wallets = [(possession.certificate, reason) for possession, reason in shown]
        if any(reason is Reason.CONFLICT for _, reason in wallets):
            self._check_evidence(bank, [certificate.body for certificate, _ in wallets], evidence)
        return self._list(wallets, evidence)

    def revoke_by_evidence(self, evidence: Evidence) -> int:
        """Revoke for a conflict the wallet that evidence names, whoever shows it; gives the policy version in which it
        is. Again is success.

        Raises `Refusal`: EVIDENCE_INVALID, TIME_AHEAD, BANK_UNKNOWN, CERTIFICATE_SIGNATURE.
        """
        now = self._clock()
        check_evidence(evidence, self.directory)
        issued = evidence.certificate.body.issued
        require(issued <= now + MAX_AHEAD, Code.TIME_AHEAD, time=issued, now=now)
        return self._list([(evidence.certificate, Reason.CONFLICT)], evidence)

    def _list(self, wallets: Sequence[tuple[Signed[Certificate], Reason]], evidence: Evidence | None) -> int:
        """They count from now on; the policy lists them at once, or with what comes in the next seconds. BUSY."""
        require(self._is_heard, Code.BUSY)
        now = self._now()
        with self._storage.transaction():
            fresh = [self._revoke(item.body, reason, now) for item, reason in wallets]
            if any(fresh) and evidence is not None:
                self._policy.show(evidence)
        self._publish_pending()
        with self._storage.transaction():
            return self._policy.newest() + -(-self._policy.count_pending() // MAX_REVOKED_PER_DELTA)

    def _revoke(self, certificate: Certificate, reason: Reason, now: int) -> bool:
        """Whether it was not revoked yet, or for less than a conflict, and still matters."""
        leaves = listed_until(certificate.expires, self._terms.token_life, self._terms.grace)
        name = certificate.revocation_id
        revocation = Revocation(name, certificate.bank, certificate.key, reason, now, leaves)
        matters = self._policy.reason(name) is not None or self._clock() <= leaves
        is_news = matters and self._policy.revoke(revocation)
        self._policy.name(revocation)
        return is_news

    def publish(self) -> None:
        """List what is pending, if it has been for long enough: the step of a background worker. BUSY."""
        require(self._is_heard, Code.BUSY)
        self._publish_pending()

    def _is_pool_full(self) -> bool:
        """Whether the last delta is old enough for another."""
        return not 0 <= self._clock() - self._published < POOL_SECONDS

    def _publish_pending(self) -> None:
        """Everything that is pending, conflicts first, in as few deltas as carry it."""
        while self._is_pool_full() and (pending := self._policy.pending(MAX_REVOKED_PER_DELTA)):
            is_last = len(pending) < MAX_REVOKED_PER_DELTA
            self._publish(pending)
            if is_last or not self._policy.pending(1):
                self._published = self._clock()
                self._renew_base()

    def revoked_since(self, key: bytes, wallets: Collection[bytes] = ()) -> int | None:
        """When a bank that `key` wanted revoked it (unix seconds), whichever of its wallet ids it was by; `wallets` are
        the revocation ids that it is known to have, by which alone one is known that was relearnt."""
        return self._policy.revoked_since(key, wallets)

    def drop_expired(self) -> None:
        """Publish that revocations have left whose time is over: the step of a background worker. BUSY."""
        require(self._is_heard, Code.BUSY)
        if self._policy.leaving(self._clock(), 1):
            self._publish(())
            self._renew_base()

    def _follow_terms(self) -> None:
        """Other limits or another grace than the last head's are a new version, so that wallets pass them on."""
        head = self._policy.head()
        if head is None or head.body.version != self._policy.newest():
            return
        if (head.body.limits, head.body.grace) != (self._terms.limits, self._terms.grace):
            with contextlib.suppress(Refusal):
                self._publish(())

    def _lead_back(self) -> None:
        """Where a wrong clock has dated the head ahead: a new version, whose head says the right time and is newer."""
        head = self._policy.head()
        if head is None or head.body.version != self._policy.newest():
            return
        with contextlib.suppress(Refusal):
            if head.body.time > self._now() + WINDOW:
                self._publish(())

    def _now(self) -> int:
        """What is signed is dated by: never before the keys of the directory are good. CLOCK_UNSURE."""
        return max(self._clock(), self.directory.time)

    def _head(self) -> Signed[PolicyHead]:
        """The newest version's head, signed anew where it is too old. CLOCK_UNSURE where there is none."""
        held, newest = self._policy.head(), self._policy.newest()
        is_newest = held is not None and held.body.version == newest
        try:
            now = self._now()
        except Refusal:
            if held is None or not is_newest:
                raise
            return held
        if held is not None and is_newest and now < held.body.time + self._terms.head_age:
            return held
        body = PolicyHead(newest, now, self._terms.limits, self._terms.grace)
        return self._policy.keep_head(self._sign(body))

    def _check_evidence(self, bank: str, listed: Sequence[Certificate], evidence: Evidence | None) -> None:
        require(evidence is not None, Code.EVIDENCE_INVALID)
        assert evidence is not None
        culprit = check_evidence(evidence, self.directory)
        named = any(culprit.wallet == item.wallet or culprit.key == item.key for item in listed)
        require(culprit.bank == bank and named, Code.EVIDENCE_INVALID)

    def _publish(self, revoked: Sequence[Revoked]) -> None:
        """Sign the next delta and keep it, unless another has become the next meanwhile."""
        version, now = self._policy.newest() + 1, self._now()
        removed = self._policy.leaving(self._clock(), MAX_REVOKED_PER_DELTA - len(revoked))
        body = PolicyDelta(version, now, tuple(sorted(revoked)), tuple(removed), ())
        self._policy.add(self._sign(body))

    def _sign(self, body: P) -> Signed[P]:
        return cose.sign(body, self._keys.policy.at(body.time).sign)


class _Answers:
    """Answers about the newest policy, each put together once; the latest few are kept."""

    def __init__(self, most: int) -> None:
        """``most`` deltas in each."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, int, bytes], Encoded] = {}

    def get(self, policy: PolicyLog, version: int, head: Signed[PolicyHead]) -> Encoded:
        newest = head.body.version
        since = min(version, newest)
        key = (since, newest, head.id)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        raws = policy.deltas(since, newest, self._most)
        made = update_of(head.encode() if since + len(raws) >= newest else None, raws)
        with self._lock:
            if len(self._kept) >= _KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = made
        return made
