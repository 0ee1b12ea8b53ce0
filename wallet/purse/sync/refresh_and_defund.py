"""Refresh and defunding: settled tokens go back to the central bank, for new ones or to the account.

Only after everything was uploaded, only what the ledger has settled, never a token under an intent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from wallet.protocol.bounds import DAY, MAX_INPUTS, MAX_TRANSFERS
from wallet.protocol.bundle import REDEMPTION_BYTES
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.lifetime import is_redeemable
from wallet.protocol.transfer import Refresh, ToAccount
from wallet.protocol.weight import fits
from wallet.purse.pay.spendable import total_of
from wallet.purse.purse import Purse
from wallet.purse.redemptions import Order, RedemptionBuilder
from wallet.purse.store.tokens import OwnToken, TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.store.words import SKEW
from wallet.purse.sync.answers import StatusImport
from wallet.purse.sync.denominations import split
from wallet.purse.turns import one_at_a_time

RENEW_BEFORE: Final = 30 * DAY
"""A token that would expire sooner than this (seconds) is refreshed."""


@one_at_a_time
class RefreshAndDefund:
    """Begins redemptions and completes them."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._redeeming = RedemptionBuilder(purse)
        self._answers = StatusImport(purse)

    def _redeemable(self) -> list[OwnToken]:
        """Settled, worth something, not too late, of a key that can sign; by reference."""
        purse, now = self._purse, self._purse.now()
        grace = purse.authority.policy.head.grace
        return [
            own
            for own in purse.tokens.all(TokenState.HELD)
            if own.settled
            and is_redeemable(own.token.expires, grace, now)
            and purse.epochs.can_sign(own.token.owner)
            and purse.epochs.certificate_for(own.token.owner, now) is not None
        ]

    def _require_ready(self) -> None:
        self._purse.journal.require_sound()
        require(self._purse.has_uploaded_all(), Code.RECONCILE_FIRST)

    # refresh

    def begin_refresh(self) -> tuple[bytes, ...]:
        """Sign redemptions that renew what is worth it; their transaction ids, perhaps none.

        Raises ``Refusal``: ROLLBACK, RECONCILE_FIRST (not everything was uploaded), NOT_CERTIFIED,
        CERTIFICATE_EXPIRED.
        """
        self._require_ready()
        own = self._purse.epochs.require_current(self._purse.now()).body
        worn = [item for item in self._redeemable() if self._is_worn(item, own.key)]
        allowed = [item for item in worn if not self._is_revoked(item.token.owner)]
        return self._redeem(
            Order("refresh", tuple(item.token for item in group), face, Refresh(own.key, split(face)))
            for group in self._groups(allowed)
            for face in [sum(item.token.amount for item in group)]
        )

    def _is_worn(self, own: OwnToken, key: bytes) -> bool:
        """Not a fresh token of the current key: it has a history, another key, is short, soon expires, or is
        dated ahead."""
        token = own.token
        is_fresh = (
            token.owner == key and token.hop == 0 and not self._purse.objects.has_transfer(token.ref.txid)
        )
        now = self._purse.now()
        is_odd = token.expires - now < RENEW_BEFORE or token.made > now + SKEW
        return not is_fresh or not own.is_whole or is_odd

    def _is_revoked(self, key: bytes) -> bool:
        revoked = self._purse.authority.policy.revoked
        return any(item.body.revocation_id in revoked for item in self._purse.epochs.certificates_of(key))

    def _groups(self, tokens: Sequence[OwnToken]) -> Iterator[tuple[OwnToken, ...]]:
        """One redemption each: one key and mark, short ones apart, within the bounds of a provenance."""
        keyed: dict[tuple[bytes, str, bytes, bool], list[OwnToken]] = {}
        for item in tokens:
            token = item.token
            key = (token.owner, token.currency, token.mark or b"", item.is_whole)
            keyed.setdefault(key, []).append(item)
        for key in sorted(keyed):
            yield from self._chunks(keyed[key])

    def _chunks(self, tokens: Iterable[OwnToken]) -> Iterator[tuple[OwnToken, ...]]:
        group: list[OwnToken] = []
        carried: frozenset[bytes] = frozenset()
        for item in tokens:
            grown = carried | self._purse.objects.ancestry(item.token.ref.txid)
            if group and (len(group) == MAX_INPUTS or len(grown) >= MAX_TRANSFERS):
                yield tuple(group)
                group, grown = [], self._purse.objects.ancestry(item.token.ref.txid)
            group.append(item)
            carried = grown
        if group:
            yield tuple(group)

    # defunding

    def begin_defund(self, amount: int | None = None) -> tuple[bytes, ...]:
        """Sign redemptions of ``amount`` tiyn to the account (None: of all that is settled); their ids.

        Raises ``Refusal``: ROLLBACK, RECONCILE_FIRST (not everything was uploaded, or the rest has not settled),
        AMOUNT_INVALID, FUNDS_SHORT.
        """
        self._require_ready()
        tokens = self._redeemable()
        if amount is None:
            return self._redeem(
                Order("defund", tuple(item.token for item in group), face, ToAccount())
                for group in self._groups(tokens)
                for face in [sum(item.token.amount for item in group)]
            )
        require(amount > 0, Code.AMOUNT_INVALID)
        whole = [item for item in tokens if item.is_whole]
        have = total_of(whole)
        if have < amount:
            held = total_of(self._purse.tokens.all(TokenState.HELD))
            code = Code.RECONCILE_FIRST if held >= amount else Code.FUNDS_SHORT
            raise Refusal(code, {"have": have, "need": amount})
        return self._redeem(self._defund_orders(whole, amount))

    def _defund_orders(self, tokens: Sequence[OwnToken], amount: int) -> Iterator[Order]:
        """The most worn first; only the last order gives change."""
        current = self._purse.epochs.current()
        key = None if current is None else current.body.key
        worn = sorted(
            tokens, key=lambda own: (own.token.owner == key, -own.token.hop, own.token.expires, own.token.ref)
        )
        taken: list[OwnToken] = []
        for item in worn:
            if total_of(taken) >= amount:
                break
            taken.append(item)
        for item in sorted(taken, key=lambda own: own.token.amount):
            if total_of(taken) - item.token.amount >= amount:
                taken.remove(item)
        left = amount
        for group in self._groups(taken):
            part = min(left, total_of(group))
            if part > 0:
                self._check_change(group, part)
                yield Order("defund", tuple(item.token for item in group), part, ToAccount())
                left -= part

    def _check_change(self, group: Sequence[OwnToken], part: int) -> None:
        """That the ledger takes a redemption of ``part`` tiyn, whose change is money with all this behind it: what the
        ledger delivered may be too heavy for that, and is refreshed first. RECONCILE_FIRST."""
        if part < total_of(group):
            ids = frozenset().union(*(self._purse.objects.ancestry(item.token.ref.txid) for item in group))
            weight = self._purse.objects.weight(ids).and_transfer(REDEMPTION_BYTES)
            require(fits(weight, leaves=True), Code.RECONCILE_FIRST, need=part)

    def unfinished_defund(self, amount: int) -> tuple[bytes, ...]:
        """The oldest defunding of ``amount`` tiyn that was begun and has no outcome yet: its redemptions' ids."""
        rows = self._purse.store.rows(
            "SELECT txid, at, amount, value IS NULL AS is_open FROM redemption WHERE kind = 'defund' ORDER BY at, txid"
        )
        for _, group in groupby(rows, key=lambda row: row["at"]):
            begun = list(group)
            if any(row["is_open"] for row in begun) and sum(row["amount"] for row in begun) == amount:
                return tuple(row["txid"] for row in begun)
        return ()

    # both

    def _redeem(self, orders: Iterable[Order]) -> tuple[bytes, ...]:
        purse, wanted = self._purse, tuple(orders)
        if not wanted:
            return ()
        refs = [[token.ref.to_cbor() for token in order.inputs] for order in wanted]
        with purse.transition(Transition.REDEEM, refs):
            ids = []
            for order in wanted:
                txid = self._redeeming.store(order)
                purse.tokens.move((token.ref for token in order.inputs), TokenState.RESERVED, txid)
                ids.append(txid)
        self._redeeming.sign_stored()
        return tuple(ids)

    def open(self) -> tuple[bytes, ...]:
        """Signed redemptions, ours and those in our favour, whose outcome is not known; oldest first."""
        rows = self._purse.store.rows(
            "SELECT txid FROM redemption r JOIN outgoing USING (txid) WHERE value IS NULL AND state = 'signed'"
            " UNION SELECT txid FROM returning_money WHERE value IS NULL"
        )
        return tuple(row["txid"] for row in rows)

    def complete(self, txid: bytes, issuance: Signed[Issuance] | None, value: int) -> bool:
        """What the central bank made of a redemption; False if that was known.

        Raises ``Refusal``: ISSUANCE_SIGNATURE, FUNDING_MISMATCH.
        """
        if issuance is not None:
            self._answers.check_outcome(txid, issuance)
        with self._purse.transition(Transition.REDEEMED, [txid, value]):
            return self._answers.keep_outcome(txid, issuance, value)
