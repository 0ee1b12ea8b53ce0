"""Redemptions and refunds: money that comes back from offline.

Rule: what is paid is the settled value, proved from hop 0 on, once for each redemption and each token. A redemption
of a wallet that was revoked before the notary committed it goes to its own bank's position whatever it says, so
that nothing is stuck and no revoked wallet gets tokens. A refund is decided by which reference the notary committed
first, the refund's or a transfer's; no clock decides lateness.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hsm.failpoint import reach
from ledger_sync.central_bank.books import OUTSTANDING, MovementKind, move, position
from ledger_sync.central_bank.issuing import Cause, Issuing
from ledger_sync.central_bank.partners import NotaryLine
from ledger_sync.central_bank.proving import Proof, keep_winners
from ledger_sync.central_bank.registry import Registry
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock
from ledger_sync.settling import Valid, refund_id
from wallet.protocol import cose
from wallet.protocol.bounds import FUNDING_ID_BYTES
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, TokenRef, ToPayer

PAID_OUTPUT: Final = 0
"""The output of a redemption that the central bank gets; the other one is change."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of a redemption: new tokens, or none where it went to a position or came to nothing."""

    issuance: Signed[Issuance] | None
    value: int


@dataclass(frozen=True, slots=True)
class Redeeming:
    """Pays redemptions and refunds."""

    store: Store
    registry: Registry
    issuing: Issuing
    notary: NotaryLine
    terms: Terms
    clock: Clock

    def redeem(self, txid: bytes, proof: Proof) -> Paid:
        """Pay the redemption `txid`. The same again has the same answer.

        Raises `Refusal`: what is wrong with its provenance, REDEMPTION_KEY (it is none), COMMIT_MISMATCH (the
        notary's word is missing or contradicts what it said before), TOO_LATE (its tokens were refunded first).
        """
        before = self.paid(txid)
        if before is not None:
            return before
        transfer, standing = proof.transfer(txid)
        redemption = transfer.body.redemption
        if redemption is None:
            raise Refusal(Code.REDEMPTION_KEY, {"transfer": txid.hex()})
        outcome = proof.outcome(txid)
        value = outcome.values[PAID_OUTPUT]
        require(outcome.code is not Code.TOO_LATE or value > 0, Code.TOO_LATE, transfer=txid.hex())
        if self._is_revoked(proof, txid, standing):
            redemption = ToAccount()
        with self.store.writing() as db:
            if db.execute("select 1 from redemptions where txid = ?", (txid,)).fetchone() is None:
                keep_winners(db, proof.winners)
                issuance = self._pay(db, txid, redemption, value, standing) if value else None
                row = (txid, value, None if issuance is None else issuance.id)
                db.execute("insert into redemptions values (?, ?, ?)", row)
                reach("central_bank.redemption.booked")
        reach("central_bank.redemption.done")
        paid = self.paid(txid)
        assert paid is not None
        return paid

    def paid(self, txid: bytes) -> Paid | None:
        """How a redemption was paid, if it was."""
        with self.store.reading() as db:
            row = db.execute(
                "select value, raw from redemptions left join issuances on issuance = id where txid = ?",
                (txid,),
            ).fetchone()
        if row is None:
            return None
        return Paid(None if row[1] is None else cose.parse(Issuance, row[1]), row[0])

    def refund(self, bank: str, ref: TokenRef, proof: Proof) -> int:
        """Give an expired token's settled value to its last owner's bank. The same again has the same answer.

        Raises `Refusal`: what is wrong with its provenance, AUTH_FORBIDDEN (another bank's), TOO_EARLY, TOO_LATE (it
        was consumed), UNREACHABLE (the notary is), COMMIT_MISMATCH.
        """
        before = self._refunded(bank, ref)
        if before is not None:
            return before
        token = proof.token(ref)
        certificate = proof.graph.certificate(token.owner)
        if certificate is None:
            raise Refusal(Code.CERTIFICATE_MISSING, {"key": token.owner.hex()})
        require(certificate.body.bank == bank, Code.AUTH_FORBIDDEN, bank=certificate.body.bank)
        from_when = token.expires + self.terms.grace
        now = self.clock()
        require(now > from_when, Code.TOO_EARLY, time=now, **{"from": from_when})
        value = proof.value(ref)
        consumer = refund_id(ref)
        first = self.notary.consume(ref, consumer, self.registry.directory)
        require(first == consumer, Code.TOO_LATE, consumer=first.hex())
        reach("central_bank.refund.committed")
        with self.store.writing() as db:
            if _refund(db, ref) is None:
                keep_winners(db, {**proof.winners, ref: consumer})
                if value:
                    changes = {OUTSTANDING: -value, position(bank): value}
                    move(db, MovementKind.REFUND, consumer, now, changes)
                db.execute("insert into refunds values (?, ?, ?, ?)", (*ref, bank, value))
                reach("central_bank.refund.booked")
        return value

    def _refunded(self, bank: str, ref: TokenRef) -> int | None:
        with self.store.reading() as db:
            held = _refund(db, ref)
        if held is None:
            return None
        require(held[0] == bank, Code.AUTH_FORBIDDEN, bank=held[0])
        return held[1]

    def _is_revoked(self, proof: Proof, txid: bytes, standing: Valid) -> bool:
        since = self.registry.revoked_since(standing.signer.body)
        return since is not None and since <= proof.committed_at(txid)

    def _pay(
        self, db: sqlite3.Connection, txid: bytes, redemption: Redemption, value: int, standing: Valid
    ) -> Signed[Issuance] | None:
        bank = standing.signer.body.bank
        match redemption:
            case ToAccount():
                changes = {OUTSTANDING: -value, position(bank): value}
                move(db, MovementKind.REDEMPTION, txid, self.clock(), changes)
                return None
            case Refresh(owner, amounts):
                return self._reissue(db, txid, bank, owner, cut(amounts, value), standing)
            case ToPayer(payer):
                return self._reissue(db, txid, bank, payer, (value,), standing)

    def _reissue(
        self,
        db: sqlite3.Connection,
        txid: bytes,
        bank: str,
        owner: bytes,
        amounts: Sequence[int],
        standing: Valid,
    ) -> Signed[Issuance]:
        mark = standing.tokens[PAID_OUTPUT].mark
        body = self.issuing.body(txid[:FUNDING_ID_BYTES], owner, amounts, mark, self.clock())
        return self.issuing.issue(db, Cause.REDEMPTION, txid, bank, body)


def cut(amounts: Sequence[int], value: int) -> tuple[int, ...]:
    """`amounts` in order as far as `value` reaches, the last one cut to what is left."""
    kept: list[int] = []
    left = value
    for amount in amounts:
        if left == 0:
            break
        kept.append(min(amount, left))
        left -= kept[-1]
    return tuple(kept)


def _refund(db: sqlite3.Connection, ref: TokenRef) -> tuple[str, int] | None:
    row: tuple[str, int] | None = db.execute(
        "select bank, value from refunds where txid = ? and output = ?", ref
    ).fetchone()
    return row
