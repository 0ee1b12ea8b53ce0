"""Deltas, head, base, revocations and evidence upon SQLite (`ledger_sync.central_bank.ports.policy`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ledger_sync.central_bank.ports.policy import Revocation, Revoked
from ledger_sync.central_bank.sqlite.store import Row, Store
from wallet.protocol import codec, cose
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Baseline, PolicyDelta, PolicyHead, Reason

_REVOKE: Final = """
insert into revocations (id, bank, key, reason, version, time, leaves, listed) values (?1, ?2, ?3, ?4, 0, ?5, ?6, 0)
on conflict (id) do update set reason = excluded.reason, listed = 0
where excluded.reason = ?7 and reason <> ?7
"""
_RELEARN: Final = """
insert into revocations (id, bank, key, reason, version, time, leaves, listed) values (?, '', x'', ?, ?, ?, ?, 1)
on conflict (id) do update set reason = excluded.reason, version = excluded.version, listed = 1
"""


class SqlitePolicyLog:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self) -> int:
        return int(self._store.value("select coalesce(max(version), 0) from deltas"))

    def deltas(self, since: int, until: int, most: int) -> list[bytes]:
        sql = "select raw from deltas where version > ? and version <= ? order by version limit ?"
        return [raw for (raw,) in self._store.rows(sql, (since, until, most))]

    def add(self, delta: Signed[PolicyDelta]) -> bool:
        version = delta.body.version
        with self._store.transaction():
            if not self._is_next(delta):
                return False
            for name, reason in delta.body.revoked:
                sql = "update revocations set listed = 1, version = ? where id = ? and reason = ?"
                self._store.run(sql, (version, name, int(reason)))
            self._store.run(
                "insert into evidence (version, raw) select ?, raw from shown_evidence", (version,)
            )
            self._store.run("delete from shown_evidence")
            self._remove(delta.body.removed)
            return True

    def relearn(self, delta: Signed[PolicyDelta], since: int, leaves: int) -> bool:
        with self._store.transaction():
            if not self._is_next(delta):
                return False
            for name, reason in delta.body.revoked:
                self._store.run(_RELEARN, (name, int(reason), delta.body.version, since, leaves))
            self._remove(delta.body.removed)
            return True

    def _is_next(self, delta: Signed[PolicyDelta]) -> bool:
        """Whether the delta was the next, and is kept now."""
        version = delta.body.version
        is_next = version == self.newest() + 1
        return is_next and self._store.insert("deltas", version=version, raw=delta.encode())

    def _remove(self, names: Collection[bytes]) -> None:
        for name in names:
            self._store.run("delete from revocations where id = ?", (name,))

    def head(self) -> Signed[PolicyHead] | None:
        raw = self._store.value("select raw from head")
        return None if raw is None else cose.parse(PolicyHead, raw)

    def keep_head(self, head: Signed[PolicyHead]) -> Signed[PolicyHead]:
        with self._store.transaction():
            standing = self.head()
            if standing is not None and _age(standing) >= _age(head):
                return standing
            self._store.run("insert or replace into head (one, raw) values (1, ?)", (head.encode(),))
            return head

    def base(self) -> tuple[int, bytes] | None:
        row = self._store.row("select version, raw from base")
        return None if row is None else (row[0], row[1])

    def keep_base(self, base: Baseline) -> bool:
        version, raw = base.base.body.version, codec.encode(base.to_cbor())
        with self._store.transaction():
            standing = self.base()
            if standing is not None and standing[0] >= version:
                return False
            self._store.run(
                "insert or replace into base (one, version, raw) values (1, ?, ?)", (version, raw)
            )
            return True

    def revoke(self, revocation: Revocation) -> bool:
        values = (revocation.id, revocation.bank, revocation.key, int(revocation.reason))
        return (
            self._store.run(_REVOKE, (*values, revocation.time, revocation.leaves, int(Reason.CONFLICT))) == 1
        )

    def name(self, revocation: Revocation) -> None:
        self._store.run(
            "update revocations set bank = ?, key = ?, leaves = ? where id = ? and key = x''",
            (revocation.bank, revocation.key, revocation.leaves, revocation.id),
        )

    def reason(self, revoked: bytes) -> Reason | None:
        found = self._store.value("select reason from revocations where id = ?", (revoked,))
        return None if found is None else Reason(found)

    def show(self, evidence: Evidence) -> None:
        self._store.insert("shown_evidence", raw=evidence.encode())

    def pending(self, most: int) -> list[Revoked]:
        sql = "select id, reason from revocations where listed = 0 order by reason, id limit ?"
        return _revoked(self._store.rows(sql, (most,)))

    def count_pending(self) -> int:
        return int(self._store.value("select count(*) from revocations where listed = 0"))

    def revoked(self, most: int) -> list[Revoked]:
        return _revoked(self._store.rows("select id, reason from revocations order by id limit ?", (most,)))

    def revoked_since(self, key: bytes, ids: Collection[bytes]) -> int | None:
        places = ", ".join("?" * len(ids))
        sql = f"select min(time) from revocations where key = ? or (key = x'' and id in ({places}))"
        since: int | None = self._store.value(sql, (key, *ids))
        return since

    def leaving(self, now: int, most: int) -> list[bytes]:
        sql = "select id from revocations where leaves < ? order by leaves, id limit ?"
        return [name for (name,) in self._store.rows(sql, (now, most))]


def _revoked(rows: list[Row]) -> list[Revoked]:
    return [(name, Reason(reason)) for name, reason in rows]


def _age(head: Signed[PolicyHead]) -> tuple[int, int]:
    return head.body.version, head.body.time
