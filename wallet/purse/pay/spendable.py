"""Which tokens may be spent now, and why the others may not.

A token can be spent offline while its key is certified and not revoked, it has not expired, is worth its face,
has a hop left, and nothing in its provenance is revoked for a conflict. What the ledger delivered can be spent
only after everything was uploaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wallet.protocol.bounds import MAX_AHEAD
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Code
from wallet.protocol.issuance import CURRENCY
from wallet.protocol.lifetime import is_good
from wallet.protocol.limits import effective, hops_left, last_day
from wallet.protocol.policy import Reason
from wallet.purse.evidences import Evidences
from wallet.purse.pay.selection import Candidate
from wallet.purse.purse import Purse
from wallet.purse.store.tokens import Origin, OwnToken, TokenState


class Obstacle(StrEnum):
    """Why a held token can't be paid with: its hops are used up, or it waits for a reconciling."""

    HOPS = "hops"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class Funds:
    """Held tokens, parted: ``candidates`` can be spent now; the others by what stands in their way."""

    candidates: tuple[Candidate, ...]
    blocked: Mapping[Obstacle, tuple[OwnToken, ...]]

    @property
    def spendable(self) -> int:
        return sum(item.amount for item in self.candidates)

    def missing_code(self, amount: int) -> Code | None:
        """Why ``amount`` (tiyn) cannot be had from the candidates together, or None if it can."""
        within = self.spendable
        if within >= amount:
            return None
        within += sum(item.worth for item in self.blocked[Obstacle.HOPS])
        if within >= amount:
            return Code.HOPS_USED_UP
        within += sum(item.worth for item in self.blocked[Obstacle.RECONCILE])
        return Code.RECONCILE_FIRST if within >= amount else Code.FUNDS_SHORT


class Spendable:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._evidences = Evidences(purse)

    def funds(self, latest: int | None = None) -> Funds:
        """Tokens that may be spent now, and the others by obstacle. ``latest`` (unix seconds): tokens dated after
        it are left out, as a payment must be dated no earlier than its tokens and no later than its request's
        expiry."""
        now = self._purse.now()
        signers = {key: self._signer(key, now) for key in self._purse.epochs.own()}
        candidates: list[Candidate] = []
        blocked: dict[Obstacle, list[OwnToken]] = {obstacle: [] for obstacle in Obstacle}
        for own in self._purse.tokens.all(TokenState.HELD):
            obstacle = self._obstacle(own, signers.get(own.token.owner), now)
            if obstacle is None and latest is not None and own.token.made > latest:
                obstacle = Obstacle.RECONCILE
            if obstacle is None:
                candidates.append(self._candidate(own))
            else:
                blocked[obstacle].append(own)
        return Funds(tuple(candidates), {obstacle: tuple(items) for obstacle, items in blocked.items()})

    def _signer(self, key: bytes, now: int) -> Certificate | None:
        """The certificate that ``key`` can pay under now, or None."""
        certificate = self._purse.epochs.certificate_for(key, now)
        if certificate is None or not self._purse.epochs.can_sign(key):
            return None
        body, policy = certificate.body, self._purse.authority.policy
        is_in_force = body.issued <= now and is_good(now, body.expires, last_day(body, self._limits(body)))
        return body if is_in_force and body.revocation_id not in policy.revoked else None

    def _limits(self, signer: Certificate) -> Limits:
        return effective(signer, self._purse.authority.policy.head.limits)

    def _obstacle(self, own: OwnToken, signer: Certificate | None, now: int) -> Obstacle | None:
        token = own.token
        if signer is None or not own.is_whole or token.mark is not None or token.currency != CURRENCY:
            return Obstacle.RECONCILE
        time = max(now, token.made)
        if time > now + MAX_AHEAD:
            return Obstacle.RECONCILE
        if not is_good(time, token.expires, signer.expires) or own.origin is Origin.DELIVERED:
            return Obstacle.RECONCILE
        if hops_left(self._limits(signer), token.hop) == 0:
            return Obstacle.HOPS
        return Obstacle.RECONCILE if self._is_tainted(own) else None

    def _is_tainted(self, own: OwnToken) -> bool:
        """Whether its provenance has a wallet that is revoked for a conflict, or that we can prove one of: who holds
        such money goes online with it."""
        cheats = self._cheats()
        if not cheats:
            return False
        certificates = self._purse.objects.carried(own.token.ref.txid).certificates
        return any(
            self._purse.objects.certificate(item).body.revocation_id in cheats for item in certificates
        )

    def _cheats(self) -> frozenset[bytes]:
        revoked = self._purse.authority.policy.revoked
        return self._evidences.culprits() | {
            item for item, reason in revoked.items() if reason is Reason.CONFLICT
        }

    def _candidate(self, own: OwnToken) -> Candidate:
        token, carried = own.token, self._purse.objects.carried(own.token.ref.txid)
        return Candidate(
            ref=token.ref,
            amount=token.amount,
            owner=token.owner,
            hop=token.hop,
            expires=token.expires,
            transfers=carried.transfers,
            issuances=carried.issuances,
            certificates=carried.certificates,
        )


def total_of(tokens: Iterable[OwnToken]) -> int:
    """Tiyn that these tokens are worth."""
    return sum(item.worth for item in tokens)
