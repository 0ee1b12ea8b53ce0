"""Redemptions and refunds: money that comes back from offline.

Rule: what is paid is the settled value, proved from hop 0 on, once for each redemption and each token. A position is
credited only to the bank that asks, and only on the possession of the key whose money it is: a certificate alone
gives no bank another bank's customer. A redemption of a wallet that was revoked before the notary committed it goes
to a position whatever it says, so that nothing is stuck and no revoked wallet gets tokens. A refund is decided by
which reference the notary committed first, the refund's or a transfer's; no clock decides lateness. Where a transfer's
was first, the bank that committed it shows it, or owes the token's value (`challenging`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hsm.failpoint import reach
from ledger_sync.central_bank.backing import back, made_before
from ledger_sync.central_bank.books import OUTSTANDING, MovementKind, move, position
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.claims import Standing
from ledger_sync.central_bank.issuing import Cause, Issuing
from ledger_sync.central_bank.partners import NotaryLine
from ledger_sync.central_bank.proving import Proof, check_claim, keep_heard, keep_winners
from ledger_sync.central_bank.registry import Registry
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import WINDOW, Clock
from ledger_sync.possession import Possession
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import refund_id, reissue
from wallet.protocol.issuance import Issuance
from wallet.protocol.lifetime import is_refundable, redeem_until
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, TokenRef, ToPayer

PAID_OUTPUT: Final = 0
"""The output of a redemption that the central bank gets; the other one is change."""
_NEAR: Final = 3
"""The part of their life that new tokens may have lost when they are made."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of a redemption: new tokens, or none where it went to the position of `bank` or came to nothing."""

    issuance: Signed[Issuance] | None
    value: int
    bank: str | None

    def credited(self, bank: str) -> int:
        """The tiyn of it that went to the position of `bank`."""
        return self.value if bank == self.bank else 0


@dataclass(frozen=True, slots=True)
class Redeeming:
    """Pays redemptions and refunds."""

    store: Store
    registry: Registry
    issuing: Issuing
    notary: NotaryLine
    challenging: Challenging
    terms: Terms
    clock: Clock

    def redeem(self, bank: str, txid: bytes, proof: Proof, shown: Possession | None) -> Paid:
        """Pay the redemption `txid`, for which `bank` asks. The same again has the same answer, whoever asks.

        `shown` says that the bank speaks for the signer's key; new tokens are made without it. Raises `Refusal`:
        what is wrong with its provenance, REDEMPTION_KEY (it is none), COMMIT_MISMATCH (the notary's word is missing
        or contradicts what it said before), TOO_LATE (its tokens were refunded first), WALLET_REVOKED (the signer was
        revoked, and with nothing shown it is not for this bank to ask), AUTH_FORBIDDEN and KEY_INVALID (it goes to a
        position, and the bank does not speak for the signer's key).
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
        signer = standing.signer.body.key
        if self._is_revoked(proof, txid, standing.signer, shown):
            require(shown is not None, Code.WALLET_REVOKED, transfer=txid.hex())
            redemption = ToAccount()
        if isinstance(redemption, ToAccount):
            check_claim(bank, signer, shown, self.registry.directory)
        with self.store.writing() as db:
            if db.execute("select 1 from redemptions where txid = ?", (txid,)).fetchone() is None:
                keep_winners(db, proof.winners)
                speaks = bank if isinstance(redemption, ToAccount) else standing.signer.body.bank
                back(db, proof, txid, (signer, speaks), self.clock())
                issuance = self._pay(db, txid, redemption, value, bank, proof) if value else None
                credited = bank if value and issuance is None else None
                row = (txid, value, None if issuance is None else issuance.id, credited)
                db.execute("insert into redemptions (txid, value, issuance, bank) values (?, ?, ?, ?)", row)
                reach("central_bank.redemption.booked")
        reach("central_bank.redemption.done")
        paid = self.paid(txid)
        assert paid is not None
        return paid

    def paid(self, txid: bytes) -> Paid | None:
        """How a redemption was paid, if it was."""
        with self.store.reading() as db:
            row = db.execute(
                "select value, raw, redemptions.bank from redemptions left join issuances on issuance = id"
                " where txid = ?",
                (txid,),
            ).fetchone()
        if row is None:
            return None
        return Paid(None if row[1] is None else cose.parse(Issuance, row[1]), row[0], row[2])

    def refund(self, bank: str, ref: TokenRef, proof: Proof, shown: Possession) -> int | Standing:
        """Give an expired token's settled value to its last owner's bank, or have the bank owe it that consumed the
        token for a transfer that it can't show. The same again has the same answer.

        `shown` says that the bank speaks for the owner's key. Raises `Refusal`: what is wrong with its provenance,
        AUTH_FORBIDDEN and KEY_INVALID (the bank does not speak for that key), TOO_EARLY, TOO_LATE (it was consumed,
        or refunded to another bank that the owner wanted), UNREACHABLE (the notary is), COMMIT_MISMATCH.
        """
        token = proof.token(ref)
        check_claim(bank, token.owner, shown, self.registry.directory)
        before = self._refunded(bank, ref)
        if before is not None:
            return before
        now, last = self.clock(), redeem_until(token.expires, self.terms.grace)
        is_due = is_refundable(token.expires, self.terms.grace, now)
        require(is_due, Code.TOO_EARLY, time=now, **{"from": last})
        value = proof.value(ref)
        consumer = refund_id(ref)
        said = self.notary.consume(ref, consumer, self.registry.directory)
        with self.store.writing() as db:
            keep_heard(db, said)
        if said.body.consumer != consumer:
            return self.challenging.challenge_for_refund(bank, said.body, ref, value, shown)
        reach("central_bank.refund.committed")
        with self.store.writing() as db:
            if _refund(db, ref) is None:
                keep_winners(db, {**proof.winners, ref: consumer})
                back(db, proof, ref.txid, (token.owner, bank), now)
                if value:
                    changes = {OUTSTANDING: -value, position(bank): value}
                    move(db, MovementKind.REFUND, consumer, now, changes)
                db.execute(
                    "insert into refunds (txid, output, bank, value) values (?, ?, ?, ?)", (*ref, bank, value)
                )
                reach("central_bank.refund.booked")
        paid = self._refunded(bank, ref)
        assert paid is not None
        return paid

    def _refunded(self, bank: str, ref: TokenRef) -> int | None:
        with self.store.reading() as db:
            held = _refund(db, ref)
        if held is None:
            return None
        require(held[0] == bank, Code.TOO_LATE, token=str(ref))
        return held[1]

    def _is_revoked(
        self, proof: Proof, txid: bytes, signer: Signed[Certificate], shown: Possession | None
    ) -> bool:
        known = [signer.body] if shown is None else [signer.body, shown.certificate.body]
        wallets = {body.revocation_id for body in known if body.key == signer.body.key}
        since = self.registry.revoked_since(signer.body.key, wallets)
        return since is not None and since <= proof.committed_at(txid)

    def _pay(
        self,
        db: sqlite3.Connection,
        txid: bytes,
        redemption: Redemption,
        value: int,
        bank: str,
        proof: Proof,
    ) -> Signed[Issuance] | None:
        match redemption:
            case ToAccount():
                changes = {OUTSTANDING: -value, position(bank): value}
                move(db, MovementKind.REDEMPTION, txid, self.clock(), changes)
                return None
            case Refresh(owner, amounts):
                return self._reissue(db, txid, owner, cut(amounts, value), proof)
            case ToPayer(payer):
                return self._reissue(db, txid, payer, (value,), proof)

    def _reissue(
        self,
        db: sqlite3.Connection,
        txid: bytes,
        owner: bytes,
        amounts: Sequence[int],
        proof: Proof,
    ) -> Signed[Issuance]:
        standing = proof.transfer(txid)[1]
        bank, mark, now = standing.signer.body.bank, standing.tokens[PAID_OUTPUT].mark, self.clock()
        body = self.issuing.body(
            reissue(txid), owner, amounts, mark, self._dated(proof.committed_at(txid), now)
        )
        before = made_before(db, txid, body, now)
        return before or self.issuing.issue(db, Cause.REDEMPTION, txid, bank, body)

    def _dated(self, committed: int, now: int) -> int:
        """When new tokens count as made: when the notary gave the old ones to their redemption, so that, made again
        once they were forgotten, they are the same. But now, where that word is far from now: its clock may be wrong.
        """
        is_near = now - self.terms.token_life // _NEAR <= committed <= now + WINDOW
        return committed if is_near and committed >= self.registry.directory.time else now


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
