"""Deltas, head, base, revocations and evidence upon SQL (`ledger_sync.central_bank.ports.policy`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ledger_sync.central_bank.ports.policy import Revocation, Revoked
from ledger_sync.database.store import Row, Store
from wallet.protocol import codec, cose
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Baseline, PolicyDelta, PolicyHead, Reason

_REVOKE: Final = """
insert into revocations (id, bank, key, reason, version, time, leaves, listed) values (?1, ?2, ?3, ?4, 0, ?5, ?6, 0)
on conflict (id) do update set reason = excluded.reason, listed = 0
where excluded.reason = ?7 and revocations.reason <> ?7
"""
_NEWEST: Final = """
select coalesce(max(version), 0) from
    (select max(version) as version from deltas union all select version from base) as known
"""
_UNKNOWN: Final = b""
"""The key of what was revoked before this store was restored, and is known by its name only."""
_KEEP_HEAD: Final = (
    "insert into head (one, raw) values (1, ?) on conflict (one) do update set raw = excluded.raw"
)
_KEEP_BASE: Final = """
insert into base (one, version, raw) values (1, ?, ?)
on conflict (one) do update set version = excluded.version, raw = excluded.raw
"""
_RELEARN: Final = """
insert into revocations (id, bank, key, reason, version, time, leaves, listed) values (?, '', ?, ?, ?, ?, ?, 1)
on conflict (id) do update set reason = excluded.reason, version = excluded.version, listed = 1
"""


class SqlPolicyLog:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self) -> int:
        return int(self._store.value(_NEWEST))

    def deltas(self, since: int, until: int, most: int) -> list[bytes]:
        sql = "select version, raw from deltas where version > ? and version <= ? order by version limit ?"
        rows = self._store.rows(sql, (since, until, most))
        return [raw for _, raw in rows] if rows and rows[0][0] == since + 1 else []

    def drop(self, until: int, most: int) -> None:
        with self._store.transaction():
            oldest = self._store.value("select min(version) from deltas")
            if oldest is not None:
                last = min(until, oldest + most - 1)
                self._store.run("delete from deltas where version <= ?", (last,))

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
                self._store.run(_RELEARN, (name, _UNKNOWN, int(reason), delta.body.version, since, leaves))
            self._remove(delta.body.removed)
            return True

    def begin(self, base: Baseline, since: int, leaves: int) -> bool:
        version, listed = base.base.body.version, dict(base.revoked)
        with self._store.transaction():
            if version <= self.newest():
                return False
            self._store.run("delete from deltas")
            self._store.run(_KEEP_BASE, (version, codec.encode(base.to_cbor())))
            known = self._store.rows("select id from revocations where listed = 1")
            self._remove([name for (name,) in known if name not in listed])
            rows = [(name, _UNKNOWN, int(reason), version, since, leaves) for name, reason in base.revoked]
            self._store.run_each(_RELEARN, rows)
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
            self._store.run(_KEEP_HEAD, (head.encode(),))
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
            self._store.run(_KEEP_BASE, (version, raw))
            return True

    def revoke(self, revocation: Revocation) -> bool:
        values = (revocation.id, revocation.bank, revocation.key, int(revocation.reason))
        return (
            self._store.run(_REVOKE, (*values, revocation.time, revocation.leaves, int(Reason.CONFLICT))) == 1
        )

    def name(self, revocation: Revocation) -> None:
        self._store.run(
            "update revocations set bank = ?, key = ?, leaves = ? where id = ? and key = ?",
            (revocation.bank, revocation.key, revocation.leaves, revocation.id, _UNKNOWN),
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
        named = (_UNKNOWN, *ids)  # Nobody's name: no ids are no list in PostgreSQL.
        places = ", ".join("?" * len(named))
        sql = f"select min(time) from revocations where key = ? or (key = ? and id in ({places}))"
        since: int | None = self._store.value(sql, (key, _UNKNOWN, *named))
        return since

    def leaving(self, now: int, most: int) -> list[bytes]:
        sql = "select id from revocations where leaves < ? order by leaves, id limit ?"
        return [name for (name,) in self._store.rows(sql, (now, most))]


def _revoked(rows: list[Row]) -> list[Revoked]:
    return [(name, Reason(reason)) for name, reason in rows]


def _age(head: Signed[PolicyHead]) -> tuple[int, int]:
    return head.body.version, head.body.time
