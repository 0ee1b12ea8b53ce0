"""What the purse can prove: two contradicting transfers of one key that it has seen, or that the ledger showed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Contradiction, Evidence, check_evidence, parse_evidence
from wallet.protocol.transfer import Transfer
from wallet.purse.purse import Purse


class Evidences:
    """Kept as claims; the bank gets both payloads with the next upload."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def look(self, transfers: Iterable[Signed[Transfer]]) -> None:
        """Inside a transition, after ``transfers`` were stored: keep what contradicts what was held before, one piece
        of each kind for a wallet. What a cheat signs after that is compared no more."""
        self._name_all()
        for transfer in transfers:
            signer = self._purse.objects.signer(transfer.id)
            for kind, other in self._others(transfer, signer):
                if not self._has(signer.body.revocation_id, kind):
                    held = self._purse.objects.transfer(other)
                    evidence = Evidence.of(transfer, held, signer)
                    if evidence is not None:
                        self.keep(evidence)

    def _others(
        self, transfer: Signed[Transfer], signer: Signed[Certificate]
    ) -> Iterator[tuple[Contradiction, bytes]]:
        """At most one other transfer of the key for each token, and one for the number, with what they come to."""
        objects = self._purse.objects
        for ref in transfer.body.inputs:
            rival = objects.rival(ref, transfer.id)
            if rival is not None:
                yield Contradiction.CONFLICT, rival
        fork = objects.fork(signer.body.key, transfer.body.sequence, transfer.id)
        if fork is not None:
            yield Contradiction.SEQUENCE_FORK, fork

    def _has(self, culprit: bytes, kind: Contradiction) -> bool:
        """By revocation id, since two banks may use one wallet id. A conflict says all that a fork says."""
        sql = "SELECT 1 FROM evidence WHERE culprit = ? AND kind <= ? LIMIT 1"
        return self._purse.store.value(sql, culprit, int(kind)) is not None

    def _name_all(self) -> None:
        """Inside a transition: kind and culprit of what came before they were noted, once."""
        store = self._purse.store
        for row in store.rows("SELECT first, second, raw FROM evidence WHERE culprit IS NULL"):
            evidence = parse_evidence(row["raw"])
            culprit = evidence.certificate.body.revocation_id
            sql = "UPDATE evidence SET kind = ?, culprit = ? WHERE first = ? AND second = ?"
            store.write(sql, int(evidence.kind), culprit, row["first"], row["second"])

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
            kind=int(evidence.kind),
            culprit=evidence.certificate.body.revocation_id,
        )

    def culprits(self) -> frozenset[bytes]:
        """Revocation ids of wallets that consumed a token twice, by evidence held here. A sequence fork takes nobody's
        money."""
        store, conflict = self._purse.store, Contradiction.CONFLICT
        sql = "SELECT DISTINCT culprit FROM evidence WHERE culprit IS NOT NULL AND kind = ?"
        named = {row["culprit"] for row in store.rows(sql, int(conflict))}
        unnamed = store.rows("SELECT raw FROM evidence WHERE culprit IS NULL")
        shown = (parse_evidence(row["raw"]) for row in unnamed)
        return frozenset(
            named | {item.certificate.body.revocation_id for item in shown if item.kind is conflict}
        )

    def all(self) -> tuple[Evidence, ...]:
        """Evidence that this purse holds, the oldest first."""
        rows = self._purse.store.rows("SELECT raw FROM evidence ORDER BY at, first, second")
        return tuple(parse_evidence(row["raw"]) for row in rows)
