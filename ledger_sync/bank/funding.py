"""Funding: money of an account becomes tokens. Account first, then the central bank, then the books again.

Rule: keyed by the funding id, a funding is debited once and issued once, whatever is cut off in between; a worker
finishes what a crash left. Refused for good by the central bank, the money is back on the account.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.books import FUNDINGS, POSITION
from ledger_sync.bank.certification import Certification
from ledger_sync.bank.holdings import Holdings
from ledger_sync.bank.house import House
from ledger_sync.bank.intake import Intake
from ledger_sync.bank.lines import CentralBankLine
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.terms import MAX_OPEN_FUNDINGS
from ledger_sync.bank.work import TRANSIENT
from wallet.protocol import codec, idempotency
from wallet.protocol.bounds import MAX_OBJECT_BYTES, MAX_SUM
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.limits import check_balance, effective

_STRIPES: Final = 64


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
        the same issuance.

        Raises ``Refusal``: FUNDING_MISMATCH, NOT_CERTIFIED, CERTIFICATE_EXPIRED, WALLET_REVOKED, LIMIT_BALANCE,
        TOO_MANY, ACCOUNT_SHORT, POSITION_SHORT; UNREACHABLE and the like, after which the same may be asked again.
        """
        self._debit(account, funding, owner, amounts)
        hsm.failpoint.reach("bank.fund.debited")
        return self.finish(funding)

    def _debit(self, account: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> None:
        packed = codec.encode(list(amounts))
        with self._store.transaction():
            known = self._store.row(
                "select customer, owner, amounts, stage, attempt from fundings where id = ?", (funding,)
            )
            require(known is None or known[:3] == (account, owner, packed), Code.FUNDING_MISMATCH)
            if known is not None and known[3] != "refused":
                return
            attempt = 1 if known is None else known[4] + 1
            self._check(account, owner, sum(amounts))
            if known is None:
                self._store.insert(
                    "fundings",
                    id=funding,
                    customer=account,
                    owner=owner,
                    amounts=packed,
                    amount=sum(amounts),
                    stage="debited",
                )
            else:
                self._store.run(
                    "update fundings set stage = 'debited', attempt = ? where id = ?", (attempt, funding)
                )
            self._house.books.move(idempotency.funding(funding, attempt), account, FUNDINGS, sum(amounts))

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
            "select owner, amounts, stage, attempt, issuance from fundings where id = ?", (funding,)
        )
        if row is None:
            raise Refusal(Code.NOT_FOUND)
        owner, packed, stage, attempt, issuance_id = row
        known = None if issuance_id is None else self._objects.issuance(issuance_id)
        if known is not None:
            return known
        require(stage == "debited", Code.POSITION_SHORT)
        amounts = codec.decode(packed, MAX_OBJECT_BYTES)
        try:
            issuance = self._central_bank.fund(funding, owner, amounts)
        except Refusal as refusal:
            if refusal.code not in TRANSIENT:
                self._give_back(funding, attempt)
            raise
        check_issuance(issuance, self._house.trust.directory)
        body = issuance.body
        fits = (body.funding, body.owner, list(body.amounts)) == (funding, owner, amounts)
        require(fits, Code.FUNDING_MISMATCH)
        hsm.failpoint.reach("bank.fund.answered")
        self._book(funding, attempt, issuance)
        hsm.failpoint.reach("bank.fund.issued")
        return issuance

    def _book(self, funding: bytes, attempt: int, issuance: Signed[Issuance]) -> None:
        with self._store.transaction():
            self._intake.add_issuance(issuance)
            cause = idempotency.funding_issued(funding, attempt)
            self._house.books.move(cause, FUNDINGS, POSITION, sum(issuance.body.amounts))
            self._store.run(
                "update fundings set stage = 'issued', issuance = ? where id = ?", (issuance.id, funding)
            )

    def _give_back(self, funding: bytes, attempt: int) -> None:
        with self._store.transaction():
            row = self._store.row("select customer, amount, stage from fundings where id = ?", (funding,))
            if row is not None and row[2] == "debited":
                self._house.books.move(idempotency.funding_back(funding, attempt), FUNDINGS, row[0], row[1])
                self._store.run("update fundings set stage = 'refused' where id = ?", (funding,))

    def open_ones(self, account: str | None = None) -> list[tuple[bytes, int]]:
        """Fundings that are debited and not yet booked as issued, of one account or of all."""
        rows = self._store.rows(
            "select id, amount from fundings where stage = 'debited' and (? is null or customer = ?) order by id",
            (account, account),
        )
        return [(funding, amount) for funding, amount in rows]
