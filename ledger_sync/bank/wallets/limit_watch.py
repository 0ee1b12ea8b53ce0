"""The limit watch: whether payers kept to their limits, told when their transfers settle.

Rule: a broken limit has the customer's wallet ids revoked, and the transfer stands. A payer keeps to them if there is
any certificate and any policy by which it did. Money that is refreshed for somebody else's key is judged as a payment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.signing_history import Neighbours
from ledger_sync.bank.ports.wallets import Holder
from ledger_sync.bank.wallets.policies import Policies
from ledger_sync.bank.wallets.wallets import Wallets
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.limits import Spending, check_payer
from wallet.protocol.policy import Reason
from wallet.protocol.request import Request
from wallet.protocol.transfer import Refresh, TokenRef, Transfer
from wallet.protocol.validity import Token


@dataclass(frozen=True, slots=True)
class Settled:
    """A transfer that stands, with the certificate under which it was signed."""

    transfer: Signed[Transfer]
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class AtHand:
    """What is known of a set of settled transfers: of what they made, and of the requests that they answer, by the
    reference."""

    tokens: Mapping[TokenRef, Token] = field(default_factory=dict)
    requests: Mapping[bytes, Signed[Request] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a set of settled transfers is judged by, read together. ``given``: in answer to a request with a nonce, by
    device and reference; ``neighbours``: by device and number; ``allowed``: by the transfers' certificates, in the
    set's order."""

    holders: Mapping[bytes, Holder]
    tokens: Mapping[TokenRef, Token]
    given: Mapping[tuple[bytes, bytes], int]
    neighbours: Mapping[tuple[bytes, int], Neighbours]
    allowed: Sequence[Sequence[Limits]]


class LimitWatch:
    """Watches the payers among this bank's customers. Works within the caller's transaction."""

    def __init__(self, context: BankContext, objects: Archive, wallets: Wallets, policies: Policies) -> None:
        self._bank = context.bank
        self._history = context.storage.signing_history
        self._objects = objects
        self._wallets = wallets
        self._policies = policies

    def check(self, settled: Sequence[Settled], at_hand: AtHand | None = None) -> bool:
        """Revoke a signer's wallet ids if its transfer broke the limits it was signed under: those of its certificate,
        or of another one of the key that covers its time, and of the policy that came with it. Whether any did. What is
        ``at_hand`` is not looked up."""
        holders = self._wallets.holders({one.certificate.key for one in settled})
        watched = [one for one in settled if self._is_watched(one, holders)]
        look = self._look(watched, holders, at_hand or AtHand())
        has_broken = False
        for one, allowed in zip(watched, look.allowed, strict=True):
            if not (self._is_within(one, allowed, look) and _is_counted(one, look)):
                self._wallets.revoke(holders[one.certificate.key].account, Reason.LIMITS)
                has_broken = True
            self._count(one)
        return has_broken

    def _count(self, one: Settled) -> None:
        """What was refreshed for somebody else, whose key that is by now: no running total counts it."""
        body = one.transfer.body
        if body.redemption is not None:
            self._history.count_refreshed(one.certificate.key, body.time, body.amount)

    def _is_watched(self, one: Settled, holders: Mapping[bytes, Holder]) -> bool:
        holder = holders.get(one.certificate.key)
        return holder is not None and self._leaves(one.transfer.body, holder.account)

    def _look(self, watched: Sequence[Settled], holders: Mapping[bytes, Holder], at_hand: AtHand) -> _Look:
        payments = [
            (holders[one.certificate.key].device, one.transfer.body, one.transfer.body.purpose)
            for one in watched
        ]
        refs = {ref for _, _, ref in payments if isinstance(ref, bytes)}
        requests = dict(at_hand.requests)
        if missing := refs - requests.keys():
            requests |= self._objects.requests.get_each(missing)
        once = {ref for ref, item in requests.items() if item is not None and not item.body.is_printed}
        asked = [(device, ref) for device, _, ref in payments if isinstance(ref, bytes) and ref in once]
        numbers = [(device, body.sequence) for device, body, ref in payments if isinstance(ref, bytes)]
        return _Look(
            holders,
            self._tokens([TokenRef(one.transfer.id, 0) for one in watched], at_hand.tokens),
            self._history.given(asked),
            self._history.neighbours(numbers),
            self._policies.allowed([one.certificate for one in watched]),
        )

    def _tokens(
        self, refs: Sequence[TokenRef], at_hand: Mapping[TokenRef, Token]
    ) -> Mapping[TokenRef, Token]:
        missing = [ref for ref in refs if ref not in at_hand]
        return {**at_hand, **self._objects.tokens.get_each(missing)} if missing else at_hand

    def _is_within(self, one: Settled, allowed: Sequence[Limits], look: _Look) -> bool:
        certificate, time = one.certificate, one.transfer.body.time
        is_covered = certificate.issued <= time <= certificate.expires
        if is_covered and self._keeps(one, certificate, allowed, look):
            return True
        key = certificate.key
        for other in self._objects.certificates.in_force(key, time, self._bank):
            is_covered = True
            if self._keeps(one, other.body, self._policies.allowed([other.body])[0], look):
                return True
        return not is_covered and self._keeps(one, certificate, allowed, look)

    def _leaves(self, body: Transfer, account: str) -> bool:
        """Whether money goes to somebody else: it was paid, or refreshed for a key that is not the customer's."""
        redemption = body.redemption
        return redemption is None or (
            isinstance(redemption, Refresh) and self._wallets.customer_of(redemption.owner) != account
        )

    def _keeps(self, one: Settled, certificate: Certificate, allowed: Sequence[Limits], look: _Look) -> bool:
        spending = self._spending(one, certificate, look)
        return any(_is_allowed(certificate, limits, spending) for limits in allowed)

    def _spending(self, one: Settled, certificate: Certificate, look: _Look) -> Spending:
        body, token = one.transfer.body, look.tokens.get(TokenRef(one.transfer.id, 0))
        hop, holder = None if token is None else token.hop, look.holders[certificate.key]
        if isinstance(body.purpose, bytes):
            # What the purse gave in answer to one request; a printed one may be answered often.
            paid = max(body.amount, look.given.get((holder.device, body.purpose), 0))
            return Spending(paid=paid, transfer=body, hop=hop, time=body.time)
        # Nobody asked for it and no running total counts it, so it is counted here, as a payment would be.
        total = body.total + body.amount + self._history.refreshed(certificate.key, certificate.issued)
        hop = None if hop is None else hop + 1
        return Spending(paid=body.amount, transfer=replace(body, total=total), hop=hop, time=body.time)


def _is_counted(one: Settled, look: _Look) -> bool:
    """Whether the running total never falls, and grows by what is paid, over all keys of the purse.

    Payments only: a redemption does not count, and a purse that is being recovered may state too little in one.
    """
    body = one.transfer.body
    if body.redemption is not None:
        return True
    below, above = look.neighbours[look.holders[one.certificate.key].device, body.sequence]
    for earlier, later in ((below, body), (body, above)):
        if earlier is not None and later is not None:
            grown = 0 if later.purpose == earlier.purpose else later.amount
            if later.total < earlier.total + grown:
                return False
    return True


def _is_allowed(certificate: Certificate, limits: Limits, spending: Spending) -> bool:
    try:
        check_payer(certificate, limits, spending)
    except Refusal:
        return False
    return True
