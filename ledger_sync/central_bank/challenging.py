"""Challenges: a bank that made the notary consume a token must be able to show the transfer that did, or it pays.

Rule: no verdict changes, and no two banks say different ones. What `asking` ends with is the answer: the transfer,
which is the other half of a conflict; or that the bank has failed, and then it owes what the loss took (`claims`). A
bank that says itself that it has paid for a claim, of which these books know less since they were put back, has failed:
whoever it paid has long had the money. Any bank may ask and learn; only one that speaks for the key whose money was
lost is paid. The certificate that goes with a shown transfer is that of the claimant's own proof, which was checked,
and not what the challenged bank says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger_sync.central_bank import claims
from ledger_sync.central_bank.asking import Asking
from ledger_sync.central_bank.claims import Admitted, ClaimBalance, Share
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.proving import Proof, check_claim
from ledger_sync.central_bank.registry import Registry
from ledger_sync.http.call import Clock
from ledger_sync.possession import Possession
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.idempotency import refund_id
from wallet.protocol.settlement import CENTRAL_BANK, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_NOTHING = ClaimBalance(0, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """Tiyn paid to the asking bank and still owed to it, or what the challenged bank has shown."""

    claim: ClaimBalance
    shown: tuple[Signed[Transfer], Signed[Certificate]] | None


@dataclass(frozen=True, slots=True)
class Challenging:
    """Asks the challenged bank, and makes it pay."""

    storage: Storage
    registry: Registry
    asking: Asking
    clock: Clock
    admitted: Admitted = field(default_factory=dict)

    def challenge(
        self, bank: str, statement: Signed[Consumption], claim: bytes, proof: Proof, shown: Possession | None
    ) -> Answer:
        """`bank` asks about the transfer `claim`, which lost tokens to the statement's consumer; `shown` says that it
        speaks for who would have got them, and None that it only wants to know.

        Raises `Refusal`: NOTARY_SIGNATURE, EVIDENCE_INVALID (nothing was lost to it, or to a refund only),
        AUTH_FORBIDDEN and KEY_INVALID (not the claimant's bank), UNREACHABLE (ask again), and as `Proof` does.
        """
        check_consumption(statement, self.registry.directory)
        said = statement.body
        require(said.bank != CENTRAL_BANK, Code.EVIDENCE_INVALID, bank=said.bank)
        transfer, standing = proof.transfer(claim)
        lost = [ref for ref in transfer.body.inputs if ref in said.refs]
        require(bool(lost) and said.consumer != claim, Code.EVIDENCE_INVALID, transfer=claim.hex())
        signer = standing.signer
        if shown is not None:
            self._check_speaker(bank, claims.beneficiaries(transfer.body, signer.body.key), shown)
        found = self._ask(claim, said, signer.body.key, lost)
        if found is not None:
            return Answer(_NOTHING, (found, signer))
        self._enter(claim, said, transfer.body, signer.body.key, lost, proof)
        return Answer(self._pay(bank, claim, said, shown), None)

    def challenge_for_refund(
        self, bank: str, said: Consumption, ref: TokenRef, value: int, shown: Possession
    ) -> ClaimBalance:
        """`bank` speaks for the owner of an expired token that was consumed before its refund: whoever had it consumed
        shows the transfer, or owes the token's `value`.

        Raises `Refusal`: TOO_LATE (it was shown, or the bank itself or a refund took it), UNREACHABLE (ask again).
        """
        late = {"consumer": said.consumer.hex()}
        require(said.bank not in (CENTRAL_BANK, bank), Code.TOO_LATE, **late)
        owner = shown.certificate.body.key
        claim = refund_id(ref)
        require(self._ask(claim, said, owner, [ref]) is None, Code.TOO_LATE, **late)
        with self.storage.transaction():
            fresh = claims.unclaimed(self.storage.claims, [ref])
            owed = [Share(owner, value)] if fresh else []
            claims.enter(self.storage.claims, claim, said, fresh, owed, self.clock())
        return self._pay(bank, claim, said, shown)

    def follow_up(self) -> None:
        """Ask what is open, and pay what can be paid by now."""
        self.asking.ask_again()
        self.pay_open()

    def pay_open(self) -> None:
        """Pay what can be paid by now: the step of a background worker."""
        claims.pay(self.storage, self.clock())

    def _ask(
        self, claim: bytes, said: Consumption, owner: bytes, lost: Sequence[TokenRef]
    ) -> Signed[Transfer] | None:
        """As `Asking.ask`."""
        if self.admitted.get((said.bank, claim), 0) > self.storage.books.lost(said.bank, claim):
            self.asking.own_up(said, owner, lost)
            return None
        return self.asking.ask(said, owner, lost)

    def _check_speaker(self, bank: str, keys: Sequence[bytes], shown: Possession) -> None:
        key = shown.certificate.body.key
        check_claim(bank, key if key in keys else keys[0], shown, self.registry.directory)

    def _enter(
        self,
        claim: bytes,
        said: Consumption,
        body: Transfer,
        signer: bytes,
        lost: Sequence[TokenRef],
        proof: Proof,
    ) -> None:
        with self.storage.transaction():
            fresh = claims.unclaimed(self.storage.claims, lost)
            if not fresh:
                return
            before = claims.compensated(self.storage.claims, claim, body.inputs)
            won = {ref for ref in body.inputs if ref in before or proof.winners.get(ref) == claim}
            standing = [proof.value(ref) if ref in won else 0 for ref in body.inputs]
            lacking = [proof.value(ref) if ref in fresh else 0 for ref in body.inputs]
            owed = claims.shares(body, signer, standing, lacking)
            claims.enter(self.storage.claims, claim, said, fresh, owed, self.clock())

    def _pay(self, bank: str, claim: bytes, said: Consumption, shown: Possession | None) -> ClaimBalance:
        if shown is None:
            return _NOTHING
        key = shown.certificate.body.key
        with self.storage.transaction():
            self.storage.claims.speak_for(claim, said.consumer, key, bank)
            claims.pay(self.storage, self.clock(), said.bank)
            return claims.claim_balance(self.storage.claims, claim, said.consumer, bank, key)
