"""The notary's words, kept in the order in which they were heard, and this bank's own verdicts.

Rule: what the notary says was consumed by a commit of this bank is unspent no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.unspent import Unspent
from ledger_sync.heard import PAGE, start
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import TokenRef


class Statements:
    """The tables of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, unspent: Unspent) -> None:
        self._store = store
        self._unspent = unspent

    def add(self, signed: Signed[Consumption], *, is_ours: bool = True) -> list[TokenRef]:
        """The notary's word; the references of which nothing was known before. ``is_ours``: it answers a commit of this
        bank, so that what it consumed needs no refund."""
        body = signed.body
        keep(signed)
        fresh = []
        is_first = self._store.insert(
            "statements",
            id=signed.id,
            consumer=body.consumer,
            payload=signed.payload,
            signature=signed.signature,
        )
        if is_first:
            self._store.insert("heard", statement=signed.id, time=body.time)
        for ref in body.refs:
            is_new = self._store.insert(
                "consumed", origin=ref.txid, output=ref.output, consumer=body.consumer, statement=signed.id
            )
            fresh += [ref] if is_new else []
            if is_ours:
                self._unspent.drop(ref)
        return fresh

    def on(self, ref: TokenRef) -> Signed[Consumption] | None:
        """The notary's word on who consumed an output."""
        row = self._store.row(
            "select s.payload, s.signature from consumed c join statements s on s.id = c.statement"
            " where c.origin = ? and c.output = ?",
            ref,
        )
        return None if row is None else load(Consumption, *row)

    def about(self, refs: Sequence[TokenRef]) -> list[Signed[Consumption]]:
        """The notary's words about these outputs, each once."""
        found = {held.id: held for ref in refs if (held := self.on(ref)) is not None}
        return list(found.values())

    def heard(self, since: int, after: int) -> tuple[int, list[Signed[Consumption]]]:
        """A page of the notary's words dated `since` or later, after number `after` of their coming; and the number
        of its last (0 for an empty page)."""
        rows = self._store.rows(
            "select h.number, s.payload, s.signature from heard h join statements s on s.id = h.statement"
            " where h.number > ? order by h.number limit ?",
            (max(after, start(self._store.rows, since)), PAGE),
        )
        return (rows[-1][0] if rows else 0), [load(Consumption, *row[1:]) for row in rows]


class Settlements:
    """The table of verdicts. Reads within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, txid: bytes) -> Signed[Settlement] | None:
        row = self._store.row("select payload, signature from settlements where transfer = ?", (txid,))
        return None if row is None else load(Settlement, *row)
