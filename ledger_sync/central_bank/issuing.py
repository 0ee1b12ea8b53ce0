"""Issuances: the only way that tokens come to be, each signed once and answered the same ever after.

Rule: a funding that was refused stays refused while another copy of the call may come, so that no bank gives money
back for a funding that is carried out after all. What is signed and not kept was given to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hsm.failpoint import reach
from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.claims import free
from ledger_sync.central_bank.ports.books import OUTSTANDING, MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause, RefusedFunding
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock, Signers
from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed, object_id
from wallet.protocol.issuance import CURRENCY, Issuance

_LATE_COPIES: Final = DAY
"""Seconds after a refusal in which another copy of the call may come: far more than any is good for."""


@dataclass(frozen=True, slots=True)
class Issuing:
    """Signs issuances and keeps them."""

    storage: Storage
    signer: Signers
    terms: Terms
    clock: Clock

    def fund(self, bank: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """Turn a bank's online money into tokens. The same again has the same answer, a refusal too.

        Raises `Refusal`: POSITION_SHORT, FUNDING_MISMATCH (this id was used for something else), AMOUNT_INVALID.
        """
        asked = RefusedFunding(funding, bank, owner, tuple(amounts))
        body = self.body(funding, owner, amounts, None, self.clock())
        while True:
            answer = self._answered(asked)
            if answer is not None:
                return answer
            self._refuse_if_short(asked)
            issuance = self.sign(body)
            if self._carried_out(asked, issuance):
                reach("central_bank.funding.done")
                return issuance

    def _answered(self, asked: RefusedFunding) -> Signed[Issuance] | None:
        """What this funding was answered with. POSITION_SHORT if it was refused, FUNDING_MISMATCH."""
        held = self.storage.issuances.find(Cause.FUNDING, asked.id)
        if held is not None:
            body = held.issuance.body
            is_same = (held.bank, body.owner, body.amounts) == (asked.bank, asked.owner, asked.amounts)
            require(is_same, Code.FUNDING_MISMATCH, funding=asked.id.hex())
            return held.issuance
        refused = self.storage.issuances.refused(asked.id)
        require(refused in (None, asked), Code.FUNDING_MISMATCH, funding=asked.id.hex())
        require(refused is None, Code.POSITION_SHORT, bank=asked.bank)
        return None

    def _refuse_if_short(self, asked: RefusedFunding) -> None:
        """POSITION_SHORT, and for as long as a copy may come, where the bank has not got the money."""
        if free(self.storage, asked.bank) >= sum(asked.amounts):
            return
        now = self.clock()
        with self.storage.transaction():
            is_short = free(self.storage, asked.bank) < sum(asked.amounts)
            is_answered = self.storage.issuances.find(Cause.FUNDING, asked.id) is not None
            is_refused = is_short and not is_answered
            if is_refused:
                self.storage.issuances.forget_refused(now - _LATE_COPIES)
                is_refused = self.storage.issuances.refuse(asked, now)
        require(not is_refused, Code.POSITION_SHORT, bank=asked.bank)

    def _carried_out(self, asked: RefusedFunding, issuance: Signed[Issuance]) -> bool:
        """Whether the money was moved for it; not where somebody has answered the funding meanwhile, used the
        issuance's id, or taken the money."""
        total = sum(asked.amounts)
        with self.storage.transaction():
            issuances = self.storage.issuances
            if issuances.refused(asked.id) is not None or free(self.storage, asked.bank) < total:
                return False
            if not issuances.keep(Cause.FUNDING, asked.id, asked.bank, issuance):
                return False
            changes = {position(asked.bank): -total, OUTSTANDING: total}
            move(self.storage.books, MovementKind.FUNDING, asked.id, issuance.body.issued, changes)
            reach("central_bank.funding.signed")
        return True

    def body(
        self, funding: bytes, owner: bytes, amounts: Sequence[int], mark: bytes | None, now: int
    ) -> Issuance:
        """New tokens on today's terms. Codes of the issuance's own fields."""
        body = Issuance(
            funding=funding,
            owner=owner,
            currency=CURRENCY,
            amounts=tuple(amounts),
            mark=mark,
            issued=now,
            expires=now + self.terms.token_life,
        )
        return Issuance.from_cbor(body.to_cbor())

    def sign(self, body: Issuance) -> Signed[Issuance]:
        """``body``, signed. Two issuances never have one id: where all else is alike, the later is dated a second
        on."""
        while self.storage.issuances.has(_id(body)):
            body = replace(body, issued=body.issued + 1)
        return cose.sign(body, self.signer.at(body.issued).sign)


def _id(body: Issuance) -> bytes:
    return object_id(kinds.ISSUANCE, codec.encode(body.to_cbor()))
