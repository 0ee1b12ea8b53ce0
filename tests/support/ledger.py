"""The ledger of all banks together, worked out again from their rows: what was signed, and who consumed what.

Rule: as in tests/support/audit.py, nothing here asks the code under test what the answer should be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.support.system import BANKS, System
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.idempotency import refund_id
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Consumption, Consumption2, Verdict
from wallet.protocol.transfer import TokenRef, Transfer


@dataclass
class Ledger:
    """All that the ledger has, of both banks together: transfers with their signer's key, and who consumed what."""

    transfers: dict[bytes, Transfer] = field(default_factory=dict)
    signers: dict[bytes, bytes] = field(default_factory=dict)
    issuances: dict[bytes, Issuance] = field(default_factory=dict)
    winners: dict[TokenRef, bytes] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)
    late: set[TokenRef] = field(default_factory=set)
    """What a refund came too late for, and was claimed of whoever had it consumed."""
    customers: dict[bytes, str] = field(default_factory=dict)
    """The account that each key was certified for."""
    _values: dict[bytes, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System) -> Ledger:
        ledger = cls()
        for bank in BANKS:
            ledger.customers.update(system.rows(bank, "select key, customer from wallets"))
        for bank in BANKS:
            sql = "select t.id, t.payload, c.signer from transfers t join copies c on c.transfer = t.id"
            for txid, payload, signer in system.rows(bank, sql):
                if ledger.customers.get(signer) in system.strangers:
                    continue
                ledger.transfers[txid] = Transfer.from_cbor(codec.decode(payload, MAX_OBJECT_BYTES))
                ledger.signers[txid] = signer
            refused = system.rows(
                bank, "select transfer from settlements where verdict = ?", int(Verdict.REFUSED)
            )
            ledger.refused.update(txid for (txid,) in refused)
        for txid, output, claim in system.rows(CENTRAL_BANK, "select txid, output, claim from asked"):
            if claim == refund_id(TokenRef(txid, output)):
                ledger.late.add(TokenRef(txid, output))
        for number, raw in system.rows(CENTRAL_BANK, "select id, raw from issuances"):
            ledger.issuances[number] = cose.parse(Issuance, raw).body
        sql = "select txid, output, entry, statement from won join claims on number = claim"
        for txid, output, entry, statement in system.rows(NOTARY, sql):
            said = cose.parse(Consumption, statement).body if entry is None else _entry(entry)
            ledger.winners[TokenRef(txid, output)] = said.consumer
        return ledger

    def values(self, txid: bytes) -> tuple[int, ...]:
        """What each output of a transaction is worth: an input counts for the transfer that the notary gave it to,
        and what stands goes to the payee first."""
        if txid in self._values:
            return self._values[txid]
        if txid in self.issuances:
            return self.issuances[txid].amounts
        body = self.transfers[txid]
        left = 0
        for ref in body.inputs:
            if self.winners.get(ref) == txid:
                left += self.values(ref.txid)[ref.output]
        paid = min(body.amount, left)
        self._values[txid] = (paid, min(body.change, left - paid))[: 2 if body.change else 1]
        return self._values[txid]

    def taken(self) -> dict[TokenRef, bool]:
        """Outputs that were consumed for a transfer that nobody can show, and whether somebody lost one thereby: an
        output that its owner has not yet spent is still counted as the owner's."""
        found = {}
        for ref in self.owners():
            winner = self.winners.get(ref)
            if winner is not None and winner not in self.transfers and winner != refund_id(ref):
                is_spent = any(ref in body.inputs for body in self.transfers.values())
                found[ref] = is_spent or ref in self.late
        return found

    def is_committed(self, txid: bytes) -> bool:
        """Whether the notary has decided about all its inputs."""
        return txid not in self.refused and all(ref in self.winners for ref in self.transfers[txid].inputs)

    def owners(self) -> Mapping[TokenRef, bytes]:
        """Every output that is or was a wallet's, with its owner's key."""
        found = {}
        for txid, issued in self.issuances.items():
            found.update({TokenRef(txid, index): issued.owner for index in range(len(issued.amounts))})
        for txid, body in self.transfers.items():
            if not self.is_committed(txid):
                continue
            if body.redemption is None:
                found[TokenRef(txid, 0)] = body.payee
            if body.change:
                found[TokenRef(txid, 1)] = self.signers[txid]
        return found

    def unspent(self) -> dict[str, int]:
        """Tiyn by account of all outputs that nothing has consumed."""
        held: Counter[str] = Counter()
        taken = self.taken()
        for ref, owner in self.owners().items():
            if ref not in self.winners or taken.get(ref) is False:
                held[self.customers[owner]] += self.values(ref.txid)[ref.output]
        return held


def _entry(raw: bytes) -> Consumption:
    return Consumption2.from_cbor(codec.decode(raw, MAX_OBJECT_BYTES))
