"""Outputs: tokens, what the notary said of them, and what they are worth by the verdicts.

Rule: what leaves the state in which it could still be redeemed or refunded leaves `unspent` with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.sqlite.store import Row, Store
from ledger_sync.bank.unspent import Unspent
from ledger_sync.heard import PAGE, start
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token

_FIELDS: Final = ("amount", "owner", "currency", "mark", "hop", "expires", "made", "payer")
_TOKEN: Final = ", ".join(_FIELDS)


class Outputs:
    """The tables of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unspent = Unspent(store)

    def add_tokens(self, tokens: Sequence[Token], *, settled: bool) -> None:
        """Outputs of a valid transaction; those of an issuance bring their face value."""
        for token in tokens:
            self._store.insert(
                "tokens",
                origin=token.ref.txid,
                output=token.ref.output,
                amount=token.amount,
                owner=token.owner,
                currency=token.currency,
                mark=token.mark,
                hop=token.hop,
                expires=token.expires,
                made=token.made,
                payer=token.payer,
                value=token.amount if settled else None,
            )
        self.unspent.came(tokens)

    def settle(self, ref: TokenRef, value: int) -> None:
        """What an output is worth (tiyn) by its transfer's verdict."""
        self._store.run("update tokens set value = ? where origin = ? and output = ?", (value, *ref))
        if not value:
            self.unspent.drop(ref)

    def token(self, ref: TokenRef) -> Token | None:
        row = self._store.row(f"select {_TOKEN} from tokens where origin = ? and output = ?", ref)
        return None if row is None else _token(ref, row)

    def settled_value(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while it has no verdict."""
        value: int | None = self._store.value("select value from tokens where origin = ? and output = ?", ref)
        return value

    def worth(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while it has no verdict. Of a transfer that ended before it was judged
        (`endings`) there are no tokens, and its verdict says so."""
        value = self.settled_value(ref)
        if value is not None:
            return value
        settlement = self.settlement(ref.txid)
        values = () if settlement is None else settlement.body.values
        return values[ref.output] if ref.output < len(values) else None

    # what notary and bank said

    def add_statement(self, signed: Signed[Consumption], *, is_ours: bool = True) -> list[TokenRef]:
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
                self.unspent.drop(ref)
        return fresh

    def statement(self, ref: TokenRef) -> Signed[Consumption] | None:
        """The notary's word on who consumed an output."""
        row = self._store.row(
            "select s.payload, s.signature from consumed c join statements s on s.id = c.statement"
            " where c.origin = ? and c.output = ?",
            ref,
        )
        return None if row is None else load(Consumption, *row)

    def statements(self, refs: Sequence[TokenRef]) -> list[Signed[Consumption]]:
        """The notary's words about these outputs, each once."""
        found = {held.id: held for ref in refs if (held := self.statement(ref)) is not None}
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

    def settlement(self, txid: bytes) -> Signed[Settlement] | None:
        row = self._store.row("select payload, signature from settlements where transfer = ?", (txid,))
        return None if row is None else load(Settlement, *row)


def _token(ref: TokenRef, row: Row) -> Token:
    """The token in a row of ``_TOKEN``."""
    return Token(ref=ref, **dict(zip(_FIELDS, row, strict=True)))
