"""Issuances: the only way that tokens come to be, each signed once and answered the same ever after.

Rule: a funding that was refused stays refused while another copy of the call may come, so that no bank gives money
back for a funding that is carried out after all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from hsm.failpoint import reach
from ledger_sync.central_bank.books import OUTSTANDING, MovementKind, move, position
from ledger_sync.central_bank.claims import free
from ledger_sync.central_bank.store import Store
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock, Signer
from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed, object_id
from wallet.protocol.issuance import CURRENCY, Issuance

_LATE_COPIES: Final = DAY
"""Seconds after a refusal in which another copy of the call may come: far more than any is good for."""


class Cause(StrEnum):
    """What an issuance answers: a bank's funding, by the wallet's 16 bytes; a redemption, by its id."""

    FUNDING = "funding"
    REDEMPTION = "redemption"


@dataclass(frozen=True, slots=True)
class Issuing:
    """Signs issuances and keeps them."""

    store: Store
    signer: Signer
    terms: Terms
    clock: Clock

    def fund(self, bank: str, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        """Turn a bank's online money into tokens. The same again has the same answer, a refusal too.

        Raises `Refusal`: POSITION_SHORT, FUNDING_MISMATCH (this id was used for something else), AMOUNT_INVALID.
        """
        now = self.clock()
        body = self.body(funding, owner, amounts, None, now)
        asked = (bank, owner, tuple(amounts))
        with self.store.writing() as db:
            held = find(db, Cause.FUNDING, funding)
            if held is not None:
                body = held[1].body
                require(
                    asked == (held[0], body.owner, body.amounts), Code.FUNDING_MISMATCH, funding=funding.hex()
                )
                return held[1]
            if self._refuses(db, funding, asked, now):
                issuance = None
            else:
                total = sum(amounts)
                move(db, MovementKind.FUNDING, funding, now, {position(bank): -total, OUTSTANDING: total})
                issuance = self.issue(db, Cause.FUNDING, funding, bank, body)
            reach("central_bank.funding.signed")
        if issuance is None:
            raise Refusal(Code.POSITION_SHORT, {"bank": bank})
        reach("central_bank.funding.done")
        return issuance

    def _refuses(
        self, db: sqlite3.Connection, funding: bytes, asked: tuple[str, bytes, tuple[int, ...]], now: int
    ) -> bool:
        """Whether the bank has not got the money, or had not when this funding was refused. FUNDING_MISMATCH."""
        bank, owner, amounts = asked
        packed = codec.encode(list(amounts))
        row = db.execute(
            "select bank, owner, amounts from refused_fundings where id = ?", (funding,)
        ).fetchone()
        require(row in (None, (bank, owner, packed)), Code.FUNDING_MISMATCH, funding=funding.hex())
        if row is None:
            if free(db, bank) >= sum(amounts):
                return False
            db.execute("delete from refused_fundings where time < ?", (now - _LATE_COPIES,))
            db.execute(
                "insert into refused_fundings (id, bank, owner, amounts, time) values (?, ?, ?, ?, ?)",
                (funding, bank, owner, packed, now),
            )
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

    def issue(
        self, db: sqlite3.Connection, cause: Cause, cause_id: bytes, bank: str, body: Issuance
    ) -> Signed[Issuance]:
        """Sign and keep `body` in the caller's transaction. Two issuances never have one id: where all else is alike,
        the later is dated a second on."""
        while db.execute("select 1 from issuances where id = ?", (_id(body),)).fetchone():
            body = replace(body, issued=body.issued + 1)
        issuance = cose.sign(body, self.signer.sign)
        db.execute(
            "insert into issuances (id, cause, cause_id, bank, raw) values (?, ?, ?, ?, ?)",
            (issuance.id, cause.value, cause_id, bank, issuance.encode()),
        )
        return issuance


def find(db: sqlite3.Connection, cause: Cause, cause_id: bytes) -> tuple[str, Signed[Issuance]] | None:
    """The bank and the issuance that answered a cause before."""
    row = db.execute(
        "select bank, raw from issuances where cause = ? and cause_id = ?", (cause.value, cause_id)
    ).fetchone()
    return None if row is None else (row[0], cose.parse(Issuance, row[1]))


def _id(body: Issuance) -> bytes:
    return object_id(kinds.ISSUANCE, codec.encode(body.to_cbor()))
