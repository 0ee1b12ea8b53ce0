"""Fundings upon SQL (`ledger_sync.bank.ports.fundings`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ledger_sync.bank.ports.fundings import Denial, Funding, FundingStage
from ledger_sync.database.store import Store
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codes import Code
from wallet.protocol.limits import Commitments

_NEVER_DEBITED: Final = "customer = ?1 and stage = 'refused' and attempt = 0"
_DEVICE: Final = "(select device from wallets where key = ?2 and customer = ?1 limit 1)"
_HELD: Final = (
    "select coalesce(sum(coalesce(t.value, t.amount)), 0) from unspent u"
    " join tokens t on t.origin = u.origin and t.output = u.output"
    f" where u.device = {_DEVICE} and u.expires >= ?3"
    " and not exists (select 1 from inputs i join transfers x on x.id = i.transfer"
    " where i.origin = t.origin and i.output = t.output and x.stage in ('valid', 'committed'))"
)
_FUNDED: Final = (
    "select coalesce(sum(f.amount), 0) from fundings f where f.customer = ?1 and f.stage = 'debited'"
    f" and (select device from wallets where key = f.owner limit 1) = {_DEVICE}"
)


class SqlFundings:
    """The table of them; and of what purses hold, the tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, funding: Funding) -> bool:
        return self._store.insert(
            "fundings",
            id=funding.id,
            customer=funding.customer,
            owner=funding.owner,
            amounts=codec.encode(list(funding.amounts)),
            amount=funding.amount,
            stage=funding.stage.value,
            attempt=funding.attempt,
            issuance=funding.issuance,
            since=funding.since,
            **_columns(funding.denial),
        )

    def get(self, funding: bytes) -> Funding | None:
        row = self._store.row(
            "select customer, owner, amounts, stage, attempt, issuance, since, code, facts, refused from fundings"
            " where id = ?",
            (funding,),
        )
        if row is None:
            return None
        customer, owner, packed, stage, attempt, issuance, since, code, facts, refused = row
        denial = None if code is None else Denial(Code(code), json.loads(facts or "{}"), refused)
        amounts = tuple(codec.decode(packed, MAX_OBJECT_BYTES))
        return Funding(
            funding, customer, owner, amounts, FundingStage(stage), attempt, issuance, denial, since
        )

    def issued(self, funding: bytes, attempt: int, issuance: bytes) -> bool:
        changes = {"stage": FundingStage.ISSUED.value, "issuance": issuance}
        return self._change(funding, attempt, FundingStage.DEBITED, changes)

    def denied(self, funding: bytes, attempt: int, denial: Denial) -> bool:
        changes = {"stage": FundingStage.DENIED.value, **_columns(denial)}
        return self._change(funding, attempt, FundingStage.DEBITED, changes)

    def resumed(self, funding: bytes, attempt: int) -> bool:
        changes = {"stage": FundingStage.DEBITED.value, "attempt": attempt + 1, **_columns(None)}
        return self._change(funding, attempt, FundingStage.DENIED, changes)

    def _change(self, funding: bytes, attempt: int, was: FundingStage, changes: Mapping[str, Any]) -> bool:
        columns = ", ".join(f"{name} = ?" for name in changes)
        count = self._store.run(
            f"update fundings set {columns} where id = ? and attempt = ? and stage = ?",
            (*changes.values(), funding, attempt, was.value),
        )
        return count == 1

    def remove(self, funding: bytes) -> bool:
        return self._store.run("delete from fundings where id = ?", (funding,)) == 1

    def open_ones(self, account: str | None = None) -> list[tuple[bytes, int]]:
        sql = "select id, amount from fundings where stage = 'debited'"
        if account is None:
            rows = self._store.rows(sql)
        else:
            rows = self._store.rows(f"{sql} and customer = ?", (account,))
        return sorted((funding, amount) for funding, amount in rows)

    def count_debited(self, account: str, after: int, until: int) -> int:
        sql = (
            "select count(*) from fundings where customer = ? and since > ? and since <= ?"
            " and (stage <> 'refused' or attempt > 0)"
        )
        return int(self._store.value(sql, (account, after, until)))

    def forget_denied(self, account: str, before: int, most: int) -> int:
        return self._store.run(
            f"delete from fundings where {_NEVER_DEBITED} and (refused < ?2 or id not in"
            f" (select id from fundings where {_NEVER_DEBITED} order by refused desc limit ?3))",
            (account, before, most),
        )

    def commitments(self, account: str, key: bytes, before: int) -> Commitments:
        held = self._store.value(_HELD, (account, key, before))
        fundings = self._store.value(_FUNDED, (account, key))
        return Commitments(held=int(held), fundings=int(fundings))


def _columns(denial: Denial | None) -> dict[str, str | int | None]:
    """The columns that say why and since when it was refused."""
    if denial is None:
        return {"code": None, "facts": None, "refused": None}
    return {"code": denial.code.value, "facts": json.dumps(dict(denial.facts)), "refused": denial.since}
