"""Redemptions and refunds: money that comes back from offline.

Rule: what is paid is the settled value, proved from hop 0 on, once for each redemption and each token. A position is
credited only to the bank that asks, and only on the possession of the key whose money it is: a certificate alone
gives no bank another bank's customer. A redemption of a wallet that was revoked before the notary committed it goes
to a position whatever it says, so that nothing is stuck and no revoked wallet gets tokens. A refund is decided by
which reference the notary committed first, the refund's or a transfer's; no clock decides lateness. Where a transfer's
was first, the bank that committed it shows it, or owes the token's value (`challenging`). A redemption that was paid
has been shown: whoever forgot it owes nothing for its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hsm.failpoint import reach
from ledger_sync.central_bank.backing import Root, back, made_before, roots
from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.claims import ClaimBalance
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.peers import NotaryClient
from ledger_sync.central_bank.ports.books import OUTSTANDING, MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause
from ledger_sync.central_bank.ports.returns import Paid, Refunded
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.proving import Proof, check_claim, keep_winners
from ledger_sync.central_bank.registry import Registry
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import WINDOW, Clock
from ledger_sync.possession import Possession
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import refund_id, reissue
from wallet.protocol.issuance import Issuance
from wallet.protocol.lifetime import is_refundable, redeem_until
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, TokenRef, ToPayer, Transfer

PAID_OUTPUT: Final = 0
"""The output of a redemption that the central bank gets; the other one is change."""
_NEAR: Final = 3
"""The part of their life that new tokens may have lost when they are made."""


@dataclass(frozen=True, slots=True)
class _Due:
    """What a proved redemption comes to: new tokens, if any, for a customer of `bank`; what has to be kept with it."""

    transfer: Signed[Transfer]
    signer: bytes
    paid: Paid
    bank: str
    behind: Sequence[Root]
    winners: Mapping[TokenRef, bytes]


@dataclass(frozen=True, slots=True)
class Redeeming:
    """Pays redemptions and refunds."""

    storage: Storage
    registry: Registry
    issuing: Issuing
    notary: NotaryClient
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
        transfer, validity = proof.transfer(txid)
        redemption = transfer.body.redemption
        if redemption is None:
            raise Refusal(Code.REDEMPTION_KEY, {"transfer": txid.hex()})
        outcome = proof.outcome(txid)
        value = outcome.values[PAID_OUTPUT]
        require(outcome.code is not Code.TOO_LATE or value > 0, Code.TOO_LATE, transfer=txid.hex())
        signer = validity.signer.body.key
        if self._is_revoked(proof, txid, validity.signer, shown):
            require(shown is not None, Code.WALLET_REVOKED, transfer=txid.hex())
            redemption = ToAccount()
        if isinstance(redemption, ToAccount):
            check_claim(bank, signer, shown, self.registry.directory)
        speaks = bank if isinstance(redemption, ToAccount) else validity.signer.body.bank
        behind = roots(proof, txid, (signer, speaks))
        body = self._new_tokens(txid, redemption, value, proof) if value else None
        credited = bank if value and body is None else None
        while True:
            issuance = None if body is None else self.issuing.sign(body)
            due = _Due(
                transfer,
                signer,
                Paid(issuance, value, credited),
                validity.signer.body.bank,
                behind,
                proof.winners,
            )
            paid = self._pay(due)
            if paid is not None:
                reach("central_bank.redemption.done")
                return paid

    def paid(self, txid: bytes) -> Paid | None:
        """How a redemption was paid, if it was."""
        return self.storage.returns.redemption(txid)

    def _pay(self, due: _Due) -> Paid | None:
        """How the redemption is paid: as is due, unless it was before, or the same tokens were made and forgotten. None
        where other tokens have the new ones' id by now."""
        now, returns, paid, txid = self.clock(), self.storage.returns, due.paid, due.transfer.id
        with self.storage.transaction():
            before = returns.redemption(txid)
            if before is not None:
                return before
            if paid.issuance is not None and self.storage.issuances.has(paid.issuance.id):
                return None
            keep_winners(self.storage.winners, due.winners)
            back(self.storage, due.behind, now)
            if paid.issuance is not None:
                paid = replace(paid, issuance=self._kept(due, paid.issuance, now))
            if paid.bank is not None:
                changes = {OUTSTANDING: -paid.value, position(paid.bank): paid.value}
                move(self.storage.books, MovementKind.REDEMPTION, txid, now, changes)
            returns.keep_redemption(txid, paid)
            self.challenging.asking.note(due.transfer, due.signer)
            reach("central_bank.redemption.booked")
        return paid

    def _kept(self, due: _Due, fresh: Signed[Issuance], now: int) -> Signed[Issuance]:
        """The issuance that the redemption gives, kept."""
        txid = due.transfer.id
        before = made_before(self.storage, txid, fresh.body, now)
        if before is None:
            is_kept = self.storage.issuances.keep(Cause.REDEMPTION, txid, due.bank, fresh)
            require(is_kept, Code.INTERNAL, transfer=txid.hex())
        return before or fresh

    def refund(self, bank: str, ref: TokenRef, proof: Proof, shown: Possession) -> int | ClaimBalance:
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
        self.storage.winners.hear(said)
        if said.body.consumer != consumer:
            return self.challenging.challenge_for_refund(bank, said.body, ref, value, shown)
        reach("central_bank.refund.committed")
        winners = {**proof.winners, ref: consumer}
        behind = roots(proof, ref.txid, (token.owner, bank))
        with self.storage.transaction():
            if self.storage.returns.keep_refund(ref, Refunded(bank, value)):
                keep_winners(self.storage.winners, winners)
                back(self.storage, behind, now)
                if value:
                    changes = {OUTSTANDING: -value, position(bank): value}
                    move(self.storage.books, MovementKind.REFUND, consumer, now, changes)
                reach("central_bank.refund.booked")
        paid = self._refunded(bank, ref)
        assert paid is not None
        return paid

    def _refunded(self, bank: str, ref: TokenRef) -> int | None:
        held = self.storage.returns.refund(ref)
        if held is None:
            return None
        require(held.bank == bank, Code.TOO_LATE, token=str(ref))
        return held.value

    def _is_revoked(
        self, proof: Proof, txid: bytes, signer: Signed[Certificate], shown: Possession | None
    ) -> bool:
        known = [signer.body] if shown is None else [signer.body, shown.certificate.body]
        wallets = {body.revocation_id for body in known if body.key == signer.body.key}
        since = self.registry.revoked_since(signer.body.key, wallets)
        return since is not None and since <= proof.committed_at(txid)

    def _new_tokens(self, txid: bytes, redemption: Redemption, value: int, proof: Proof) -> Issuance | None:
        """What a redemption of `value` gives, to be signed; None where it goes to a position."""
        match redemption:
            case ToAccount():
                return None
            case Refresh(owner, amounts):
                given = cut(amounts, value)
            case ToPayer(payer):
                owner, given = payer, (value,)
        mark = proof.transfer(txid)[1].tokens[PAID_OUTPUT].mark
        dated = self._dated(proof.committed_at(txid), self.clock())
        return self.issuing.body(reissue(txid), owner, given, mark, dated)

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
