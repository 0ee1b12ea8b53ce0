"""Claims: what a bank owes that had a token consumed and could not show by which transfer.

Rule: what is owed is what the loss took, and no more: the outputs of the transfer that lost tokens get what they would
have got with them, payee before change, less what they have. It is owed to whom the transfer pays: the payee, the
payer that a refusal names, the owner that a refresh names, the signer for change; for a lost refund to the token's
owner. Each token is compensated once, to the first that claims it. A claim stays open until it is paid; what a bank
owes is not its to spend. No verdict waits for the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.ports.books import MovementKind, position
from ledger_sync.central_bank.ports.claims import Claims
from ledger_sync.central_bank.ports.storage import Storage
from wallet.protocol.settlement import Consumption, settle_values
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer

Admitted = dict[tuple[str, bytes], int]
"""Tiyn that a bank says it has paid for a claim, by bank and claim."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a loss: whose key, and how many tiyn."""

    key: bytes
    value: int


@dataclass(frozen=True, slots=True)
class ClaimBalance:
    """What a claim has come to for one bank: tiyn that its position got, and tiyn that it is still owed."""

    paid: int
    owed: int


def beneficiaries(body: Transfer, signer: bytes) -> tuple[bytes, ...]:
    """Whose money each output is, in order."""
    match body.redemption:
        case None:
            first = body.payee
        case ToPayer(payer):
            first = payer
        case Refresh(owner, _):
            first = owner
        case ToAccount():
            first = signer
    return (first, signer) if body.change else (first,)


def shares(body: Transfer, signer: bytes, standing: Sequence[int], lost: Sequence[int]) -> tuple[Share, ...]:
    """What each output lacks. `claim_balance` and `lost` have one entry per input, in tiyn: what it brings, or what was
    compensated for it before; and what it would have brought."""
    now = settle_values(body, standing)
    then = settle_values(body, [have + lack for have, lack in zip(standing, lost, strict=True)])
    keys = beneficiaries(body, signer)
    return tuple(Share(key, full - have) for key, have, full in zip(keys, now, then, strict=True))


def compensated(claims: Claims, claim: bytes, refs: Sequence[TokenRef]) -> frozenset[TokenRef]:
    """Those of `refs` for which this claim was entered before."""
    return frozenset(ref for ref in refs if claims.of(ref) == claim)


def unclaimed(claims: Claims, refs: Sequence[TokenRef]) -> list[TokenRef]:
    """Those of `refs` that nobody claimed yet."""
    return [ref for ref in refs if claims.of(ref) is None]


def enter(
    claims: Claims, claim: bytes, said: Consumption, refs: Sequence[TokenRef], owed: Sequence[Share], now: int
) -> None:
    """Note, inside the caller's transaction, what the bank that `said` names owes for `refs`, unclaimed so far, for it
    could not show the consumer to consume them."""
    for ref in refs:
        claims.claim(ref, claim)
    for place, share in enumerate(owed):
        claims.owe(claim, said.consumer, place, share.key, said.bank, share.value, now)


def claim_balance(claims: Claims, claim: bytes, consumer: bytes, bank: str, key: bytes) -> ClaimBalance:
    """What became of it for `bank` and `key`."""
    paid, value = claims.paid(claim, consumer, bank, key)
    return ClaimBalance(paid, value - paid)


def free(storage: Storage, bank: str) -> int:
    """Tiyn of a bank's position that it may spend."""
    return storage.books.balance(position(bank)) - storage.claims.owed_by(bank)


def pay(storage: Storage, now: int, defaulter: str | None = None) -> None:
    """Pay what is open of one bank's debts or of all, the oldest first, as far as the positions reach. What a bank owes
    its own customer moves no position: it is between the two."""
    books, claims = storage.books, storage.claims
    with storage.transaction():
        for debt in claims.open(defaulter):
            source, target = position(debt.defaulter), position(debt.bank)
            is_own = source == target
            amount = debt.lacking if is_own else min(debt.lacking, books.balance(source))
            if amount > 0 and claims.pay(debt, amount) and not is_own:
                move(books, MovementKind.CHALLENGE, debt.claim, now, {source: -amount, target: amount})
