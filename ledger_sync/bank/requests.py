"""Payment requests that came, kept as they came: a burden on their uploader until a settled transfer answers them.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.shares import Share, Shares
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Verdict


class Requests:
    """The table of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, shares: Shares) -> None:
        self._store = store
        self._shares = shares

    def knows(self, request_id: bytes) -> bool:
        return self._store.row("select 1 from requests where id = ?", (request_id,)) is not None

    def add(self, signed: Signed[Request], uploader: str, now: int) -> bool:
        keep(signed)
        ref = request_ref(signed)
        sql = (
            "select 1 from transfers t join settlements s on s.transfer = t.id"
            " where t.purpose = ? and s.verdict <> ? limit 1"
        )
        answered = self._store.row(sql, (ref, int(Verdict.REFUSED))) is not None
        is_new = self._store.insert(
            "requests",
            id=signed.id,
            ref=ref,
            payload=signed.payload,
            signature=signed.signature,
            uploader=uploader,
            answered=int(answered),
            since=now,
        )
        if is_new and not answered:
            self._shares.charge(Share.REQUESTS, uploader)
        return is_new

    def answered(self, ref: bytes) -> None:
        """A settled transfer answers them: they are no burden any more."""
        rows = self._store.rows("select id, uploader from requests where ref = ? and answered = 0", (ref,))
        for request_id, uploader in rows:
            self._store.run("update requests set answered = 1 where id = ?", (request_id,))
            self._shares.charge(Share.REQUESTS, uploader, count=-1)

    def drop(self, uploader: str, count: int) -> None:
        """The oldest that nothing has answered."""
        self._drop("uploader = ?", (uploader, count))

    def drop_old(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before`` (unix seconds)."""
        self._drop("since < ?", (before, count))

    def _drop(self, which: str, values: Sequence[Any]) -> None:
        rows = self._store.rows(
            f"select id, uploader from requests where answered = 0 and {which} order by since limit ?", values
        )
        for request_id, uploader in rows:
            self._store.run("delete from requests where id = ?", (request_id,))
            self._shares.charge(Share.REQUESTS, uploader, count=-1)

    def get(self, ref: bytes) -> Signed[Request] | None:
        row = self._store.row("select payload, signature from requests where ref = ? limit 1", (ref,))
        return None if row is None else load(Request, *row)
