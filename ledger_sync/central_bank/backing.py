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
from collections.abc import Iterator, Sequence
from typing import Final

from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.ports.books import OUTSTANDING, MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause, Charge
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.proving import Proof
from ledger_sync.settling import Valid
from wallet.protocol.bounds import FUNDING_ID_BYTES
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import reissue
from wallet.protocol.issuance import Issuance

Root = tuple[Signed[Issuance], str]
"""An issuance, and the bank that stands for it where the books lack it."""
_log: Final = logging.getLogger(__name__)


def back(storage: Storage, behind: Sequence[Root], now: int) -> None:
    """Book whatever the books lack of these issuances (`roots`), within the caller's transaction, before it pays."""
    for issuance, bank in behind:
        if not storage.issuances.is_backed(issuance.id):
            charge(storage, issuance, bank, now)


def roots(proof: Proof, made_by: bytes, speaker: tuple[bytes, str]) -> list[Root]:
    """The issuances that the transaction `made_by` goes back to. `speaker` is a key, and the bank that has shown that
    it speaks for it."""
    key, speaks = speaker
    return [
        (issuance, speaks if issuance.body.owner == key else certified)
        for issuance, certified in _roots(proof, made_by, speaks)
    ]


def charge(storage: Storage, issuance: Signed[Issuance], bank: str, now: int) -> None:
    """Take from the position of `bank` what an issuance made, under an id that no other funding has."""
    funding, issuances = issuance.body.funding, storage.issuances
    while issuances.find(Cause.FUNDING, funding) is not None:
        funding = hashlib.sha256(issuance.id + funding).digest()[:FUNDING_ID_BYTES]
    total = sum(issuance.body.amounts)
    _log.warning("an issuance was forgotten: its bank pays", extra={"peer": bank})
    issuances.keep(Cause.FUNDING, funding, bank, issuance)
    issuances.charge(issuance.id, Charge(bank, funding, total))
    changes = {position(bank): -total, OUTSTANDING: total}
    move(storage.books, MovementKind.FUNDING, funding, now, changes, may_overdraw=True)


def made_before(storage: Storage, txid: bytes, body: Issuance, now: int) -> Signed[Issuance] | None:
    """The issuance that the redemption `txid`, proved just now, was answered with before it was forgotten: the same
    tokens as `body`, whenever they were made. What was taken for it goes back. None where there is none."""
    issuances = storage.issuances
    told = issuances.find(Cause.REDEMPTION, txid)
    if told is not None and not _is_same(told.issuance.body, body):
        _is_a_funding(storage, told.issuance, told.bank, now)
        told = None
    held = told or issuances.find(Cause.FUNDING, reissue(txid))
    if held is None or not _is_same(held.issuance.body, body):
        return None
    issuance = held.issuance
    charged = issuances.charged(issuance.id)
    if charged is None:
        return None if told is None else issuance
    changes = {position(charged.bank): charged.amount, OUTSTANDING: -charged.amount}
    move(storage.books, MovementKind.FUNDING, charged.funding, now, changes)
    issuances.give_back(issuance.id)
    issuances.answers(issuance.id, Cause.REDEMPTION, txid)
    return issuance


def _is_a_funding(storage: Storage, issuance: Signed[Issuance], bank: str, now: int) -> None:
    """A bank has told of it as of a redemption that gave something else."""
    if not storage.issuances.is_backed(issuance.id):
        charge(storage, issuance, bank, now)
    charged = storage.issuances.charged(issuance.id)
    assert charged is not None
    storage.issuances.answers(issuance.id, Cause.FUNDING, charged.funding)


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
        transfer, validity = proof.fragments.transfer(made), proof.graph.validity(made)
        if issuance is not None:
            yield issuance, bank
        elif transfer is not None and isinstance(validity, Valid):
            todo += [(ref.txid, validity.signer.body.bank) for ref in transfer.body.inputs]
