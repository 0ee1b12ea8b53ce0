"""Issuances, refused fundings and charges upon SQL (`ledger_sync.central_bank.ports.issuances`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.central_bank.ports.issuances import Cause, Charge, Issued, RefusedFunding
from ledger_sync.database.store import Store
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance

_BACKED: Final = """
select 1 from issuances where id = ? and (cause = 'funding'
or exists (select 1 from redemptions where txid = cause_id) or id in (select issuance from charged))
"""


class SqlIssuances:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, cause: Cause, cause_id: bytes) -> Issued | None:
        row = self._store.row(
            "select bank, raw from issuances where cause = ? and cause_id = ?", (cause.value, cause_id)
        )
        return None if row is None else Issued(row[0], cose.parse(Issuance, row[1]))

    def has(self, issuance: bytes) -> bool:
        return self._store.row("select 1 from issuances where id = ?", (issuance,)) is not None

    def keep(self, cause: Cause, cause_id: bytes, bank: str, issuance: Signed[Issuance]) -> bool:
        raw = issuance.encode()
        return self._store.insert(
            "issuances", id=issuance.id, cause=cause.value, cause_id=cause_id, bank=bank, raw=raw
        )

    def answers(self, issuance: bytes, cause: Cause, cause_id: bytes) -> None:
        sql = "update issuances set cause = ?, cause_id = ? where id = ?"
        self._store.run(sql, (cause.value, cause_id, issuance))

    def refused(self, funding: bytes) -> RefusedFunding | None:
        row = self._store.row("select bank, owner, amounts from refused_fundings where id = ?", (funding,))
        if row is None:
            return None
        bank, owner, packed = row
        return RefusedFunding(funding, bank, owner, tuple(codec.decode(packed, MAX_OBJECT_BYTES)))

    def refuse(self, refused: RefusedFunding, time: int) -> bool:
        return self._store.insert(
            "refused_fundings",
            id=refused.id,
            bank=refused.bank,
            owner=refused.owner,
            amounts=codec.encode(list(refused.amounts)),
            time=time,
        )

    def forget_refused(self, before: int) -> None:
        self._store.run("delete from refused_fundings where time < ?", (before,))

    def charge(self, issuance: bytes, charge: Charge) -> bool:
        return self._store.insert(
            "charged", issuance=issuance, bank=charge.bank, funding=charge.funding, amount=charge.amount
        )

    def charged(self, issuance: bytes) -> Charge | None:
        row = self._store.row("select bank, funding, amount from charged where issuance = ?", (issuance,))
        return None if row is None else Charge(*row)

    def give_back(self, issuance: bytes) -> bool:
        return self._store.run("delete from charged where issuance = ?", (issuance,)) == 1

    def is_backed(self, issuance: bytes) -> bool:
        return self._store.row(_BACKED, (issuance,)) is not None
