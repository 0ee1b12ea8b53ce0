"""Proofs: a transaction with all that it descends from, and the notary's word on each token, as the central bank is
shown them.

Rule: whatever settles can be proved. Words that are shown in the notary's log bring a path each; where that is too long
for a call, or the central bank is an older one that does not read it, the same words are shown signed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from ledger_sync.bank.intake.provenance import Provenance
from ledger_sync.http.peers import RemoteRefusal
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.bundle import MAX_BUNDLE_BYTES, MAX_PROOF_BYTES, Bundle
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import Transfer

T = TypeVar("T")
Statements = Mapping[bytes, Signed[Consumption]]
"""By the ids under which they are kept, in whatever form they are shown."""
Alone = Callable[[Iterable[Signed[Consumption]], Iterable[Signed[Transfer]]], Statements]
"""Gives statements signed alone, about tokens that some transfers consume."""
MOST_BYTES: Final = MAX_PROOF_BYTES - MAX_BUNDLE_BYTES - MAX_OBJECT_BYTES
"""Of statements: beside them there are the bundle, and what is asked."""


class Proofs:
    """Made of what a bank has; ``most`` are bytes of statements."""

    def __init__(self, provenance: Provenance, alone: Alone, most: int = MOST_BYTES) -> None:
        self._provenance = provenance
        self._alone = alone
        self._most = most

    def show(self, txid: bytes, ask: Callable[[Bundle, Statements], T]) -> T:
        """What ``ask`` gives for the proof of a transaction. Raises what ``ask`` raises, or what has them signed alone
        does."""
        gathered = self._provenance.gather([txid])
        bundle = self._provenance.bundle(gathered)
        statements = self._provenance.statements(gathered)
        are_alone = all(said.leaf is None for said in statements)
        if are_alone or sum(said.size() for said in statements) <= self._most:
            try:
                return ask(bundle, {said.id: said for said in statements})
            except RemoteRefusal as refusal:
                if are_alone or refusal.code is not Code.VERSION_UNKNOWN:
                    raise
        return ask(bundle, self._alone(statements, gathered.transfers.values()))
