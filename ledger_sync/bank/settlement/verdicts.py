"""Verdicts signed: all of one look by one signature, and again one by one for who reads no more than that.

Rule: a verdict never changes, byte for byte, in the version in which it was told. Of what was signed with others the
first version is signed when somebody first needs it, outside any transaction, and kept where none is yet: what is kept
is told, whoever else has signed it meanwhile. SPEC 2.5, 9.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.settlements import Answer, Told
from ledger_sync.bank.settlement.drafts import Draft
from ledger_sync.settling.values import Outcome
from wallet.protocol.bounds import SALT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Settlement, Settlement2

Uploads = Mapping[bytes, object]
"""By which upload a transfer came, of those that a call waits for."""


class Verdicts:
    """One bank's."""

    def __init__(self, context: BankContext) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._settlements = context.storage.settlements

    def signed(self, drafts: Iterable[Draft], uploads: Uploads) -> list[Answer]:
        """Verdicts on those that have an outcome: what one upload brought in one leaf, all else in leaves of its own.
        CLOCK_UNSURE."""
        leaves: dict[object, list[tuple[Draft, Outcome]]] = {}
        for draft in drafts:
            if draft.outcome is not None:
                leaves.setdefault(uploads.get(draft.txid, draft.txid), []).append((draft, draft.outcome))
        signed = self.of([[(draft.txid, outcome) for draft, outcome in leaf] for leaf in leaves.values()])
        return [
            Answer(settlement, draft.named)
            for leaf, settlements in zip(leaves.values(), signed, strict=True)
            for (draft, _), settlement in zip(leaf, settlements, strict=True)
        ]

    def of(self, leaves: Sequence[Sequence[tuple[bytes, Outcome]]]) -> Sequence[Sequence[Signed[Settlement]]]:
        """Verdicts on transfers by their ids, in leaves. CLOCK_UNSURE."""
        if not leaves:
            return []
        now = self._context.clock()
        bodies = [[self._body(txid, outcome, now) for txid, outcome in leaf] for leaf in leaves]
        signed = self._context.sign_leaves(bodies, now)
        hsm.failpoint.reach("bank.settle.signed")
        return signed

    def _body(self, txid: bytes, outcome: Outcome, now: int) -> Settlement2:
        return Settlement2(
            bank=self._context.bank,
            transfer=txid,
            verdict=outcome.verdict,
            values=outcome.values,
            code=outcome.code,
            time=now,
            salt=self._context.random(SALT_BYTES),
        )

    def read_by(self, told: Mapping[bytes, Told], reads: frozenset[str]) -> Mapping[bytes, Told]:
        """The same in versions that the caller reads; what has been let go of meanwhile is left out.
        READER_OUTDATED, BUSY (no key is here that was good when one was said)."""
        unread = [one.settlement for one in told.values() if one.settlement.body.KIND.typ not in reads]
        if not unread:
            return told
        if Settlement.KIND.typ not in reads:
            raise Refusal(Code.READER_OUTDATED, {"kind": unread[0].body.KIND.typ})
        names = frozenset(one.body.transfer for one in unread)
        alone = self._alone(unread)
        return {
            txid: replace(one, settlement=alone[txid]) if txid in names else one
            for txid, one in told.items()
            if txid not in names or txid in alone
        }

    def _alone(self, settlements: Sequence[Signed[Settlement]]) -> Mapping[bytes, Signed[Settlement]]:
        kept = self._settlements.alone([one.body.transfer for one in settlements])
        missing = [one for one in settlements if one.body.transfer not in kept]
        if not missing:
            return kept
        made = [(one, self._context.sign(one.body.alone())) for one in missing]
        hsm.failpoint.reach("bank.verdict.alone")
        with self._unit.transaction():
            self._settlements.keep_alone(made)
        return {**kept, **self._settlements.alone([one.body.transfer for one in missing])}
