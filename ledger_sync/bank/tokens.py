"""Tokens: the outputs of valid transactions, and what they are worth by the verdicts.

Rule: what leaves the state in which it could still be redeemed or refunded leaves `unspent` with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.sqlite.store import Row, Store
from ledger_sync.bank.statements import Settlements
from ledger_sync.bank.unspent import Unspent
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token

_FIELDS: Final = ("amount", "owner", "currency", "mark", "hop", "expires", "made", "payer")
_TOKEN: Final = ", ".join(_FIELDS)


class Tokens:
    """The table of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, unspent: Unspent, settlements: Settlements) -> None:
        self._store = store
        self._unspent = unspent
        self._settlements = settlements

    def add(self, tokens: Sequence[Token], *, settled: bool) -> None:
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
        self._unspent.came(tokens)

    def settle(self, ref: TokenRef, value: int) -> None:
        """What an output is worth (tiyn) by its transfer's verdict."""
        self._store.run("update tokens set value = ? where origin = ? and output = ?", (value, *ref))
        if not value:
            self._unspent.drop(ref)

    def get(self, ref: TokenRef) -> Token | None:
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
        settlement = self._settlements.of(ref.txid)
        values = () if settlement is None else settlement.body.values
        return values[ref.output] if ref.output < len(values) else None


def _token(ref: TokenRef, row: Row) -> Token:
    """The token in a row of ``_TOKEN``."""
    return Token(ref=ref, **dict(zip(_FIELDS, row, strict=True)))
