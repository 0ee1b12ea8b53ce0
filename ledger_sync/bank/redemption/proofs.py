"""Proofs: a transaction with all that it descends from, and the notary's word on each token, as the central bank is
shown them.

Rule: whatever settles can be proved. Words that are shown in the notary's log bring a path each; where that is too long
for a call as many of the same words are shown signed alone as make it fit, first those that are had most surely; where
the central bank is an older one that does not read the log, all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
Alone = Callable[[Sequence[Signed[Consumption]], Sequence[Signed[Transfer]]], Iterable[Statements]]
"""Gives statements signed alone, about tokens that some transfers consume: by and by all of them, or raises."""
MOST_BYTES: Final = MAX_PROOF_BYTES - MAX_BUNDLE_BYTES - MAX_OBJECT_BYTES
"""Of statements: beside them there are the bundle, and what is asked."""


class Proofs:
    """Made of what a bank has; ``most`` are bytes of statements."""

    def __init__(self, provenance: Provenance, alone: Alone, most: int = MOST_BYTES) -> None:
        self._provenance = provenance
        self._alone = alone
        self._most = most

    def show(self, txid: bytes, ask: Callable[[Bundle, Statements], T]) -> T:
        """What ``ask`` gives for the proof of a transaction. Raises what ``ask`` raises, or what has words signed alone
        does."""
        gathered = self._provenance.gather([txid])
        bundle = self._provenance.bundle(gathered)
        statements = self._provenance.statements(gathered)
        transfers = [*gathered.transfers.values()]
        shown = self._alone_until(self._fits, statements, transfers)
        try:
            return ask(bundle, shown)
        except RemoteRefusal as refusal:
            if _are_alone(shown) or refusal.code is not Code.VERSION_UNKNOWN:
                raise
        return ask(bundle, self._alone_until(_are_alone, statements, transfers))

    def _alone_until(
        self,
        is_good: Callable[[Statements], bool],
        statements: Sequence[Signed[Consumption]],
        transfers: Sequence[Signed[Transfer]],
    ) -> Statements:
        """Statements of which only so many are signed alone as are needed."""
        shown = {said.id: said for said in statements}
        if not is_good(shown):
            for alone in self._alone(statements, transfers):
                shown |= alone
                if is_good(shown):
                    break
        return shown

    def _fits(self, shown: Statements) -> bool:
        return _are_alone(shown) or sum(said.size() for said in shown.values()) <= self._most


def _are_alone(shown: Statements) -> bool:
    return all(said.leaf is None for said in shown.values())
