"""Fundings: stored with their id before the bank is asked, so that asking again is asking for the same."""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol import codec
from wallet.protocol.bounds import FUNDING_ID_BYTES
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY, Issuance, check_issuance
from wallet.protocol.limits import check_balance, effective
from wallet.protocol.validity import issued_tokens
from wallet.purse.commitments import commitments
from wallet.purse.purse import Purse
from wallet.purse.store.store import Row
from wallet.purse.store.tokens import Origin, TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.store.words import Signer
from wallet.purse.sync.denominations import split
from wallet.purse.turns import one_at_a_time


@dataclass(frozen=True, slots=True)
class Funding:
    """``id`` 16 bytes, the idempotency key; ``owner`` the key to issue to; ``amounts`` in tiyn."""

    id: bytes
    owner: bytes
    amounts: tuple[int, ...]

    @property
    def amount(self) -> int:
        return sum(self.amounts)


def _funding(row: Row) -> Funding:
    return Funding(row["id"], row["owner"], tuple(codec.decode(row["amounts"], 1_024)))


@one_at_a_time
class Fundings:
    """Money of the online account on its way into the purse."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def begin(self, amount: int) -> Funding:
        """Store a funding of ``amount`` tiyn, cut into tokens, before the bank is asked for it.

        Raises ``Refusal``: AMOUNT_INVALID, NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED, LIMIT_BALANCE.
        """
        purse, now = self._purse, self._purse.now()
        own = purse.epochs.require_current(now).body
        policy = purse.authority.policy
        require(own.revocation_id not in policy.revoked, Code.WALLET_REVOKED, wallet=own.wallet.hex())
        amounts = split(amount)
        check_balance(effective(own, policy.head.limits), commitments(purse), amount)
        funding = Funding(purse.random(FUNDING_ID_BYTES), own.key, amounts)
        with purse.transition(Transition.FUND, [funding.id, amount]):
            purse.store.insert(
                "funding",
                id=funding.id,
                owner=funding.owner,
                amounts=codec.encode(list(amounts)),
                amount=amount,
                state="open",
                at=now,
            )
        return funding

    def open(self) -> tuple[Funding, ...]:
        """Asked for, or to be asked for, and not complete; oldest first."""
        rows = self._purse.store.rows("SELECT * FROM funding WHERE state = 'open' ORDER BY at, id")
        return tuple(_funding(row) for row in rows)

    def complete(self, issuance: Signed[Issuance]) -> bool:
        """Its tokens are ours; False if they were before. Also of a funding that was dropped too early.

        Raises ``Refusal``: ISSUANCE_SIGNATURE, NOT_FOUND (no such funding), FUNDING_MISMATCH.
        """
        purse, body = self._purse, issuance.body
        check_issuance(issuance, purse.authority.directory)
        row = purse.store.row("SELECT * FROM funding WHERE id = ?", body.funding)
        if row is None:
            raise Refusal(Code.NOT_FOUND, {"funding": body.funding.hex()})
        funding = _funding(row)
        same = (body.owner, body.amounts, body.currency) == (funding.owner, funding.amounts, CURRENCY)
        require(same, Code.FUNDING_MISMATCH, funding=body.funding.hex())
        if row["state"] == "done":
            return False
        with purse.transition(Transition.FUNDED, [body.funding, issuance.id]):
            keep_issued(purse, issuance)
            purse.store.write("UPDATE funding SET state = 'done' WHERE id = ?", body.funding)
        return True

    def drop(self, funding: bytes) -> None:
        """The bank refused it for good; harmless when repeated or done."""
        row = self._purse.store.row("SELECT state FROM funding WHERE id = ?", funding)
        if row is None or row["state"] != "open":
            return
        with self._purse.transition(Transition.FUNDING_DROPPED, [funding]):
            self._purse.store.write("UPDATE funding SET state = 'dropped' WHERE id = ?", funding)


def keep_issued(purse: Purse, issuance: Signed[Issuance]) -> None:
    """Inside a transition: an issuance to one of our keys, settled from the start."""
    now = purse.now()
    purse.objects.put_issuance(issuance)
    purse.authority.hear_time(Signer.CENTRAL_BANK, issuance.body.issued)
    for token in issued_tokens(issuance):
        if purse.epochs.owns(token.owner):
            purse.tokens.add(token, Origin.ISSUED, now, settled=token.amount, state=TokenState.HELD)
