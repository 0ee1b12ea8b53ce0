"""Unspent: outputs of customers' keys that are not consumed, not refunded and not known to be worth nothing.

Rule: what leaves the state in which it could still be redeemed or refunded leaves this table in the same transaction,
so that what is open of a key, or is to be refunded, is found without its history.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token

_FROM_TOKENS = (
    "insert into unspent (origin, output, owner, device, expires)"
    " select t.origin, t.output, t.owner, w.device, t.expires from tokens t join wallets w on w.wallet ="
    " (select x.wallet from wallets x where x.key = t.owner limit 1)"
    " where {which} and (t.value is null or t.value > 0)"
    " and not exists (select 1 from consumed c where c.origin = t.origin and c.output = t.output)"
    " and not exists (select 1 from refunds r where r.origin = t.origin and r.output = t.output)"
    " on conflict do nothing"
)


class Unspent:
    """The table of what customers have not spent. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def came(self, tokens: Sequence[Token]) -> None:
        """Outputs that have just been stored."""
        for token in tokens:
            self._store.run(_FROM_TOKENS.format(which="t.origin = ? and t.output = ?"), token.ref)

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's: what it owns counts from now on."""
        self._store.run(_FROM_TOKENS.format(which="t.owner = ?"), (key,))

    def drop(self, ref: TokenRef) -> None:
        """It was consumed or refunded, or is worth nothing."""
        self._store.run("delete from unspent where origin = ? and output = ?", ref)

    def has(self, key: bytes) -> bool:
        return self._store.row("select 1 from unspent where owner = ? limit 1", (key,)) is not None

    def on_other_devices(self, account: str, device: bytes) -> tuple[int, int | None]:
        """Tiyn that the ledger knows unspent on the account's other devices, and when the last of it expires."""
        row = self._store.row(
            "select coalesce(sum(t.value), 0), max(h.expires) from unspent h"
            " join tokens t on t.origin = h.origin and t.output = h.output"
            " where h.device <> ? and t.value > 0 and h.device in (select key from devices where customer = ?)",
            (device, account),
        )
        amount, expires = row if row is not None else (0, None)
        return int(amount), expires

    def to_refund(self, before: int, limit: int) -> list[tuple[TokenRef, str]]:
        """Settled outputs that expired ``before`` (unix seconds) and are not asked for yet, with their account."""
        rows = self._store.rows(
            "select h.origin, h.output, (select w.customer from wallets w where w.key = h.owner limit 1)"
            " from unspent h join tokens t on t.origin = h.origin and t.output = h.output"
            " where h.refund = 0 and h.expires < ? and t.value > 0 order by h.expires limit ?",
            (before, limit),
        )
        return [(TokenRef(origin, output), account) for origin, output, account in rows]

    def asked_for(self, ref: TokenRef) -> None:
        """Its refund is under way."""
        self._store.run("update unspent set refund = 1 where origin = ? and output = ?", ref)

    def not_asked_for(self, ref: TokenRef) -> None:
        """Its refund was asked for too early."""
        self._store.run("update unspent set refund = 0 where origin = ? and output = ?", ref)
