"""The policy that a purse has reached, kept as it was when it was verified.

Rule: a delta's signature is checked once, when it comes. What the purse goes by is read from here, and costs what is
revoked now and how often the directory has changed, not how many deltas there ever were. The last few are kept to be
passed on, and beyond those the ones that changed the directory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_DELTAS, MAX_OBJECT_BYTES, MAX_SEQUENCE
from wallet.protocol.cose import Signed, from_cbor, parse
from wallet.protocol.directory import Directory
from wallet.protocol.policy import Policy, PolicyBase, PolicyDelta, PolicyHead, Reason
from wallet.purse.store.store import Row, Store

_REACHED: Final = "policy_reached"
_BASE: Final = "policy_base"
_BEGUN_AT: Final = "policy_begun_at"
_REACHED_BYTES: Final = 32
KEPT_DELTAS: Final = 32 * MAX_DELTAS
"""The last ones, which a purse passes on with its payments: who lacks more goes online."""
MOST_DROPPED: Final = 1_024
"""At a time: a purse that kept all of them once has many."""
_DROP: Final = """
DELETE FROM policy_delta WHERE version IN
    (SELECT version FROM policy_delta WHERE version <= ? AND changes = 0 ORDER BY version LIMIT ?)
"""


class PolicyBook:
    """Deltas, and what they have come to. Writes within the caller's transaction."""

    def __init__(self, store: Store, kept: int = KEPT_DELTAS, dropped: int = MOST_DROPPED) -> None:
        """``kept`` deltas are passed on; of older ones ``dropped`` go at a time."""
        self._store = store
        self._kept, self._dropped = kept, dropped

    @property
    def version(self) -> int:
        """The version of the policy held; 0 before there is any."""
        return max(int(self._store.value("SELECT max(version) FROM policy_delta") or 0), self.begun_at)

    @property
    def begun_at(self) -> int:
        """The version of the base that this purse began with last; 0 where it began with the first delta."""
        return int(self._store.fact(_BEGUN_AT) or 0)

    def begin(self, base: Signed[PolicyBase], start: Policy) -> None:
        """With what ``base`` says, which was checked, and ``start``, what it comes to; what was held is older."""
        self._store.write("DELETE FROM policy_delta WHERE changes = 0")
        self._store.set_fact(_BASE, base.encode())
        self._store.set_fact(_BEGUN_AT, start.version)
        self.keep_whole((), start)

    def reached(self, base: Directory, head: PolicyHead) -> Policy | None:
        """The policy over the directory ``base`` as the root signed it; None where it was never noted."""
        raw = self._store.fact(_REACHED)
        if raw is None:
            return None
        version, latest = codec.decode(raw, _REACHED_BYTES)
        rows = self._store.rows("SELECT id, reason FROM revoked")
        revoked = {row["id"]: Reason(row["reason"]) for row in rows}
        return Policy(self.directory_at(base, version), version, head, revoked, latest)

    def directory_at(self, base: Directory, version: int) -> Directory:
        """``base`` with the changes of all deltas up to ``version``."""
        begun, since = self._store.fact(_BASE), 0
        if begun is not None and version >= self.begun_at:
            base, since = base.with_changes(parse(PolicyBase, begun).body.changes), self.begun_at
        sql = (
            "SELECT raw FROM policy_delta WHERE changes = 1 AND version > ? AND version <= ? ORDER BY version"
        )
        for row in self._store.rows(sql, since, version):
            base = base.with_changes(_delta(row).body.changes)
        return base

    def reach(self, since: int, limit: int) -> int:
        """The version that somebody gets to from ``since`` with at most ``limit`` of these deltas; those that follow on
        ``since`` may be kept no longer."""
        sql = "SELECT version FROM policy_delta WHERE version > ? ORDER BY version LIMIT ?"
        for row in self._store.rows(sql, since, limit):
            if row["version"] != since + 1:
                break
            since += 1
        return since

    def deltas(self, since: int, until: int = MAX_SEQUENCE) -> tuple[Signed[PolicyDelta], ...]:
        """Those after version ``since`` up to ``until``."""
        sql = "SELECT raw FROM policy_delta WHERE version > ? AND version <= ? ORDER BY version"
        return tuple(_delta(row) for row in self._store.rows(sql, since, until))

    def keep(self, deltas: Iterable[Signed[PolicyDelta]], after: Policy) -> None:
        """What is new of ``deltas``, which lead to ``after``, a policy over the same directory as before."""
        held = self.version
        for delta in deltas:
            if held < delta.body.version <= after.version:
                self._add(delta)
                for removed in delta.body.removed:
                    self._store.write("DELETE FROM revoked WHERE id = ?", removed)
                for revoked, reason in delta.body.revoked:
                    self._revoke(revoked, reason)
        self._note(after)

    def keep_whole(self, deltas: Iterable[Signed[PolicyDelta]], after: Policy) -> None:
        """All that ``after`` has come to, whatever was noted before."""
        held = self.version
        for delta in deltas:
            if delta.body.version <= held:
                sql = "UPDATE policy_delta SET changes = ? WHERE version = ?"
                self._store.write(sql, int(bool(delta.body.changes)), delta.body.version)
            elif delta.body.version <= after.version:
                self._add(delta)
        self._store.write("DELETE FROM revoked")
        for revoked, reason in after.revoked.items():
            self._revoke(revoked, reason)
        self._note(after)

    def _add(self, delta: Signed[PolicyDelta]) -> None:
        self._store.insert(
            "policy_delta",
            version=delta.body.version,
            raw=delta.encode(),
            changes=int(bool(delta.body.changes)),
        )

    def _revoke(self, revoked: bytes, reason: Reason) -> None:
        self._store.write(
            "INSERT INTO revoked (id, reason) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET reason = excluded.reason",
            revoked,
            int(reason),
        )

    def _note(self, after: Policy) -> None:
        self._store.write(_DROP, after.version - self._kept, self._dropped)
        self._store.set_fact(_REACHED, codec.encode([after.version, after.latest]))


def _delta(row: Row) -> Signed[PolicyDelta]:
    return from_cbor(PolicyDelta, codec.decode(row["raw"], MAX_OBJECT_BYTES))
