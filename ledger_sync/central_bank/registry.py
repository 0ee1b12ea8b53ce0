"""Directory and policy: who may do what, who is revoked, signed and versioned.

Rule: deltas are numbered without gaps and never change once signed. A bank revokes its own wallets only: it shows for
each that its key wanted to be this bank's, and what is listed is made from the certificate here. So no bank can name
another's wallet, whatever id or key it certifies. For a conflict it must show the evidence. Evidence that shows a
conflict speaks for itself: it counts from any bank, for the one wallet that it names. A revocation leaves once
the certificate, and every token that it can have signed for, has expired and grace has passed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.central_bank.directories import Directories, Founding, Roots
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import WINDOW, Clock, Signer
from ledger_sync.http.routes import Encoded
from ledger_sync.http.trust import MAX_DELTAS_ONLINE, update_of
from ledger_sync.possession import Possession
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    MAX_AHEAD,
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


@dataclass(frozen=True, slots=True)
class Keys:
    """The central bank's keys by role; of roots there may be several."""

    root: Roots
    issuing: Signer
    policy: Signer
    redemption: Signer


POOL_SECONDS: Final = 10
"""Between two times at which revocations are listed: what comes meanwhile shares deltas."""
_KEPT_ANSWERS: Final = 16
BASE_EVERY: Final = MAX_DELTAS_ONLINE // 2
"""Deltas between two bases."""
_PENDING: Final = (
    "insert into revocations (id, bank, key, reason, version, time, leaves, listed) values (?, ?, ?, ?, ?, ?, ?, 0)"
    " on conflict (id) do update set reason = excluded.reason, listed = 0"
)


class Registry:
    """The signed directory and policy, in the store."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        terms: Terms,
        founding: Founding,
        clock: Clock,
        *,
        is_heard: bool = True,
    ) -> None:
        """``is_heard``: nothing is left to hear of what this central bank once said; else it signs nothing before
        `resume`, and gives what it has."""
        self._is_heard = is_heard
        self._store = store
        self._keys = keys
        self._terms = terms
        self._clock = clock
        self._answers = _Answers()
        self._published = -POOL_SECONDS
        self._directories = Directories(
            store, keys.root, keys.issuing.key, keys.policy.key, keys.redemption.key, founding
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
        return self._directories.directory

    def resume(self) -> None:
        """All that was once said was heard."""
        self._is_heard = True
        self._follow_terms()
        with self._store.writing() as db, contextlib.suppress(Refusal):
            self._renew_base(db)

    def update_since(self, version: int) -> Encoded:
        """What someone who holds `version` lacks, a `PolicyUpdate`; without the head where more than one answer's
        deltas remain. Read as it is stored, beside whoever writes, and kept until there is something newer."""
        with self._store.looking() as db:
            newest, head = newest_version(db), held_head(db)
            if head is not None and (not self._is_heard or self._is_current(db, head.body, newest)):
                return self._answers.get(db, version, newest, head)
        require(self._is_heard, Code.BUSY)
        with self._store.writing() as db:
            self._lead_back(db)
            with contextlib.suppress(Refusal):
                self._publish_pending(db)
            newest = newest_version(db)
            return self._answers.get(db, version, newest, self._head(db, newest))

    def base(self) -> Encoded:
        """The newest base, a `Baseline`: where a wallet begins that holds no policy. NOT_FOUND before there is one."""
        with self._store.looking() as db:
            row = db.execute("select raw from base").fetchone()
        if row is None:
            raise Refusal(Code.NOT_FOUND)
        return Encoded(row[0])

    def _renew_base(self, db: sqlite3.Connection) -> None:
        """Sign a new base where the last one is so many deltas old, that nobody who begins needs more than one answer
        full of them."""
        row = db.execute("select version from base").fetchone()
        newest = newest_version(db)
        if newest - (0 if row is None else row[0]) < BASE_EVERY or _is_pending(db):
            return
        rows = db.execute(
            "select id, reason from revocations order by id limit ?", (MAX_REVOKED_IN_BASE + 1,)
        ).fetchall()
        if len(rows) > MAX_REVOKED_IN_BASE:
            return
        revoked = tuple((name, Reason(reason)) for name, reason in rows)
        body = PolicyBase(newest, self._now(), (), digest_of(revoked))
        signed = cose.sign(body, self._keys.policy.sign)
        raw = codec.encode(Baseline(signed, revoked).to_cbor())
        db.execute("insert or replace into base (one, version, raw) values (1, ?, ?)", (newest, raw))

    def _is_current(self, db: sqlite3.Connection, head: PolicyHead, newest: int) -> bool:
        """Whether nothing has to be signed before the policy is given."""
        with contextlib.suppress(Refusal):
            age = self._now() - head.time
            is_young = -WINDOW <= age < self._terms.head_age
            return head.version == newest and is_young and not (_is_pending(db) and self._is_pool_full())
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
        with self._store.writing() as db:
            fresh = [(item, reason) for item, reason in wallets if self._is_news(db, item.body, reason)]
            if fresh:
                rows = [self._row(item.body, reason, self._now()) for item, reason in fresh]
                db.executemany(_PENDING, rows)
                if evidence is not None:
                    db.execute(
                        "insert into shown_evidence (raw) values (?) on conflict do nothing",
                        (evidence.encode(),),
                    )
            for item, _ in wallets:
                body = item.body
                db.execute(
                    "update revocations set bank = ?, key = ?, leaves = ? where id = ? and key = x''",
                    (body.bank, body.key, self._leaves(body), body.revocation_id),
                )
            self._publish_pending(db)
            pending = int(db.execute("select count(*) from revocations where listed = 0").fetchone()[0])
            return newest_version(db) + -(-pending // MAX_REVOKED_PER_DELTA)

    def publish(self) -> None:
        """List what is pending, if it has been for long enough: the step of a background worker. BUSY."""
        require(self._is_heard, Code.BUSY)
        with self._store.writing() as db:
            self._publish_pending(db)

    def _is_pool_full(self) -> bool:
        """Whether the last delta is old enough for another."""
        return not 0 <= self._clock() - self._published < POOL_SECONDS

    def _publish_pending(self, db: sqlite3.Connection) -> None:
        """Everything that is pending, conflicts first, in as few deltas as carry it."""
        while _is_pending(db) and self._is_pool_full():
            rows = db.execute(
                "select id, reason from revocations where listed = 0 order by reason, id limit ?",
                (MAX_REVOKED_PER_DELTA,),
            ).fetchall()
            is_last = len(rows) < MAX_REVOKED_PER_DELTA
            version = self._publish(db, [(name, Reason(reason)) for name, reason in rows])
            db.execute("insert into evidence (version, raw) select ?, raw from shown_evidence", (version,))
            db.execute("delete from shown_evidence")
            if is_last or not _is_pending(db):
                self._published = self._clock()
                self._renew_base(db)

    def revoked_since(self, key: bytes, wallets: Collection[bytes] = ()) -> int | None:
        """When a bank that `key` wanted revoked it (unix seconds), whichever of its wallet ids it was by; `wallets` are
        the revocation ids that it is known to have, by which alone one is known that was relearnt."""
        places = ", ".join("?" * len(wallets))
        sql = f"select min(time) from revocations where key = ? or (key = x'' and id in ({places}))"
        with self._store.reading() as db:
            row = db.execute(sql, (key, *wallets)).fetchone()
        return None if row is None else row[0]

    def drop_expired(self) -> None:
        """Publish that revocations have left whose time is over: the step of a background worker. BUSY."""
        require(self._is_heard, Code.BUSY)
        with self._store.writing() as db:
            if self._leaving(db, 1):
                self._publish(db, ())

    def _follow_terms(self) -> None:
        """Other limits or another grace than the last head's are a new version, so that wallets pass them on."""
        with self._store.writing() as db:
            row = db.execute("select raw from head").fetchone()
            if row is None:
                return
            held = cose.parse(PolicyHead, row[0]).body
            is_same = (held.limits, held.grace) == (self._terms.limits, self._terms.grace)
            if held.version == newest_version(db) and not is_same:
                with contextlib.suppress(Refusal):
                    self._publish(db, ())

    def _lead_back(self, db: sqlite3.Connection) -> None:
        """Where a wrong clock has dated the head ahead: a new version, whose head says the right time and is newer."""
        held = held_head(db)
        if held is None or held.body.version != newest_version(db):
            return
        with contextlib.suppress(Refusal):
            if held.body.time > self._now() + WINDOW:
                self._publish(db, ())

    def _now(self) -> int:
        """What is signed is dated by: never before the keys of the directory are good. CLOCK_UNSURE."""
        return max(self._clock(), self.directory.time)

    def _head(self, db: sqlite3.Connection, version: int) -> Signed[PolicyHead]:
        held = held_head(db)
        is_newest = held is not None and held.body.version == version
        try:
            now = self._now()
        except Refusal:
            if held is None or not is_newest:
                raise
            return held
        if held is not None and is_newest and now < held.body.time + self._terms.head_age:
            return held
        body = PolicyHead(version, now, self._terms.limits, self._terms.grace)
        head = cose.sign(body, self._keys.policy.sign)
        db.execute("insert or replace into head (one, raw) values (1, ?)", (head.encode(),))
        return head

    def _check_evidence(self, bank: str, listed: Sequence[Certificate], evidence: Evidence | None) -> None:
        require(evidence is not None, Code.EVIDENCE_INVALID)
        assert evidence is not None
        culprit = check_evidence(evidence, self.directory)
        named = any(culprit.wallet == item.wallet or culprit.key == item.key for item in listed)
        require(culprit.bank == bank and named, Code.EVIDENCE_INVALID)

    def _is_news(self, db: sqlite3.Connection, certificate: Certificate, reason: Reason) -> bool:
        """Whether it is not revoked yet, or for less than a conflict, and still matters."""
        sql = "select reason from revocations where id = ?"
        row = db.execute(sql, (certificate.revocation_id,)).fetchone()
        if row is not None:
            return reason is Reason.CONFLICT and row[0] != Reason.CONFLICT
        return self._clock() <= self._leaves(certificate)

    def _leaves(self, certificate: Certificate) -> int:
        return listed_until(certificate.expires, self._terms.token_life, self._terms.grace)

    def _leaving(self, db: sqlite3.Connection, most: int) -> list[bytes]:
        rows = db.execute(
            "select id from revocations where leaves < ? order by leaves, id limit ?",
            (self._clock(), most),
        )
        return [revocation_id for (revocation_id,) in rows]

    def _publish(self, db: sqlite3.Connection, revoked: Sequence[tuple[bytes, Reason]]) -> int:
        version = newest_version(db) + 1
        removed = self._leaving(db, MAX_REVOKED_PER_DELTA - len(revoked))
        body = PolicyDelta(version, self._now(), tuple(sorted(revoked)), tuple(removed), ())
        delta = cose.sign(body, self._keys.policy.sign)
        db.execute("insert into deltas (version, raw) values (?, ?)", (version, delta.encode()))
        db.executemany("delete from revocations where id = ?", [(name,) for name in removed])
        db.executemany(
            "update revocations set listed = 1, version = ? where id = ?",
            [(version, name) for name, _ in revoked],
        )
        return version

    def _row(self, revoked: Certificate, reason: Reason, time: int) -> tuple[object, ...]:
        leaves = self._leaves(revoked)
        return (revoked.revocation_id, revoked.bank, revoked.key, int(reason), 0, time, leaves)


class _Answers:
    """Answers about the newest policy, each put together once; the latest few are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, int, bytes], Encoded] = {}

    def get(self, db: sqlite3.Connection, version: int, newest: int, head: Signed[PolicyHead]) -> Encoded:
        since = min(version, newest)
        key = (since, newest, head.id)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        rows = db.execute(
            "select raw from deltas where version > ? order by version limit ?", (since, MAX_DELTAS_ONLINE)
        ).fetchall()
        is_last = since + len(rows) >= newest
        made = update_of(head.encode() if is_last else None, [raw for (raw,) in rows])
        with self._lock:
            if len(self._kept) >= _KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = made
        return made


def _is_pending(db: sqlite3.Connection) -> bool:
    return db.execute("select 1 from revocations where listed = 0 limit 1").fetchone() is not None


def held_head(db: sqlite3.Connection) -> Signed[PolicyHead] | None:
    row = db.execute("select raw from head").fetchone()
    return None if row is None else cose.parse(PolicyHead, row[0])


def newest_version(db: sqlite3.Connection) -> int:
    newest: int = db.execute("select coalesce(max(version), 0) from deltas").fetchone()[0]
    return newest
