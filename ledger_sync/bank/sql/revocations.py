"""Revocations and evidence upon SQL (`ledger_sync.bank.ports.revocations`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ledger_sync.bank.ports.revocations import Case, Revocation, name_of
from ledger_sync.database.store import Store
from wallet.protocol.evidence import Evidence, parse_evidence
from wallet.protocol.policy import Reason

_UNLISTED: Final = "from revocations r join wallets w on w.wallet = r.wallet where r.version is null"


class SqlRevocations:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, wallet: bytes, account: str, reason: Reason, evidence: bytes | None, time: int) -> bool:
        return self._store.insert(
            "revocations", wallet=wallet, customer=account, reason=int(reason), evidence=evidence, time=time
        )

    def reasons(self, wallet: bytes) -> frozenset[Reason]:
        rows = self._store.rows("select reason from revocations where wallet = ?", (wallet,))
        return frozenset(Reason(reason) for (reason,) in rows)

    def of_account(self, account: str) -> Sequence[Revocation]:
        rows = self._store.rows(
            "select wallet, reason, version from revocations where customer = ?", (account,)
        )
        return [Revocation(wallet, Reason(reason), version) for wallet, reason, version in rows]

    def count_losses(self, account: str, since: int) -> int:
        sql = "select count(distinct time) from revocations where customer = ? and reason = ? and time > ?"
        return int(self._store.value(sql, (account, int(Reason.LOST), since)))

    # listing

    def unlisted(self, case: Case, issued: int, most: int) -> Sequence[Revocation]:
        which, value = _of(case)
        rows = self._store.rows(
            f"select r.wallet, r.reason {_UNLISTED} and {which} and w.issued <= ? limit ?",
            (value, issued, most),
        )
        return [Revocation(wallet, Reason(reason), None) for wallet, reason in rows]

    def count_unlisted(self, case: Case) -> int:
        which, value = _of(case)
        return int(self._store.value(f"select count(*) {_UNLISTED} and {which}", (value,)))

    def listed(self, revocations: Sequence[Revocation], version: int) -> int:
        sql = "update revocations set version = ? where wallet = ? and reason = ? and version is null"
        with self._store.transaction():
            return sum(self._store.run(sql, (version, one.wallet, int(one.reason))) for one in revocations)

    def forgotten(self, after: int) -> Sequence[Case]:
        with self._store.transaction():
            rows = self._store.rows(
                "select distinct evidence, case when evidence is null then customer else '' end"
                " from revocations where version > ?",
                (after,),
            )
            self._store.run("update revocations set version = null where version > ?", (after,))
        return [Case(evidence, account) for evidence, account in rows]

    # evidence

    def evidence(self, name: bytes) -> Evidence | None:
        raw = self._store.value("select raw from evidence where id = ?", (name,))
        return None if raw is None else parse_evidence(raw)

    def keep(self, evidence: Evidence) -> bytes:
        name, key = name_of(evidence), evidence.certificate.body.key
        self._store.insert("evidence", id=name, kind=int(evidence.kind), key=key, raw=evidence.encode())
        return name


def _of(case: Case) -> tuple[str, Any]:
    """The condition and the value by which a case's revocations are found."""
    if case.evidence is None:
        return "r.evidence is null and r.customer = ?", case.account
    return "r.evidence = ?", case.evidence
