"""Claims upon SQL (`ledger_sync.central_bank.ports.claims`)."""

from __future__ import annotations

from typing import Final

from ledger_sync.central_bank.ports.claims import Debt
from ledger_sync.database.store import Store
from wallet.protocol.transfer import TokenRef

_OWE: Final = """
insert into claims (claim, consumer, place, key, defaulter, value, time) values (?, ?, ?, ?, ?, ?, ?)
on conflict (claim, consumer, place) do update set value = claims.value + excluded.value
"""
_PAID: Final = """
select coalesce(sum(paid), 0), coalesce(sum(value), 0) from claims
where claim = ? and bank = ? and (consumer, key) in ((?, ?), (?, ?))
"""
_OWED: Final = """
select coalesce(sum(value - paid), 0) from claims where defaulter = ? and paid < value and bank is not null
"""
_DEBTS: Final = """
select claim, consumer, place, defaulter, value - paid, bank from claims
where paid < value and bank is not null and (cast(?1 as text) is null or defaulter = ?1)
order by time, claim, consumer, place
"""
_PAY: Final = """
update claims set paid = paid + ?1 where claim = ?2 and consumer = ?3 and place = ?4 and value - paid = ?5 and ?1 <= ?5
"""


class SqlClaims:
    """The table of them, and the column of `asked` that says what claimed a token."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, ref: TokenRef) -> bytes | None:
        claim: bytes | None = self._store.value("select claim from asked where txid = ? and output = ?", ref)
        return claim

    def claim(self, ref: TokenRef, claim: bytes) -> bool:
        sql = "update asked set claim = ? where txid = ? and output = ? and claim is null"
        return self._store.run(sql, (claim, *ref)) == 1

    def owe(
        self, claim: bytes, consumer: bytes, place: int, key: bytes, defaulter: str, value: int, time: int
    ) -> None:
        self._store.run(_OWE, (claim, consumer, place, key, defaulter, value, time))

    def speak_for(self, claim: bytes, consumer: bytes, key: bytes, bank: str) -> bool:
        sql = "update claims set bank = ? where claim = ? and consumer = ? and key = ? and bank is null"
        return self._store.run(sql, (bank, claim, consumer, key)) > 0

    def paid(self, claim: bytes, consumer: bytes, bank: str, key: bytes) -> tuple[int, int]:
        ((paid, value),) = self._store.rows(_PAID, (claim, bank, consumer, key, b"", b""))
        return paid, value

    def owed_by(self, defaulter: str) -> int:
        return int(self._store.value(_OWED, (defaulter,)))

    def open(self, defaulter: str | None) -> list[Debt]:
        return [Debt(*row) for row in self._store.rows(_DEBTS, (defaulter,))]

    def pay(self, debt: Debt, amount: int) -> bool:
        values = (amount, debt.claim, debt.consumer, debt.place, debt.lacking)
        return self._store.run(_PAY, values) == 1
