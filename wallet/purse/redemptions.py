"""Redemptions: stored unsigned with their number, then signed, then told to the ledger. Never dropped.

A redemption pays the central bank's redemption key and signs what shall become of the money. It is no hop and
does not count in the running total. Killed before the signature: opening signs the same body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hsm.failpoint import reach
from wallet.protocol.bounds import MAX_INPUTS
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Redemption, ToPayer, Transfer
from wallet.protocol.validity import Token
from wallet.purse.purse import Purse
from wallet.purse.store.transitions import Transition


@dataclass(frozen=True, slots=True)
class Order:
    """Tokens of one key, what becomes of ``amount`` tiyn of them, and the payment that is refused, if one is."""

    kind: str
    inputs: tuple[Token, ...]
    amount: int
    purpose: Redemption
    incoming: bytes | None = None


class RedemptionBuilder:
    """Shared by refusing (receiving) and by refresh and defunding (reconciling)."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def store(self, order: Order) -> bytes:
        """Inside a transition: the unsigned body with its number; returns its transaction id."""
        purse, now = self._purse, self._purse.now()
        certificate = purse.epochs.certificate_for(order.inputs[0].owner, now)
        times = [now, *(token.made for token in order.inputs)]
        if certificate is not None:
            times.append(certificate.body.issued)
        body = Transfer(
            inputs=tuple(sorted(token.ref for token in order.inputs)),
            payee=purse.authority.directory.redemption_key(),
            amount=order.amount,
            change=sum(token.amount for token in order.inputs) - order.amount,
            purpose=order.purpose,
            sequence=purse.outgoing.take_redemption_number(),
            total=purse.outgoing.total(),
            time=max(times),
        )
        txid = purse.outgoing.store_unsigned(body, order.inputs[0].owner, None)
        purse.store.insert(
            "redemption",
            txid=txid,
            kind=order.kind,
            amount=order.amount,
            at=now,
            incoming=order.incoming,
        )
        return txid

    def sign_stored(self) -> tuple[Signed[Transfer], ...]:
        """Sign every redemption that waits for it."""
        purse = self._purse
        waiting = purse.outgoing.unsigned()
        if not waiting:
            return ()
        made = tuple(purse.outgoing.sign(txid) for txid in waiting)
        reach("purse.redeem.signed")
        with purse.transition(Transition.REDEEM_SIGNED, list(waiting)):
            for item in made:
                purse.outgoing.keep(item, purse.now())
        return tuple(item.transfer for item in made)


def refusal_orders(tokens: Sequence[Token], incoming: bytes) -> tuple[Order, ...]:
    """How received tokens are given back to the keys that paid them: one redemption per pair of keys."""
    groups: dict[tuple[bytes, bytes, str, bytes | None], list[Token]] = {}
    for token in tokens:
        if token.payer is not None:
            groups.setdefault((token.owner, token.payer, token.currency, token.mark), []).append(token)
    orders = []
    for (_, payer, _, _), group in groups.items():
        for start in range(0, len(group), MAX_INPUTS):
            inputs = tuple(group[start : start + MAX_INPUTS])
            amount = sum(token.amount for token in inputs)
            orders.append(Order("refusal", inputs, amount, ToPayer(payer), incoming))
    return tuple(orders)
