"""Payments that came in, as rows: from their payer or from the ledger, accepted or refused, each once.

A payment is known by its new transfers. One that shows again, whatever else travels with it, is a repeat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_MESSAGE_BYTES
from wallet.protocol.codes import Code
from wallet.protocol.receipt import Receipt
from wallet.purse.store.epochs import EXISTS
from wallet.purse.store.store import Row, Store

PAYER = "payer"
LEDGER = "ledger"


def incoming_id(txids: Sequence[bytes]) -> bytes:
    """SHA-256 of the ids of a payment's new transfers, sorted."""
    return hashlib.sha256(b"".join(sorted(txids))).digest()


class Incoming:
    """Methods that write run inside a transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, txids: Sequence[bytes]) -> Row | None:
        """The row of the payment with exactly these new transfers."""
        return self._store.row("SELECT * FROM incoming WHERE id = ?", incoming_id(txids))

    def by_id(self, identifier: bytes) -> Row | None:
        return self._store.row("SELECT * FROM incoming WHERE id = ?", identifier)

    def containing(self, txid: bytes) -> Row | None:
        """The first payment that had this new transfer, or None."""
        return self._store.row(
            "SELECT i.* FROM incoming i JOIN incoming_transfer t ON t.incoming = i.id"
            " WHERE t.txid = ? ORDER BY i.at LIMIT 1",
            txid,
        )

    def last_answer(self, request_ref: bytes) -> Row | None:
        """The newest payment to a request, accepted ones first."""
        return self._store.row(
            "SELECT * FROM incoming WHERE request = ? ORDER BY code IS NOT NULL, at DESC, id LIMIT 1",
            request_ref,
        )

    def answers(self, request_ref: bytes) -> frozenset[bytes]:
        """Transfers that were accepted as answers to a request."""
        rows = self._store.rows(
            "SELECT t.txid FROM incoming i JOIN incoming_transfer t ON t.incoming = i.id"
            " WHERE i.request = ? AND i.code IS NULL",
            request_ref,
        )
        return frozenset(row["txid"] for row in rows)

    def txids(self, identifier: bytes) -> tuple[bytes, ...]:
        """The payment's new transfers, in its order."""
        sql = "SELECT txid FROM incoming_transfer WHERE incoming = ? ORDER BY place"
        return tuple(row["txid"] for row in self._store.rows(sql, identifier))

    def refusals(self, identifier: bytes) -> tuple[bytes, ...]:
        """Our redemptions that give this payment back."""
        sql = "SELECT txid FROM redemption WHERE incoming = ? ORDER BY txid"
        return tuple(row["txid"] for row in self._store.rows(sql, identifier))

    def add(
        self,
        txids: Sequence[bytes],
        request_ref: bytes,
        key: bytes,
        payer: bytes,
        amount: int,
        source: str,
        now: int,
        code: Code | None,
    ) -> bytes:
        """``key`` is the own key that was paid, ``payer`` the payer's wallet id."""
        identifier = incoming_id(txids)
        self._store.insert(
            "incoming",
            id=identifier,
            request=request_ref,
            key=key,
            payer=payer,
            amount=amount,
            source=source,
            at=now,
            code=None if code is None else code.value,
        )
        for place, txid in enumerate(txids):
            self._store.insert("incoming_transfer", incoming=identifier, place=place, txid=txid)
        return identifier

    def receipt(self, identifier: bytes) -> Receipt | None:
        raw = self._store.value("SELECT receipt FROM incoming WHERE id = ?", identifier)
        return None if raw is None else Receipt.from_cbor(codec.decode(raw, MAX_MESSAGE_BYTES))

    def keep_receipt(self, identifier: bytes, receipt: Receipt) -> None:
        """The first receipt stands: it is what every repeat gets."""
        self._store.write(
            "UPDATE incoming SET receipt = ? WHERE id = ? AND receipt IS NULL",
            codec.encode(receipt.to_cbor()),
            identifier,
        )

    def unreceipted(self) -> Iterable[bytes]:
        """Refused payments whose receipt was not made yet, though the key that signs it exists."""
        rows = self._store.rows(
            "SELECT id FROM incoming WHERE receipt IS NULL AND code IS NOT NULL"
            f" AND key IN (SELECT key FROM epoch WHERE {EXISTS})"
        )
        return tuple(row["id"] for row in rows)
