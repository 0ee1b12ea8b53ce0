"""Funding: money of an account becomes tokens. Account first, then the central bank, then the books again.

Rule: keyed by the funding id, a funding is debited once and issued once, whatever is cut off in between; a worker
finishes what a crash left. Only what the central bank itself refuses for good puts the money back on the account; an
answer that never came, or that can't be read or believed, is asked for again. What was refused stays refused: every
copy of the call, however late, has the same answer. Where the central bank carries one out all the same, its movement
says so and the funding is taken up again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.books import FUNDINGS, OWN, POSITION
from ledger_sync.bank.caused import note
from ledger_sync.bank.certification import Certification
from ledger_sync.bank.holdings import Holdings
from ledger_sync.bank.house import House
from ledger_sync.bank.intake import Intake
from ledger_sync.bank.lines import CentralBankLine
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.terms import MAX_OPEN_FUNDINGS, MAX_REFUSED_FUNDINGS
from ledger_sync.bank.unclaimed import FUNDING
from ledger_sync.http.call import WINDOW
from ledger_sync.http.peers import RemoteRefusal, is_about_the_call, is_final, read
from wallet.protocol import codec, idempotency
from wallet.protocol.bounds import MAX_OBJECT_BYTES, MAX_SUM
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.limits import check_balance, effective

_STRIPES: Final = 64
_LATE_COPIES: Final = 12 * WINDOW
"""Seconds after a refusal in which another copy of the call may come: more than any is good for."""


class Funding:
    """Fundings of this bank's customers."""

    def __init__(
        self,
        house: House,
        certification: Certification,
        objects: Objects,
        intake: Intake,
        central_bank: CentralBankLine,
    ) -> None:
        self._house = house
        self._store = house.store
        self._certification = certification
        self._objects = objects
        self._intake = intake
        self._central_bank = central_bank
        self._holdings = Holdings(house)
        self._locks = tuple(threading.Lock() for _ in range(_STRIPES))

    def fund(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """Tokens of ``amounts`` (tiyn) for ``owner`` (a certified key), paid from ``account``. The same again gives
        the same issuance, or the same refusal.

        Raises ``Refusal``: FUNDING_MISMATCH, NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED, LIMIT_BALANCE,
        TOO_MANY, ACCOUNT_SHORT; ``RemoteRefusal``: POSITION_SHORT and what else the central bank refuses; ``NoAnswer``,
        after which the same may be asked again.
        """
        self._debit(account, funding, owner, amounts)
        hsm.failpoint.reach("bank.fund.debited")
        return self.finish(funding)

    def _debit(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> None:
        packed = codec.encode(list(amounts))
        with self._store.transaction():
            known = self._store.row(
                "select customer, owner, amounts, code, facts from fundings where id = ?", (funding,)
            )
            require(known is None or known[:3] == (account, owner, packed), Code.FUNDING_MISMATCH)
            if known is not None:
                _raise_if_refused(*known[3:])
                return
            refusal = self._take(account, funding, owner, amounts)
        if refusal is not None:
            raise refusal

    def _take(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Refusal | None:
        """Debit a new funding, or keep that it was refused, in the same transaction."""
        amount = sum(amounts)
        kept = {
            "id": funding,
            "customer": account,
            "owner": owner,
            "amounts": codec.encode(list(amounts)),
            "amount": amount,
        }
        try:
            self._check(account, owner, amount)
            self._house.books.move(idempotency.funding(funding, 1), account, FUNDINGS, amount)
        except Refusal as refusal:
            if is_about_the_call(refusal.code):
                raise
            self._store.insert("fundings", **kept, **_refused(refusal, self._house.clock()), attempt=0)
            self._forget_refused(account)
            return refusal
        self._store.insert("fundings", **kept, stage="debited")
        return None

    def _forget_refused(self, account: str) -> None:
        """What was never debited: once no copy of its call can come any more, and beyond the customer's share."""
        self._store.run(
            "delete from fundings where customer = ? and stage = 'refused' and attempt = 0 and (refused < ?"
            " or id not in (select id from fundings where customer = ? and stage = 'refused' and attempt = 0"
            " order by refused desc limit ?))",
            (account, self._house.clock() - _LATE_COPIES, account, MAX_REFUSED_FUNDINGS),
        )

    def _check(self, account: str, owner: bytes, amount: int) -> None:
        certificate = self._certification.usable(account, owner).body
        require(amount <= MAX_SUM, Code.AMOUNT_INVALID)
        limits = effective(certificate, self._house.trust.policy.head.limits)
        check_balance(limits, self._holdings.of(account, owner), amount)
        count = len(self.open_ones(account))
        require(count < MAX_OPEN_FUNDINGS, Code.TOO_MANY, count=count, limit=MAX_OPEN_FUNDINGS)

    def finish(self, funding: bytes) -> Signed[Issuance]:
        """Have the central bank issue a debited funding. Gives the same issuance ever after."""
        with self._locks[funding[-1] % _STRIPES]:
            return self._finish(funding)

    def _finish(self, funding: bytes) -> Signed[Issuance]:
        row = self._store.row(
            "select owner, amounts, attempt, issuance, code, facts from fundings where id = ?", (funding,)
        )
        if row is None:
            raise Refusal(Code.NOT_FOUND)
        owner, packed, attempt, issuance_id, code, facts = row
        known = None if issuance_id is None else self._objects.issuances.get(issuance_id)
        if known is not None:
            return known
        _raise_if_refused(code, facts)
        amounts = codec.decode(packed, MAX_OBJECT_BYTES)
        try:
            answer = self._central_bank.fund(funding, owner, amounts)
        except RemoteRefusal as refusal:
            if is_final(refusal):
                self._give_back(funding, attempt, refusal)
            raise
        issuance = read(answer, lambda signed: self._believed(signed, funding, owner, amounts))
        hsm.failpoint.reach("bank.fund.answered")
        self._book(funding, attempt, issuance)
        hsm.failpoint.reach("bank.fund.issued")
        return issuance

    def _believed(
        self, issuance: Signed[Issuance], funding: bytes, owner: bytes, amounts: Sequence[int]
    ) -> Signed[Issuance]:
        """ISSUANCE_SIGNATURE, FUNDING_MISMATCH."""
        check_issuance(issuance, self._house.trust.directory)
        body = issuance.body
        fits = (body.funding, body.owner, list(body.amounts)) == (funding, owner, list(amounts))
        require(fits, Code.FUNDING_MISMATCH)
        return issuance

    def _book(self, funding: bytes, attempt: int, issuance: Signed[Issuance]) -> None:
        with self._store.transaction():
            self._intake.add_issuance(issuance)
            cause = idempotency.funding_issued(funding, attempt)
            note(self._house, FUNDING, funding)
            self._house.books.move(cause, FUNDINGS, POSITION, sum(issuance.body.amounts))
            self._store.run(
                "update fundings set stage = 'issued', issuance = ? where id = ?", (issuance.id, funding)
            )

    def _give_back(self, funding: bytes, attempt: int, refusal: RemoteRefusal) -> None:
        with self._store.transaction():
            row = self._store.row("select customer, amount, stage from fundings where id = ?", (funding,))
            if row is not None and row[2] == "debited":
                self._house.books.move(idempotency.funding_back(funding, attempt), FUNDINGS, row[0], row[1])
                kept = _refused(refusal, self._house.clock())
                self._store.run(
                    f"update fundings set {', '.join(f'{name} = ?' for name in kept)} where id = ?",
                    (*kept.values(), funding),
                )

    def carried_out(self, funding: bytes) -> None:
        """The central bank has issued it, its list of movements says; within the caller's transaction. If it was
        refused here, the money is taken once more, from the bank itself where the account no longer has it, and the
        worker fetches the issuance."""
        row = self._store.row(
            "select customer, amount, stage, attempt from fundings where id = ?", (funding,)
        )
        if row is None or row[2] != "refused":
            return
        account, amount, _stage, attempt = row
        payer = account if self._house.books.balance(account) >= amount else OWN
        self._house.books.move(idempotency.funding(funding, attempt + 1), payer, FUNDINGS, amount)
        self._store.run(
            "update fundings set stage = 'debited', attempt = ?, code = null, facts = null, refused = null"
            " where id = ?",
            (attempt + 1, funding),
        )

    def is_known(self, funding: bytes) -> bool:
        """Whether this bank knows of a funding, whatever became of it."""
        return self._store.row("select 1 from fundings where id = ?", (funding,)) is not None

    def open_ones(self, account: str | None = None) -> list[tuple[bytes, int]]:
        """Fundings that are debited and not yet booked as issued, of one account or of all."""
        sql = "select id, amount from fundings where stage = 'debited'"
        if account is None:
            rows = self._store.rows(sql)
        else:
            rows = self._store.rows(f"{sql} and customer = ?", (account,))
        return sorted((funding, amount) for funding, amount in rows)


def _refused(refusal: Refusal, now: int) -> dict[str, str | int]:
    """The columns of a refused funding that say so."""
    facts = json.dumps(dict(refusal.facts))
    return {"stage": "refused", "code": refusal.code.value, "facts": facts, "refused": now}


def _raise_if_refused(code: str | None, facts: str | None) -> None:
    if code is not None:
        raise Refusal(Code(code), json.loads(facts or "{}"))
