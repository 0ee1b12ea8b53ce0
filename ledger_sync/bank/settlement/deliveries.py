"""Deliveries: what the ledger lists for a customer's keys, in the order of the customer's own cursor.

Rule: every settled transfer with an output of, or a signature by, one of the customer's keys, every refusal that gives
them money back, and every issuance for them, once; so a payee finds money it never saw, a payer that its payment was
refused, and a restored purse its own transfers. An output that its owner has refused is not listed as the owner's; the
refusal is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.provenance import Gathered, Provenance
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.feed import What
from ledger_sync.bank.wallets.wallets import Wallets
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import TokenRef, ToPayer, Transfer

_TIME_BITS: Final = 20
_CHANCE_BYTES: Final = 16
_APART_BYTES: Final = 2
_PAGE: Final = 128


class AccountFeed:
    """Lists and hands out. Listing works within the caller's transaction."""

    def __init__(
        self,
        context: BankContext,
        objects: Archive,
        provenance: Provenance,
        wallets: Wallets,
        most_bytes: int,
    ) -> None:
        """``most_bytes``: of objects in one delivery, unless a single one needs more."""
        self._most_bytes = most_bytes
        self._context = context
        self._feed = context.storage.feed
        self._redemptions = context.storage.redemptions
        self._objects = objects
        self._provenance = provenance
        self._wallets = wallets
        self._least: int | None = None
        self._chance = context.random(_CHANCE_BYTES)

    def begin_numbers(self) -> None:
        """After a start numbers go on at the time (unix seconds, times 2^20), and from each to the next by some chance,
        so that a bank that was put back from a backup gives no number again, not even where it was put back in the
        second in which it had started. While the clock is unsure that waits, and so does listing: by a wrong time,
        numbers would come after those of a later start."""
        try:
            self._go_on_at_the_time()
        except Refusal as refusal:
            if refusal.code is not Code.CLOCK_UNSURE:
                raise

    def _go_on_at_the_time(self) -> int:
        """CLOCK_UNSURE."""
        if self._least is None:
            self._least = self._context.clock() << _TIME_BITS
        return self._least

    def _apart(self, name: bytes) -> int:
        """How far the number of this object is from the one before it: 1 to 2^16, others after each start."""
        return 1 + int.from_bytes(hashlib.sha256(self._chance + name).digest()[:_APART_BYTES])

    def issuance_came(self, issuance: Signed[Issuance]) -> None:
        self._list([(issuance.body.owner, What.ISSUANCE, issuance.id)])

    def settled(self, transfers: Sequence[tuple[Signed[Transfer], bytes]], *, are_news: bool = False) -> None:
        """List settled transfers, each for its signer and its payee, a refusal for its payer. ``are_news``: nothing is
        here that redeems what they made."""
        refused = frozenset() if are_news else self._refused([transfer for transfer, _ in transfers])
        news: list[tuple[bytes, What, bytes]] = []
        for transfer, signer in transfers:
            body = transfer.body
            keys = [signer]
            if body.redemption is None and transfer.id not in refused:
                keys.append(body.payee)
            if isinstance(body.purpose, ToPayer):
                keys.append(body.purpose.payer)
            news += [(key, What.TRANSFER, transfer.id) for key in keys]
        self._list(news)

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's: what came for it earlier is listed now."""
        self._list([(key, what, name) for what, name in self._feed.settled_for(key)])

    def _list(self, news: Sequence[tuple[bytes, What, bytes]]) -> None:
        holders = self._wallets.holders({key for key, _, _ in news})
        own = [(holders[key].account, what, name) for key, what, name in news if key in holders]
        if own:
            self._feed.append(own, self._go_on_at_the_time(), self._apart)

    def _refused(self, transfers: Sequence[Signed[Transfer]]) -> frozenset[bytes]:
        """Those of these whose payee signed a refusal of output 0."""
        redeemed = self._objects.transfers.redeemed([TokenRef(one.id, 0) for one in transfers])
        return frozenset(
            one.id
            for one in transfers
            if TokenRef(one.id, 0) in redeemed
            and any(
                isinstance(other.body.purpose, ToPayer)
                for other in self._objects.transfers.redemptions_of(TokenRef(one.id, 0), one.body.payee)
            )
        )

    def keys_in_use(self, account: str, keys: Sequence[bytes], paid: Collection[bytes]) -> list[bytes]:
        """Those of ``account``'s own ``keys`` that the ledger still knows something open of: money that is neither
        consumed nor refunded, a transfer without a verdict, a redemption that is not done; or that are ``paid`` by
        what is being settled now."""
        own = [key for key in dict.fromkeys(keys) if self._wallets.customer_of(key) == account]
        return [key for key in own if key in paid or self._is_in_use(account, key)]

    def _is_in_use(self, account: str, key: bytes) -> bool:
        return (
            self._objects.unspent.has(key)
            or self._objects.pending.concerns(key)
            or self._redemptions.is_under_way(account, key)
        )

    def remembers(self, account: str, cursor: int) -> bool:
        """Whether this bank remembers that it gave this number. Else it was put back from a backup, and tells all."""
        return self._feed.gave(account, cursor)

    def since(self, account: str, cursor: int) -> tuple[int, Bundle, list[bytes]]:
        """The next page after ``cursor``: the new cursor, objects with their provenance, ids of listed transfers."""
        if not self.remembers(account, cursor):
            cursor = 0
        gathered = Gathered()
        listed: list[bytes] = []
        for entry in self._feed.after(account, cursor, _PAGE):
            more = self._provenance.gather(
                [entry.name], Gathered(dict(gathered.transfers), dict(gathered.issuances))
            )
            if gathered.size and not (more.fits() and more.size <= self._most_bytes):
                break
            gathered, cursor = more, entry.number
            if entry.what is What.TRANSFER:
                listed.append(entry.name)
        return cursor, self._provenance.bundle(gathered, listed), listed
