"""What the ledger answers about transfers, made durable: verdicts, settled values, the notary's words, outcomes.

A verdict never changes: the first one stays. A transfer without one was uploaded and waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.evidence import Evidence, check_evidence
from wallet.protocol.idempotency import reissue
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption, Settlement, Verdict, check_consumption, check_settlement
from wallet.protocol.transfer import Refresh
from wallet.purse.evidences import Evidences
from wallet.purse.purse import Purse
from wallet.purse.store.tokens import TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.store.words import Signer
from wallet.purse.sync.fundings import keep_issued
from wallet.purse.sync.log_heads import LogHeads


class Outcome(Protocol):
    """End of a redemption: new tokens (None when nothing was left to issue), and the settled tiyn."""

    @property
    def issuance(self) -> Signed[Issuance] | None: ...

    @property
    def value(self) -> int: ...


class TransferStatus(Protocol):
    """One row of a bank's answer. ``settlement`` None: waiting. ``first_answered``: set when it is a repeat."""

    @property
    def transfer(self) -> bytes: ...

    @property
    def settlement(self) -> Signed[Settlement] | None: ...

    @property
    def first_answered(self) -> int | None: ...

    @property
    def consumptions(self) -> tuple[Signed[Consumption], ...]: ...

    @property
    def evidence(self) -> Evidence | None: ...

    @property
    def outcome(self) -> Outcome | None: ...


class StatusImport:
    """The ledger's word, row by row."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._evidences = Evidences(purse)
        self._log_heads = LogHeads(purse)

    def take(self, rows: Sequence[TransferStatus]) -> None:
        """Rows of a bank's answer made durable: all of them or none.

        Raises ``Refusal`` with the codes that ``check`` names.
        """
        self.check(rows)
        if rows:
            with self._purse.transition(Transition.ANSWER, [row.transfer for row in rows]):
                self.keep(rows)

    def check(self, rows: Iterable[TransferStatus]) -> None:
        """That bank, notary and central bank signed what the rows say, about these very transfers.

        Raises ``Refusal``: BANK_UNKNOWN, SETTLEMENT_SIGNATURE, NOTARY_SIGNATURE, ISSUANCE_SIGNATURE,
        FUNDING_MISMATCH, and the codes of ``check_evidence``.
        """
        directory, is_head = self._purse.authority.directory, each_head_once()
        for row in rows:
            if row.settlement is not None:
                check_settlement(row.settlement, directory, is_head)
                require(row.settlement.body.transfer == row.transfer, Code.SETTLEMENT_SIGNATURE)
            for consumption in row.consumptions:
                check_consumption(consumption, directory, is_head)
            if row.evidence is not None:
                check_evidence(row.evidence, directory)
            if row.outcome is not None and row.outcome.issuance is not None:
                self.check_outcome(row.transfer, row.outcome.issuance)

    def check_outcome(self, txid: bytes, issuance: Signed[Issuance]) -> None:
        """That the central bank issued it for this redemption."""
        check_issuance(issuance, self._purse.authority.directory)
        require(issuance.body.funding == reissue(txid), Code.FUNDING_MISMATCH, redemption=txid.hex())

    def keep(self, rows: Sequence[TransferStatus]) -> None:
        """Inside a transition, rows that were checked."""
        for row in rows:
            self._keep_row(row)
            for consumption in row.consumptions:
                self._keep_consumption(consumption)
            if row.evidence is not None:
                self._evidences.keep(row.evidence)
            if row.outcome is not None:
                self.keep_outcome(row.transfer, row.outcome.issuance, row.outcome.value)
        self._log_heads.see(_heads_of(rows))
        if self._purse.has_uploaded_all():
            self._purse.tokens.release_delivered()

    def values(self, txid: bytes) -> tuple[int, ...] | None:
        """The settled values of a transfer's outputs, None without a verdict."""
        row = self._purse.store.row("SELECT verdict, settled FROM answer WHERE txid = ?", txid)
        if row is None or row["verdict"] is None:
            return None
        if row["verdict"] == Verdict.REFUSED:
            return (0, 0)
        return tuple(codec.decode(row["settled"], 64))

    def _keep_row(self, row: TransferStatus) -> None:
        store, now = self._purse.store, self._purse.now()
        store.insert_new("answer", txid=row.transfer, uploaded=now)
        if row.settlement is None:
            return
        body = row.settlement.body
        own = self._purse.epochs.current()
        if own is not None and own.body.bank == body.bank:
            self._purse.authority.hear_time(Signer.BANK, body.time)
        changed = store.write(
            "UPDATE answer SET verdict = ?, settled = ?, code = ?, settlement = ? WHERE txid = ? AND verdict IS NULL",
            int(body.verdict),
            codec.encode(list(body.values)),
            None if body.code is None else body.code.value,
            row.settlement.encode(),
            row.transfer,
        )
        store.write("DELETE FROM unanswered WHERE txid = ?", row.transfer)
        if changed and body.verdict is Verdict.REFUSED:
            self._close_refused(row.transfer)
        values = self.values(row.transfer)
        if changed and values is not None:
            self._purse.tokens.settle(row.transfer, values)

    def _close_refused(self, txid: bytes) -> None:
        """Nothing will come of a redemption that the ledger refuses; its tokens wait for their expiry there."""
        for table in ("redemption", "returning_money"):
            self._purse.store.write(f"UPDATE {table} SET value = 0 WHERE txid = ? AND value IS NULL", txid)

    def _keep_consumption(self, consumption: Signed[Consumption]) -> None:
        """The notary's word on tokens; one that we hold and that something consumed all the same is lost."""
        purse, body = self._purse, consumption.body
        purse.store.insert_new("consumption", id=consumption.id, raw=consumption.encode())
        purse.authority.hear_time(Signer.NOTARY, body.time)
        for ref in body.refs:
            own = purse.tokens.get(ref)
            if own is not None and own.state in (TokenState.HELD, TokenState.RESERVED):
                purse.tokens.move([ref], TokenState.LOST, body.consumer)

    def keep_outcome(self, txid: bytes, issuance: Signed[Issuance] | None, value: int) -> bool:
        """Inside a transition: a redemption of ours, or one in our favour, is done; whether that was news."""
        store = self._purse.store
        if issuance is not None and self._purse.epochs.owns(issuance.body.owner):
            self._check_owner(txid, issuance)
            keep_issued(self._purse, issuance)
        elif issuance is not None:
            issuance = None
        ours = store.write(
            "UPDATE redemption SET value = ?, issuance = ? WHERE txid = ? AND value IS NULL",
            value,
            None if issuance is None else issuance.id,
            txid,
        )
        returned = store.write(
            "UPDATE returning_money SET value = ?, issuance = ? WHERE txid = ? AND value IS NULL",
            value,
            None if issuance is None else issuance.id,
            txid,
        )
        return ours + returned > 0

    def _check_owner(self, txid: bytes, issuance: Signed[Issuance]) -> None:
        if not self._purse.objects.has_transfer(txid):
            return
        purpose = self._purse.objects.transfer(txid).body.purpose
        if isinstance(purpose, Refresh) and purpose.owner != issuance.body.owner:
            raise Refusal(Code.FUNDING_MISMATCH, {"redemption": txid.hex()})


def _heads_of(rows: Iterable[TransferStatus]) -> list[LogHead]:
    """The heads that the notary's words were shown under, each once."""
    told = [said for row in rows for said in row.consumptions if said.leaf is not None]
    return list(dict.fromkeys(LogHead.of(said) for said in told))
