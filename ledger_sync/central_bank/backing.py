"""Backing: behind every issuance that the central bank signed stands money, also where its books have forgotten it.

Rule: an issuance that a proof bears and that the books lack counts, for the central bank's own signature is on it; it
is booked as a funding before anything is paid that goes back to it. What it takes, the bank pays whose customer's key
it was made for: the one that shows that it speaks for the key, else the one whose certificate the key signed under in
the proof. A position that has less is overdrawn: the bank owes the rest, and nobody who comes with tokens waits for it.
An issuance that a redemption gave is backed by that redemption once it is proved again; what was taken for it goes
back.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from typing import Final

from ledger_sync.central_bank.books import OUTSTANDING, MovementKind, move, position
from ledger_sync.central_bank.issuing import Cause, find
from ledger_sync.central_bank.proving import Proof
from ledger_sync.settling import Valid
from wallet.database import insert_new
from wallet.protocol.bounds import FUNDING_ID_BYTES
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import reissue
from wallet.protocol.issuance import Issuance

_BACKED: Final = (
    "select 1 from issuances where id = ? and (cause = 'funding'"
    " or exists (select 1 from redemptions where txid = cause_id) or id in (select issuance from charged))"
)
_log: Final = logging.getLogger(__name__)


def back(db: sqlite3.Connection, proof: Proof, made_by: bytes, speaker: tuple[bytes, str], now: int) -> None:
    """Book whatever the books lack of the issuances that the transaction `made_by` goes back to, within the caller's
    transaction, before it pays. `speaker` is a key, and the bank that has shown that it speaks for it."""
    key, speaks = speaker
    for issuance, certified in _roots(proof, made_by, speaks):
        if db.execute(_BACKED, (issuance.id,)).fetchone() is None:
            charge(db, issuance, speaks if issuance.body.owner == key else certified, now)


def charge(db: sqlite3.Connection, issuance: Signed[Issuance], bank: str, now: int) -> None:
    """Take from the position of `bank` what an issuance made, under an id that no other funding has."""
    funding = issuance.body.funding
    while find(db, Cause.FUNDING, funding) is not None:
        funding = hashlib.sha256(issuance.id + funding).digest()[:FUNDING_ID_BYTES]
    cause, total = Cause.FUNDING.value, sum(issuance.body.amounts)
    _log.warning("an issuance of %d tiyn that was forgotten: %s pays", total, bank)
    insert_new(
        db,
        "issuances",
        id=issuance.id,
        cause=cause,
        cause_id=funding,
        bank=bank,
        raw=issuance.encode(),
    )
    insert_new(db, "charged", issuance=issuance.id, bank=bank, funding=funding, amount=total)
    changes = {position(bank): -total, OUTSTANDING: total}
    move(db, MovementKind.FUNDING, funding, now, changes, may_overdraw=True)


def made_before(db: sqlite3.Connection, txid: bytes, body: Issuance, now: int) -> Signed[Issuance] | None:
    """The issuance that the redemption `txid`, proved just now, was answered with before it was forgotten: the same
    tokens as `body`, whenever they were made. What was taken for it goes back. None where there is none."""
    told = find(db, Cause.REDEMPTION, txid)
    if told is not None and not _is_same(told[1].body, body):
        _is_a_funding(db, told[1], told[0], now)
        told = None
    held = told or find(db, Cause.FUNDING, reissue(txid))
    if held is None or not _is_same(held[1].body, body):
        return None
    issuance = held[1]
    row = db.execute(
        "select bank, funding, amount from charged where issuance = ?", (issuance.id,)
    ).fetchone()
    if row is None:
        return None if told is None else issuance
    bank, funding, amount = row
    move(db, MovementKind.FUNDING, funding, now, {position(bank): amount, OUTSTANDING: -amount})
    db.execute("delete from charged where issuance = ?", (issuance.id,))
    sql = "update issuances set cause = ?, cause_id = ? where id = ?"
    db.execute(sql, (Cause.REDEMPTION.value, txid, issuance.id))
    return issuance


def _is_a_funding(db: sqlite3.Connection, issuance: Signed[Issuance], bank: str, now: int) -> None:
    """A bank has told of it as of a redemption that gave something else."""
    is_charged = db.execute(_BACKED, (issuance.id,)).fetchone() is not None
    if not is_charged:
        charge(db, issuance, bank, now)
    row = db.execute("select funding from charged where issuance = ?", (issuance.id,)).fetchone()
    sql = "update issuances set cause = ?, cause_id = ? where id = ?"
    db.execute(sql, (Cause.FUNDING.value, row[0], issuance.id))


def _is_same(one: Issuance, other: Issuance) -> bool:
    return (one.funding, one.owner, one.amounts, one.mark) == (
        other.funding,
        other.owner,
        other.amounts,
        other.mark,
    )


def _roots(proof: Proof, made_by: bytes, speaks: str) -> Iterator[tuple[Signed[Issuance], str]]:
    """Each issuance that a transaction of the proof goes back to, and the bank that certified who spent it first there;
    ``speaks`` where the transaction is an issuance itself."""
    todo, seen = [(made_by, speaks)], set()
    while todo:
        made, bank = todo.pop()
        if made in seen:
            continue
        seen.add(made)
        issuance = proof.fragments.issuance(made)
        transfer, standing = proof.fragments.transfer(made), proof.graph.standing(made)
        if issuance is not None:
            yield issuance, bank
        elif transfer is not None and isinstance(standing, Valid):
            todo += [(ref.txid, standing.signer.body.bank) for ref in transfer.body.inputs]
