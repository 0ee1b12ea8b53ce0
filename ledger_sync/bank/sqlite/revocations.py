"""Revocations and evidence upon SQLite (`ledger_sync.bank.ports.revocations`)."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.ports.revocations import Revocation, name_of
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason


class SqliteRevocations:
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

    def keep(self, evidence: Evidence) -> bytes:
        name, key = name_of(evidence), evidence.certificate.body.key
        self._store.insert("evidence", id=name, kind=int(evidence.kind), key=key, raw=evidence.encode())
        return name

    def forgotten(self, version: int) -> Sequence[bytes]:
        with self._store.transaction():
            rows = self._store.rows(
                "select distinct coalesce(evidence, cast(customer as blob)) from revocations where version > ?",
                (version,),
            )
            self._store.run("update revocations set version = null where version > ?", (version,))
        return [row[0] for row in rows]
