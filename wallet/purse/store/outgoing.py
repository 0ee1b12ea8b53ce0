"""Transfers of our own keys: one sequence count over all keys, payments and redemptions alike.

Numbers and totals are fixed when a body is stored, before it is signed. Dropping an intent that was never signed
frees its numbers; they are used again first, so that no gap stays. A redemption goes before an intent that is not
signed yet, which moves up: numbers are signed in order, and none is missing below one that was signed. A signed
transfer is final.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, object_id
from wallet.protocol.transfer import TokenRef, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer
from wallet.purse.store.authority import Authority
from wallet.purse.store.epochs import EXISTS, Epochs
from wallet.purse.store.journal import Journal
from wallet.purse.store.objects import Objects
from wallet.purse.store.store import Row, Store
from wallet.purse.store.tokens import Origin, Tokens, TokenState


@dataclass(frozen=True, slots=True)
class Made:
    """A transfer that was just signed, the certificate it goes by, and its checked outputs."""

    transfer: Signed[Transfer]
    signer: Signed[Certificate]
    outputs: tuple[Token, ...]


SignedUnder = tuple[Signed[Transfer], Signed[Certificate]]
"""A transfer that was just signed, not checked, and the certificate it goes by."""


class Outgoing:
    """Methods that write run inside a transition's transaction."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        authority: Authority,
        epochs: Epochs,
        tokens: Tokens,
        journal: Journal,
    ) -> None:
        self._store = store
        self._objects = objects
        self._authority = authority
        self._epochs = epochs
        self._tokens = tokens
        self._journal = journal

    def total(self) -> int:
        """The running total (tiyn) of all payments so far, as transfers and certificates state it."""
        sent = int(self._store.value("SELECT max(total) FROM outgoing") or 0)
        certificate = self._epochs.current()
        return sent if certificate is None else max(sent, certificate.body.total)

    def take_numbers(self, count: int) -> list[int]:
        """The next sequence numbers, freed ones first; in a rollback none that may have been used since."""
        unknown_until = self._journal.unknown_until
        freed: list[int] = []
        if unknown_until is None:
            rows = self._store.rows("SELECT sequence FROM freed_sequence ORDER BY sequence LIMIT ?", count)
            freed = [row["sequence"] for row in rows]
        highest = int(self._store.value("SELECT max(sequence) FROM outgoing") or 0)
        highest = max(highest, self._journal.last().sequence, unknown_until or 0, *freed, 0)
        for number in freed:
            self._store.write("DELETE FROM freed_sequence WHERE sequence = ?", number)
        return freed + list(range(highest + 1, highest + 1 + count - len(freed)))

    def take_redemption_number(self) -> int:
        """The next number, below those of an intent that nobody has signed. In a rollback intents stay as they are:
        what was lost may have signed them."""
        (number,) = self.take_numbers(1)
        if self._journal.unknown_until is not None:
            return number
        intent = self._store.rows(
            "SELECT * FROM outgoing WHERE state = 'unsigned' AND payment IS NOT NULL ORDER BY sequence"
        )
        numbers: list[int] = sorted([number, *(row["sequence"] for row in intent)])
        for row, moved in zip(intent, numbers[1:], strict=True):
            if row["sequence"] != moved:
                self._store.write("DELETE FROM outgoing WHERE txid = ?", row["txid"])
                body = replace(_body(row), sequence=moved)
                self.store_unsigned(body, row["key"], row["payment"])
        return numbers[0]

    def store_unsigned(self, body: Transfer, key: bytes, payment: bytes | None) -> bytes:
        """Keep a body that ``key`` will sign; returns its transaction id."""
        payload = codec.encode(body.to_cbor())
        txid = object_id(kinds.TRANSFER, payload)
        self._store.insert(
            "outgoing",
            txid=txid,
            sequence=body.sequence,
            total=body.total,
            key=key,
            payload=payload,
            state="unsigned",
            payment=payment,
        )
        return txid

    def drop(self, payment: bytes) -> None:
        """Forget an intent's unsigned bodies and free their numbers."""
        self._store.write(
            "INSERT OR IGNORE INTO freed_sequence (sequence) SELECT sequence FROM outgoing"
            " WHERE payment = ? AND state = 'unsigned'",
            payment,
        )
        self._store.write("DELETE FROM outgoing WHERE payment = ? AND state = 'unsigned'", payment)

    def of_payment(self, payment: bytes) -> tuple[bytes, ...]:
        """Ids of a payment's transfers, in order of their numbers."""
        rows = self._store.rows(
            "SELECT txid FROM outgoing WHERE payment = ? ORDER BY total, sequence", payment
        )
        return tuple(row["txid"] for row in rows)

    def payment_of(self, txid: bytes) -> bytes | None:
        """The payment that an own transfer belongs to, or None."""
        payment = self._store.value("SELECT payment FROM outgoing WHERE txid = ?", txid)
        return None if payment is None else bytes(payment)

    def unsigned(self) -> tuple[bytes, ...]:
        """Bodies that wait for their signature by a key that exists, under no payment: redemptions, which are never
        dropped."""
        rows = self._store.rows(
            "SELECT txid FROM outgoing WHERE state = 'unsigned' AND payment IS NULL"
            f" AND key IN (SELECT key FROM epoch WHERE {EXISTS}) ORDER BY sequence"
        )
        return tuple(row["txid"] for row in rows)

    def body(self, txid: bytes) -> Transfer:
        return _body(self._row(txid))

    def sign(self, txid: bytes) -> Made:
        """Sign a stored body and check it as its receiver will; nothing is stored yet."""
        transfer, signer = self.signature(txid)
        inputs = [self._input(ref) for ref in transfer.body.inputs]
        return Made(
            transfer, signer, check_transfer(transfer, inputs, signer.body, self._authority.directory)
        )

    def signature(self, txid: bytes) -> SignedUnder:
        """Sign a stored body, for whoever checks it; nothing is stored yet."""
        self._journal.catch_up()
        body, key = self.body(txid), self._row(txid)["key"]
        signer = self._epochs.certificate_for(key, body.time)
        if signer is None:
            raise Refusal(Code.NOT_CERTIFIED, {"key": key.hex()})
        return cose.sign(body, self._epochs.signer(key)), signer

    def _input(self, ref: TokenRef) -> Token:
        token = self._objects.token(ref)
        if token is None:
            raise Refusal(Code.PROVENANCE_MISSING, {"token": str(ref)})
        return token

    def keep(self, made: Made, now: int) -> None:
        """A signed transfer is final: its tokens are spent, its change is ours."""
        transfer = made.transfer
        inputs = [self._tokens.get(ref) for ref in transfer.body.inputs]
        received = any(item is not None and item.is_received_unsettled for item in inputs)
        self._objects.put_transfer(transfer, made.signer, made.outputs)
        self._store.write("UPDATE outgoing SET state = 'signed' WHERE txid = ?", transfer.id)
        kept = [
            item.token.ref for item in inputs if item is not None and item.state is not TokenState.REFUSED
        ]
        self._tokens.move(kept, TokenState.SPENT, transfer.id)
        origin = Origin.RECEIVED if received else Origin.CHANGE
        for change in made.outputs[1:]:
            self._tokens.add(change, origin, now, settled=None, state=TokenState.HELD)

    def learn(self, transfer: Signed[Transfer], key: bytes) -> None:
        """A transfer of ours that the ledger knows and this store did not: it was rolled back, or lost."""
        self._store.insert_new(
            "outgoing",
            txid=transfer.id,
            sequence=transfer.body.sequence,
            total=transfer.body.total,
            key=key,
            payload=transfer.payload,
            state="signed",
        )
        self._store.write("UPDATE outgoing SET state = 'signed' WHERE txid = ?", transfer.id)
        is_refusal = isinstance(transfer.body.purpose, ToPayer)
        self._tokens.move(
            transfer.body.inputs, TokenState.REFUSED if is_refusal else TokenState.SPENT, transfer.id
        )

    def _row(self, txid: bytes) -> Row:
        row = self._store.row("SELECT key, payload FROM outgoing WHERE txid = ?", txid)
        if row is None:
            raise Refusal(Code.PAYMENT_UNKNOWN, {"transfer": txid.hex()})
        return row


def _body(row: Row) -> Transfer:
    return Transfer.from_cbor(codec.decode(row["payload"], MAX_OBJECT_BYTES))
