"""Questions to banks upon SQL (`ledger_sync.central_bank.ports.questions`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.central_bank.ports.questions import Question
from ledger_sync.database.store import Row, Store
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer

_QUESTION: Final = "select txid, output, consumer, owner, since, shown, failed from asked"
_OPEN: Final = "shown is null and failed is null"
_DUE: Final = f"""
select bank, consumer from asked where {_OPEN}
and (due <= ?1 or due > ?1 + ?4) and (cast(?2 as text) is null or bank = ?2)
group by bank, consumer order by min(due) limit ?3
"""
_PUT_OFF: Final = f"""
update asked set failures = failures + 1, due = ?1 + ?2, since = case when since < ?1 then since else ?1 end
where consumer = ?3 and {_OPEN} and (due <= ?1 or due > ?1 + ?4)
"""


class SqlQuestions:
    """The table of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, ref: TokenRef, consumer: bytes, bank: str, owner: bytes, now: int) -> Question:
        self._store.insert(
            "asked",
            txid=ref.txid,
            output=ref.output,
            consumer=consumer,
            bank=bank,
            owner=owner,
            since=now,
            due=now,
        )
        ((standing),) = self._store.rows(f"{_QUESTION} where txid = ? and output = ?", ref)
        return _question(standing)

    def about(self, refs: Sequence[TokenRef]) -> list[Question]:
        sql = f"{_QUESTION} where txid = ? and output = ?"
        return [_question(row) for ref in refs for row in self._store.rows(sql, ref)]

    def bring(self, transfer: Signed[Transfer], signer: bytes) -> None:
        self._store.insert("brought", id=transfer.id, signer=signer, raw=transfer.encode())

    def brought(self, consumer: bytes, signer: bytes) -> Signed[Transfer] | None:
        sql = "select raw from brought where id = ? and signer = ?"
        raw = self._store.value(sql, (consumer, signer))
        return None if raw is None else cose.parse(Transfer, raw)

    def open(self, consumer: bytes) -> list[Question]:
        rows = self._store.rows(f"{_QUESTION} where consumer = ? and {_OPEN}", (consumer,))
        return [_question(row) for row in rows]

    def due(self, bank: str | None, now: int, wait: int, most: int) -> list[tuple[str, bytes]]:
        return [(asked, consumer) for asked, consumer in self._store.rows(_DUE, (now, bank, most, wait))]

    def show(self, ref: TokenRef, transfer: Signed[Transfer]) -> bool:
        sql = f"update asked set shown = ? where txid = ? and output = ? and {_OPEN}"
        return self._store.run(sql, (transfer.encode(), *ref)) == 1

    def fail(self, ref: TokenRef, now: int) -> bool:
        sql = f"update asked set failed = ? where txid = ? and output = ? and {_OPEN}"
        return self._store.run(sql, (now, *ref)) == 1

    def put_off(self, consumer: bytes, now: int, pause: int, wait: int) -> None:
        self._store.run(_PUT_OFF, (now, pause, consumer, wait))

    def give_up(self, consumer: bytes, now: int, attempts: int, wait: int) -> None:
        self._store.run(
            f"update asked set failed = ? where consumer = ? and {_OPEN} and failures > ? and since + ? <= ?",
            (now, consumer, attempts, wait, now),
        )


def _question(row: Row) -> Question:
    txid, output, consumer, owner, since, shown, failed = row
    transfer = None if shown is None else cose.parse(Transfer, shown)
    return Question(TokenRef(txid, output), consumer, owner, since, transfer, failed is not None)
