"""Challenges: a bank that made the notary consume a token must be able to show the transfer that did.

Rule: no verdict changes. If the bank shows a transfer that the token's owner signed and that consumes the token,
the claimant has the other half of a conflict. If it cannot, its position pays the claimant's bank the token's
settled value, once for each token, to the first that claims it and shows that it speaks for the claimant's key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_sync.central_bank.books import MovementKind, move, position
from ledger_sync.central_bank.partners import BankLine
from ledger_sync.central_bank.proving import Proof, check_claim
from ledger_sync.central_bank.registry import Registry
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock
from ledger_sync.possession import Possession
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Fact, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import CENTRAL_BANK, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef, Transfer

Shown = tuple[Signed[Transfer], Signed[Certificate]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Tiyn paid to the claimant's bank, or what the challenged bank has shown."""

    value: int
    shown: Shown | None


@dataclass(frozen=True, slots=True)
class Challenging:
    """Asks the challenged bank, and makes it pay."""

    store: Store
    registry: Registry
    banks: Mapping[str, BankLine]
    terms: Terms
    clock: Clock

    def challenge(
        self, bank: str, statement: Signed[Consumption], claim: bytes, proof: Proof, shown: Possession
    ) -> Answer:
        """`bank` claims for the transfer `claim`, which lost tokens to the statement's consumer; `shown` says that it
        speaks for who would have got them.

        Raises `Refusal`: NOTARY_SIGNATURE, EVIDENCE_INVALID (nothing was lost to it, or it is the claimant's own),
        AUTH_FORBIDDEN and KEY_INVALID (not the claimant's bank), UNREACHABLE (ask again), POSITION_SHORT, and as
        `Proof` does.
        """
        check_consumption(statement, self.registry.directory)
        said = statement.body
        require(said.bank not in (CENTRAL_BANK, bank), Code.EVIDENCE_INVALID, bank=said.bank)
        transfer, standing = proof.transfer(claim)
        lost = [ref for ref in transfer.body.inputs if ref in said.refs]
        require(bool(lost) and said.consumer != claim, Code.EVIDENCE_INVALID, transfer=claim.hex())
        is_redeemed = transfer.body.redemption is not None
        claimant = standing.signer.body.key if is_redeemed else transfer.body.payee
        check_claim(bank, claimant, shown, self.registry.directory)
        values = {ref: proof.value(ref) for ref in lost}
        paid = self._paid(bank, claim, lost)
        if paid is not None:
            return Answer(paid, None)
        owner = proof.token(lost[0]).owner
        answer = self._ask(said, owner, lost)
        return (
            Answer(self._pay(bank, said.bank, claim, values), None) if answer is None else Answer(0, answer)
        )

    def _ask(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> Shown | None:
        """What the bank shows; None once it is known that it cannot. UNREACHABLE while that is open."""
        line = self.banks.get(said.bank)
        if line is None:
            raise Refusal(Code.BANK_UNKNOWN, {"bank": said.bank})
        asked = self._first_asked(lost)
        try:
            transfer, certificate = line.show(said.consumer)
        except Refusal as refusal:
            waited = self.clock() - asked
            if refusal.code is Code.NOT_FOUND or waited > self.terms.challenge_wait:
                return None
            facts: dict[str, Fact] = {"bank": said.bank, "until": asked + self.terms.challenge_wait}
            raise Refusal(Code.UNREACHABLE, facts) from refusal
        is_it = transfer.id == said.consumer and set(lost) <= set(transfer.body.inputs)
        return (transfer, certificate) if is_it and transfer.signed_by(owner) else None

    def _first_asked(self, lost: Sequence[TokenRef]) -> int:
        now = self.clock()
        with self.store.writing() as db:
            for ref in lost:
                db.execute(
                    "insert or ignore into challenges (txid, output, first_asked) values (?, ?, ?)",
                    (ref.txid, ref.output, now),
                )
            rows = [_row(db, ref) for ref in lost]
        return max(row[0] for row in rows)

    def _paid(self, bank: str, claim: bytes, lost: Sequence[TokenRef]) -> int | None:
        """What `bank` was paid for this claim before; None if some of it is still open."""
        with self.store.reading() as db:
            rows = [_row(db, ref) for ref in lost]
        if any(claimant is None for _, claimant, _, _ in rows):
            return None
        return sum(value or 0 for _, *paid, value in rows if paid == [claim, bank])

    def _pay(self, bank: str, defaulter: str, claim: bytes, values: Mapping[TokenRef, int]) -> int:
        with self.store.writing() as db:
            open_ones = {ref: value for ref, value in values.items() if _row(db, ref)[1] is None}
            for ref, value in open_ones.items():
                db.execute(
                    "update challenges set claimant = ?, bank = ?, value = ? where txid = ? and output = ?",
                    (claim, bank, value, ref.txid, ref.output),
                )
            total = sum(open_ones.values())
            if total:
                changes = {position(defaulter): -total, position(bank): total}
                move(db, MovementKind.CHALLENGE, claim, self.clock(), changes)
        return self._paid(bank, claim, list(values)) or 0


def _row(db: sqlite3.Connection, ref: TokenRef) -> tuple[int, bytes | None, str | None, int | None]:
    row: tuple[int, bytes | None, str | None, int | None] | None = db.execute(
        "select first_asked, claimant, bank, value from challenges where txid = ? and output = ?", ref
    ).fetchone()
    return (0, None, None, None) if row is None else row
