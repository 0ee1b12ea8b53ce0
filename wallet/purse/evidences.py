"""What the purse can prove: two contradicting transfers of one key that it has seen, or that the ledger showed it."""

from __future__ import annotations

from collections.abc import Iterable

from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Contradiction, Evidence, check_evidence, parse_evidence
from wallet.protocol.transfer import Transfer
from wallet.purse.purse import Purse


class Evidences:
    """Kept as claims; the bank gets both payloads with the next upload."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def look(self, transfers: Iterable[Signed[Transfer]]) -> None:
        """Inside a transition, after ``transfers`` were stored: keep what contradicts what was held before."""
        for transfer in transfers:
            for other in self._others(transfer):
                signer = self._purse.objects.signer(transfer.id)
                evidence = Evidence.of(transfer, self._purse.objects.transfer(other), signer)
                if evidence is not None:
                    self.keep(evidence)

    def _others(self, transfer: Signed[Transfer]) -> set[bytes]:
        objects = self._purse.objects
        key = objects.signer(transfer.id).body.key
        found = set(objects.same_sequence(key, transfer.body.sequence))
        for ref in transfer.body.inputs:
            found.update(txid for txid in objects.consumers(ref) if objects.has_transfer(txid))
        return found - {transfer.id}

    def keep(self, evidence: Evidence) -> None:
        """Inside a transition. EVIDENCE_INVALID and the codes of ``check_evidence``."""
        culprit = check_evidence(evidence, self._purse.authority.directory)
        self._purse.store.insert_new(
            "evidence",
            first=evidence.first.id,
            second=evidence.second.id,
            wallet=culprit.wallet,
            raw=evidence.encode(),
            at=self._purse.now(),
        )

    def culprits(self) -> frozenset[bytes]:
        """Revocation ids of wallets that consumed a token twice, by evidence held here. A sequence fork takes nobody's
        money."""
        conflicts = (item for item in self.all() if item.kind is Contradiction.CONFLICT)
        return frozenset(item.certificate.body.revocation_id for item in conflicts)

    def all(self) -> tuple[Evidence, ...]:
        rows = self._purse.store.rows("SELECT raw FROM evidence ORDER BY at, first, second")
        return tuple(parse_evidence(row["raw"]) for row in rows)
