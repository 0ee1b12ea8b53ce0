"""Payments that this purse had forgotten: put back from a copy, or lost, it hears of them from the ledger alone.

Rule: such a payment is a payment like any other. Its request is answered, its receipt is ours to take, and history has
one line for it; so is a refusal of which the ledger tells before its receipt is seen. It needs its request for that,
which the ledger lists with it; where it does not, the transfers wait until the request is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef, ToPayer, Transfer
from wallet.purse.purse import Purse
from wallet.purse.store.payments import PAYMENT_ID_BYTES


class ForgottenPayments:
    """All but ``resume`` and ``recall`` run inside a transaction."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def note(self, transfer: Signed[Transfer]) -> None:
        """A signed transfer of our own, under no payment that this purse knows."""
        purpose, outgoing = transfer.body.purpose, self._purse.outgoing
        if isinstance(purpose, bytes) and outgoing.payment_of(transfer.id) is None:
            self._purse.store.insert_new("forgotten", txid=transfer.id, request=purpose)

    def rebuild(self, refs: Iterable[bytes]) -> None:
        """The payments to these requests, of all transfers to them that the ledger has told of so far."""
        for ref in sorted(set(refs)):
            request = self._purse.objects.request(ref)
            if request is not None and self._waits(ref):
                self._rebuild(request.body, ref)

    def note_refusal(self, refusal: Signed[Transfer]) -> None:
        """A payee's redemption in our favour: the payment that it gives back was refused, for a reason that only the
        receipt says."""
        purse, purpose = self._purse, refusal.body.purpose
        if not (isinstance(purpose, ToPayer) and purse.epochs.owns(purpose.payer)):
            return
        payment = purse.outgoing.payment_of(refusal.body.inputs[0].txid)
        if payment is None:
            return
        purse.store.insert_new(
            "returning_money", txid=refusal.id, payment=payment, amount=refusal.body.amount
        )
        purse.store.write(
            "UPDATE payment SET state = 'refused', code = ?, changed = ? WHERE id = ? AND state IN ('signed', 'shown')",
            Code.DECLINED.value,
            purse.now(),
            payment,
        )

    def recall(self, request: Signed[Request]) -> None:
        """The same once somebody shows the request, which must have been checked."""
        ref = request_ref(request)
        if self._waits(ref):
            with self._purse.store.transaction():
                self._purse.objects.put_request(request, "theirs", self._purse.now())
                self.rebuild([ref])

    def resume(self) -> None:
        """At opening: what came before any of this was noted."""
        store, objects = self._purse.store, self._purse.objects
        rows = store.rows("SELECT txid FROM forgotten WHERE request IS NULL")
        if not rows:
            return
        with store.transaction():
            transfers = [objects.transfer(row["txid"]) for row in rows]
            for transfer in transfers:
                store.write("DELETE FROM forgotten WHERE txid = ?", transfer.id)
                self.note(transfer)
            self.rebuild(item.body.purpose for item in transfers if isinstance(item.body.purpose, bytes))

    def _waits(self, ref: bytes) -> bool:
        return self._purse.store.value("SELECT 1 FROM forgotten WHERE request = ? LIMIT 1", ref) is not None

    def _rebuild(self, request: Request, ref: bytes) -> None:
        store = self._purse.store
        for parts in payments_in(self._transfers(ref), request):
            self._keep(parts, ref)
        store.write("DELETE FROM forgotten WHERE request = ?", ref)
        store.write(
            "DELETE FROM payment WHERE request = ? AND told = 1 AND NOT EXISTS"
            " (SELECT 1 FROM outgoing o WHERE o.payment = payment.id)",
            ref,
        )

    def _transfers(self, ref: bytes) -> list[Signed[Transfer]]:
        """In the order in which they were signed; a part may come later than the others."""
        rows = self._purse.store.rows(
            "SELECT txid FROM forgotten WHERE request = ?1 UNION SELECT o.txid FROM payment p"
            " JOIN outgoing o ON o.payment = p.id WHERE p.request = ?1 AND p.told = 1 AND p.state = 'shown'",
            ref,
        )
        found = [self._purse.objects.transfer(row["txid"]) for row in rows]
        return sorted(found, key=lambda item: (item.body.total, item.body.sequence))

    def _keep(self, parts: Sequence[Signed[Transfer]], ref: bytes) -> None:
        purse = self._purse
        payment = parts[0].id[:PAYMENT_ID_BYTES]
        signers = {item.id: purse.objects.signer(item.id) for item in parts}
        purse.store.write(
            "INSERT INTO payment (id, request, amount, state, at, changed, raw, told)"
            " VALUES (?, ?, ?, 'shown', ?, ?, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, raw = excluded.raw",
            payment,
            ref,
            sum(item.body.amount for item in parts),
            min(item.body.time for item in parts),
            purse.now(),
            purse.objects.payment(parts, signers, None).encode(),
        )
        for item in parts:
            purse.store.write("UPDATE outgoing SET payment = ? WHERE txid = ?", payment, item.id)
            consumer = purse.objects.consumer_of(TokenRef(item.id, 0))
            if consumer is not None:
                self.note_refusal(purse.objects.transfer(consumer))


def payments_in(transfers: Sequence[Signed[Transfer]], request: Request) -> list[list[Signed[Transfer]]]:
    """Transfers to one request, in the order of signing, as the payments that they were parts of.

    Where the request names the amount, a payment is full at that; an open request with a nonce has one payment, and
    each transfer to an open printed code counts as one.
    """
    found: list[list[Signed[Transfer]]] = []
    room = 0
    for transfer in transfers:
        if not found or room <= 0:
            found.append([])
            room = request.amount
            if request.is_open:
                room = 1 if request.is_printed else sum(item.body.amount for item in transfers)
        found[-1].append(transfer)
        room -= transfer.body.amount
    return found
