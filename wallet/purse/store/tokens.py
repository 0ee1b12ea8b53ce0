"""The purse's own tokens: held, reserved by an intent, spent by a signed transfer, refused, or lost.

A refused token stays outside the balance for ever: it was given back. Only a transition moves a token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token
from wallet.purse.store.objects import OUTPUT_COLUMNS, token_of
from wallet.purse.store.store import Row, Store


class TokenState(StrEnum):
    """LOST: the ledger says that something else consumed it. EXPIRED: with its grace, so that it is refunded to the
    account of its owner's bank, and can't be redeemed any more."""

    HELD = "held"
    RESERVED = "reserved"
    SPENT = "spent"
    REFUSED = "refused"
    LOST = "lost"
    EXPIRED = "expired"


class Origin(StrEnum):
    """How a token came. Change of money that was received and is not settled counts as received.

    DELIVERED by the ledger, and not to be spent before all that the purse holds was uploaded; then RECEIVED.
    """

    ISSUED = "issued"
    RECEIVED = "received"
    CHANGE = "change"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class OwnToken:
    """``settled``: its settled value in tiyn, None while the ledger has not decided; ``at``: when it came; ``holder``:
    the payment that reserves it, or the transfer that spent or took it."""

    token: Token
    state: TokenState
    origin: Origin
    settled: int | None
    at: int
    holder: bytes | None = None

    @property
    def worth(self) -> int:
        """Tiyn it will bring: the settled value, else the face amount."""
        return self.token.amount if self.settled is None else self.settled

    @property
    def is_whole(self) -> bool:
        """Not known to be worth less than its face."""
        return self.worth == self.token.amount

    @property
    def is_received_unsettled(self) -> bool:
        return self.settled is None and self.origin in (Origin.RECEIVED, Origin.DELIVERED)


_SELECT = (
    f"SELECT {OUTPUT_COLUMNS}, t.state, t.origin, t.settled, t.at, t.holder"
    " FROM token t JOIN output o USING (txid, output)"
)


def _own(row: Row) -> OwnToken:
    return OwnToken(
        token_of(row),
        TokenState(row["state"]),
        Origin(row["origin"]),
        row["settled"],
        row["at"],
        row["holder"],
    )


class Tokens:
    """Rows of our own outputs. Methods that write run inside a transition's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, *states: TokenState) -> tuple[OwnToken, ...]:
        """In these states (all if none is named), by reference."""
        wanted = states or tuple(TokenState)
        marks = ", ".join("?" * len(wanted))
        rows = self._store.rows(f"{_SELECT} WHERE t.state IN ({marks}) ORDER BY t.txid, t.output", *wanted)
        return tuple(_own(row) for row in rows)

    def get(self, ref: TokenRef) -> OwnToken | None:
        """Token of this purse under ``ref``, in any state; None if it was never ours."""
        row = self._store.row(f"{_SELECT} WHERE t.txid = ? AND t.output = ?", ref.txid, ref.output)
        return None if row is None else _own(row)

    def holding(self) -> int:
        """Tiyn of everything unspent, whole or short, under an intent or not: what the balance limit counts."""
        found = self._store.value(
            "SELECT coalesce(sum(coalesce(t.settled, o.amount)), 0) FROM token t JOIN output o USING (txid, output)"
            " WHERE t.state IN ('held', 'reserved')"
        )
        return int(found)

    def add(self, token: Token, origin: Origin, now: int, *, settled: int | None, state: TokenState) -> bool:
        """A new own output; whether it was new."""
        return self._store.insert_new(
            "token",
            txid=token.ref.txid,
            output=token.ref.output,
            state=state,
            origin=origin,
            settled=settled,
            at=now,
        )

    def move(self, refs: Iterable[TokenRef], state: TokenState, holder: bytes | None) -> None:
        """``holder``: the payment that reserves, or the transfer that spends; None when freed."""
        for ref in refs:
            self._store.write(
                "UPDATE token SET state = ?, holder = ? WHERE txid = ? AND output = ?",
                state,
                holder,
                ref.txid,
                ref.output,
            )

    def release(self, holder: bytes) -> None:
        """Tokens reserved by a dropped intent are free again."""
        self._store.write(
            "UPDATE token SET state = 'held', holder = NULL WHERE holder = ? AND state = 'reserved'", holder
        )

    def overdue(self, before: int) -> tuple[TokenRef, ...]:
        """Tokens that are held, or wait for the signature of a payment, and expired before this time. What is to be
        redeemed is not among them: that will be signed and shown whatever the time."""
        intents = {row["id"] for row in self._store.rows("SELECT id FROM payment WHERE state = 'reserved'")}
        return tuple(
            own.token.ref
            for own in self.all(TokenState.HELD, TokenState.RESERVED)
            if own.token.expires < before and (own.state is TokenState.HELD or own.holder in intents)
        )

    def not_overdue(self, before: int) -> tuple[TokenRef, ...]:
        """Expired tokens that expire only at this time or later."""
        return tuple(own.token.ref for own in self.all(TokenState.EXPIRED) if own.token.expires >= before)

    def release_delivered(self) -> None:
        """Everything was uploaded: what the ledger delivered may be spent."""
        self._store.write("UPDATE token SET origin = 'received' WHERE origin = 'delivered'")

    def settle(self, txid: bytes, values: Iterable[int]) -> None:
        """The settled values of a transaction's outputs, as far as they are ours."""
        for output, value in enumerate(values):
            self._store.write(
                "UPDATE token SET settled = ? WHERE txid = ? AND output = ? AND settled IS NULL",
                value,
                txid,
                output,
            )
