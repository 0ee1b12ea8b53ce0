"""Attesting: what was claimed is signed, once, before anyone is told.

Rule: claim, then sign, then put the statement there unless one is; what is told is what stands then. So the same again,
from whichever bank and through whichever process, is answered with the very same statement, signature included. Whoever
died, or could not sign, leaves claims without statements: the next who comes across one attests it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hsm.failpoint import reach
from ledger_sync.notary.store import Claim, CommitItem, Statement, Store
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

Sign = Callable[[Consumption], Statement]

Verdicts = tuple[Statement, ...]
"""The statements that cover each reference of one commit, the winners' where it lost, each once."""


class Attestor:
    """The notary's word, over a store of claims: signed by ``sign``, dated by ``clock`` (unix seconds)."""

    def __init__(self, store: Store, sign: Sign, clock: Callable[[], int]) -> None:
        self._store = store
        self._sign = sign
        self._clock = clock

    def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
        """The verdicts on each item, in their order; durable.

        What ``sign`` raises leaves the batch claimed and nobody told: the same again succeeds.
        """
        winners = self._store.claim(batch, self._clock())
        reach("notary.commit.claimed")
        said = self._attested(winners.values())
        return [
            tuple({key: said[key] for key in (_key(winners[ref]) for ref in item.refs)}.values())
            for item in batch
        ]

    def lookup(self, refs: Sequence[TokenRef]) -> list[Statement | None]:
        """The statement on each reference, None where nothing has consumed it."""
        winners = self._store.winners(refs)
        said = self._attested(winners.values())
        return [said[_key(winners[ref])] if ref in winners else None for ref in refs]

    def _attested(self, claims: Iterable[Claim]) -> dict[TokenRef, Statement]:
        """The statement on each claim, by its key."""
        found = {_key(claim): claim for claim in claims}
        said = {key: claim.statement for key, claim in found.items() if claim.statement is not None}
        fresh = [self._sign(claim.body) for claim in found.values() if claim.statement is None]
        if fresh:
            standing = self._store.attest(fresh)
            said.update((statement.body.refs[0], statement) for statement in standing)
        return said


def _key(claim: Claim) -> TokenRef:
    """A reference is in one claim only."""
    return claim.body.refs[0]
