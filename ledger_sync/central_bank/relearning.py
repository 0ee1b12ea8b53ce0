"""Relearning: what the central bank signed and did, as those show it who have it.

Rule: only its own signature makes an issuance or a delta count again, and each is booked once, as it was. What has no
signature is not believed.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import Final

from ledger_sync.central_bank.books import OUTSTANDING, MovementKind, move, position
from ledger_sync.central_bank.issuing import Cause, find
from ledger_sync.central_bank.partners import Act
from ledger_sync.central_bank.registry import POOL_SECONDS, Registry, held_head, newest_version
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from wallet.database import insert_new
from wallet.protocol.bounds import MAX_CERTIFICATE_LIFE
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import reissue
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.keys import p256
from wallet.protocol.lifetime import listed_until
from wallet.protocol.policy import PolicyDelta, PolicyUpdate

_NOTHING: Final = "put back"
"""The kind of a movement that moves nothing and only keeps a number from being given twice."""
_MOST_MOVEMENTS: Final = 2**32
"""That a backup can lack."""
_log: Final = logging.getLogger(__name__)


class Relearning:
    """Takes what banks show."""

    def __init__(self, store: Store, registry: Registry, policy_key: bytes, terms: Terms) -> None:
        self._store = store
        self._registry = registry
        self._policy_key = policy_key
        self._terms = terms

    @property
    def policy_version(self) -> int:
        with self._store.reading() as db:
            return newest_version(db)

    def learn_policy(self, update: PolicyUpdate) -> bool:
        """Deltas that this central bank signed and no longer has; whether there were any. Who was revoked is known by
        its id alone until its bank revokes it again. POLICY_GAP, POLICY_SIGNATURE."""
        with self._store.writing() as db:
            version = newest_version(db)
            fresh = [delta for delta in update.deltas if delta.body.version > version]
            for number, delta in enumerate(fresh, version + 1):
                found = delta.body.version
                require(found == number, Code.POLICY_GAP, have=version, version=found)
                require(delta.signed_by(p256(self._policy_key)), Code.POLICY_SIGNATURE)
                self._keep(db, delta)
            head, held = update.head, held_head(db)
            if head is not None and (held is None or held.body.version < head.body.version):
                require(head.signed_by(p256(self._policy_key)), Code.POLICY_SIGNATURE)
                db.execute("insert or replace into head (one, raw) values (1, ?)", (head.encode(),))
        return bool(fresh)

    def _keep(self, db: sqlite3.Connection, delta: Signed[PolicyDelta]) -> None:
        body = delta.body
        db.execute("insert into deltas (version, raw) values (?, ?)", (body.version, delta.encode()))
        since = body.time - POOL_SECONDS  # it counted before it was listed
        leaves = listed_until(body.time + MAX_CERTIFICATE_LIFE, self._terms.token_life, self._terms.grace)
        db.executemany(
            "insert into revocations (id, bank, key, reason, version, time, leaves, listed)"
            " values (?, '', x'', ?, ?, ?, ?, 1) on conflict (id) do update"
            " set reason = excluded.reason, version = excluded.version, listed = 1",
            [(name, int(reason), body.version, since, leaves) for name, reason in body.revoked],
        )
        db.executemany("delete from revocations where id = ?", [(name,) for name in body.removed])

    def learn_acts(self, bank: str, acts: Sequence[Act]) -> list[Act]:
        """Book the fundings that are missing, and keep the issuances; what else is missing and has to be asked for:
        redemptions, for only their proof shows by which money theirs are backed.

        Raises ``Refusal``: ISSUANCE_SIGNATURE, FUNDING_MISMATCH.
        """
        missing: list[Act] = []
        with self._store.writing() as db:
            for act in acts:
                if self.is_known(db, bank, act):
                    continue
                if act.issuance is not None:
                    self._book(db, bank, act, act.issuance)
                if act.issuance is None or act.kind != MovementKind.FUNDING:
                    missing.append(act)
        return missing

    def is_known(self, db: sqlite3.Connection, bank: str, act: Act) -> bool:
        """Whether the books have it."""
        match act.kind:
            case MovementKind.FUNDING:
                return find(db, Cause.FUNDING, act.cause) is not None
            case MovementKind.REDEMPTION:
                sql = "select 1 from redemptions where txid = ?"
                return db.execute(sql, (act.cause,)).fetchone() is not None
            case _:
                sql = (
                    "select 1 from movements m join entries e on e.movement = m.number"
                    " where m.kind = ? and m.id = ? and e.account = ?"
                )
                return db.execute(sql, (act.kind, act.cause, position(bank))).fetchone() is not None

    def _book(self, db: sqlite3.Connection, bank: str, act: Act, issuance: Signed[Issuance]) -> None:
        check_issuance(issuance, self._registry.directory)
        body, total = issuance.body, sum(issuance.body.amounts)
        is_funding = act.kind == MovementKind.FUNDING
        require(body.funding == (act.cause if is_funding else reissue(act.cause)), Code.FUNDING_MISMATCH)
        cause = Cause.FUNDING if is_funding else Cause.REDEMPTION
        is_new = insert_new(
            db,
            "issuances",
            id=issuance.id,
            cause=cause.value,
            cause_id=act.cause,
            bank=bank,
            raw=issuance.encode(),
        )
        if is_funding and is_new:
            changes = {position(bank): -total, OUTSTANDING: total}
            move(db, MovementKind.FUNDING, act.cause, body.issued, changes, may_overdraw=True)

    def number_from(self, last: int) -> None:
        """No number up to ``last``, which a bank says that it has followed already, is given again. What is further
        ahead than any backup is behind is no number that was ever given: numbers would soon be used up."""
        with self._store.writing() as db:
            newest = db.execute("select coalesce(max(number), 0) from movements").fetchone()[0]
            if last > newest + _MOST_MOVEMENTS:
                _log.error("a bank says that it has followed movement %d, and the last is %d", last, newest)
            elif newest < last:
                insert_new(db, "movements", number=last, kind=_NOTHING, id=b"", time=0)
