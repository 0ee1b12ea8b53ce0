"""Claims: what a bank owes that had a token consumed and could not show by which transfer.

Rule: what is owed is what the loss took, and no more: the outputs of the transfer that lost tokens get what they would
have got with them, payee before change, less what they have. It is owed to whom the transfer pays: the payee, the
payer that a refusal names, the owner that a refresh names, the signer for change; for a lost refund to the token's
owner. Each token is compensated once, to the first that claims it. A claim stays open until it is paid; what a bank
owes is not its to spend. No verdict waits for the money.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_sync.central_bank.books import MovementKind, balance, move, position
from wallet.protocol.settlement import settle_values
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a loss: whose key, and how many tiyn."""

    key: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Standing:
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
    """What each output lacks. `standing` and `lost` have one entry per input, in tiyn: what it brings, or what was
    compensated for it before; and what it would have brought."""
    now = settle_values(body, standing)
    then = settle_values(body, [have + lack for have, lack in zip(standing, lost, strict=True)])
    keys = beneficiaries(body, signer)
    return tuple(Share(key, full - have) for key, have, full in zip(keys, now, then, strict=True))


def compensated(db: sqlite3.Connection, claim: bytes, refs: Sequence[TokenRef]) -> frozenset[TokenRef]:
    """Those of `refs` for which this claim was entered before."""
    return frozenset(ref for ref in refs if _claim_of(db, ref) == claim)


def unclaimed(db: sqlite3.Connection, refs: Sequence[TokenRef]) -> list[TokenRef]:
    """Those of `refs` that nobody claimed yet."""
    return [ref for ref in refs if _claim_of(db, ref) is None]


def enter(
    db: sqlite3.Connection,
    claim: bytes,
    consumer: bytes,
    defaulter: str,
    refs: Sequence[TokenRef],
    owed: Sequence[Share],
    now: int,
) -> None:
    """Note what `defaulter` owes for `refs`, which it could not show `consumer` to consume."""
    db.executemany(
        "update asked set claim = ? where txid = ? and output = ?", [(claim, *ref) for ref in refs]
    )
    db.executemany(
        "insert into claims (claim, consumer, place, key, defaulter, value, time) values (?, ?, ?, ?, ?, ?, ?)"
        " on conflict (claim, consumer, place) do update set value = value + excluded.value",
        [
            (claim, consumer, place, share.key, defaulter, share.value, now)
            for place, share in enumerate(owed)
        ],
    )


def speak_for(db: sqlite3.Connection, claim: bytes, consumer: bytes, key: bytes, bank: str) -> None:
    """`bank` has shown that it speaks for `key`: what is owed to it goes there, unless another bank came first."""
    db.execute(
        "update claims set bank = ? where claim = ? and consumer = ? and key = ? and bank is null",
        (bank, claim, consumer, key),
    )


def standing(db: sqlite3.Connection, claim: bytes, consumer: bytes, bank: str, key: bytes) -> Standing:
    """What became of it for `bank` and `key`. What was paid before there were keys and places counts too."""
    row = db.execute(
        "select coalesce(sum(paid), 0), coalesce(sum(value), 0) from claims"
        " where claim = ? and bank = ? and (consumer, key) in ((?, ?), (x'', x''))",
        (claim, bank, consumer, key),
    ).fetchone()
    return Standing(row[0], row[1] - row[0])


def owed(db: sqlite3.Connection, defaulter: str) -> int:
    """Tiyn of a bank's position that are others'."""
    row = db.execute(
        "select coalesce(sum(value - paid), 0) from claims"
        " where defaulter = ? and paid < value and bank is not null",
        (defaulter,),
    ).fetchone()
    return int(row[0])


def free(db: sqlite3.Connection, bank: str) -> int:
    """Tiyn of a bank's position that it may spend."""
    return balance(db, position(bank)) - owed(db, bank)


def pay(db: sqlite3.Connection, now: int, defaulter: str | None = None) -> None:
    """Pay what is open of one bank's debts or of all, the oldest first, as far as the positions reach. What a bank owes
    its own customer moves no position: it is between the two."""
    rows = db.execute(
        "select claim, consumer, place, defaulter, value - paid, bank from claims"
        " where paid < value and bank is not null and (? is null or defaulter = ?)"
        " order by time, claim, consumer, place",
        (defaulter, defaulter),
    ).fetchall()
    for claim, consumer, place, owes, lacking, bank in rows:
        amount = lacking if owes == bank else min(lacking, balance(db, position(owes)))
        if amount > 0:
            changes: Mapping[str, int] = {position(owes): -amount, position(bank): amount}
            if owes != bank:
                move(db, MovementKind.CHALLENGE, claim, now, changes)
            db.execute(
                "update claims set paid = paid + ? where claim = ? and consumer = ? and place = ?",
                (amount, claim, consumer, place),
            )


def _claim_of(db: sqlite3.Connection, ref: TokenRef) -> bytes | None:
    row = db.execute("select claim from asked where txid = ? and output = ?", ref).fetchone()
    return None if row is None else row[0]
