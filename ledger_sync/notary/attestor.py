"""Attesting: what was claimed is signed, once, before anyone is told.

Rule: claim, then sign, then put the statement there unless one is; what is told is what stands then. So the same again,
from whichever bank and through whichever process, is answered with the very same statement, signature included. Whoever
died, or could not sign, leaves claims without statements: the next who comes across one attests it. Also what was said
before is told only after a write of one's own is durable (`Store.attest`): what was read might otherwise be lost again.
The log's head is signed once for all that was claimed together, and nothing is signed inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hsm.failpoint import reach
from ledger_sync.notary.log import SignedTip, Statement
from ledger_sync.notary.store import Claim, CommitItem, Store
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.leaf import Extent
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

Sign = Callable[[Consumption], Statement]
SignHead = Callable[[Extent, bytes], bytes]
"""Gives the signature of the head of a log of this extent and root."""

Verdicts = tuple[Statement, ...]
"""The statements that cover each reference of one commit, the winners' where it lost, each once."""


class Attestor:
    """The notary's word, over a store of claims: signed by ``sign``, dated by ``clock`` (unix seconds). ``sign_head``
    gives the signature of a head of its log."""

    def __init__(self, store: Store, sign: Sign, clock: Callable[[], int], sign_head: SignHead) -> None:
        self._store = store
        self._sign = sign
        self._sign_head = sign_head
        self._clock = clock
        self._told: LogHead | None = None

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

    def own(self, bank: str, since: int, after: int) -> tuple[int, list[Statement]]:
        """A page of the statements on what ``bank`` consumed, by `Store.own`."""
        number, claims = self._store.own(bank, since, after)
        return number, list(self._attested(claims).values())

    def _attested(self, claims: Iterable[Claim]) -> dict[TokenRef, Statement]:
        """The statement on each claim, by its key."""
        found = {_key(claim): claim for claim in claims}
        said = {key: claim.statement for key, claim in found.items() if claim.statement is not None}
        fresh = [self._sign(claim.body) for claim in found.values() if claim.statement is None]
        if found:
            standing = self._store.attest(fresh, self._signed())
            said.update((statement.body.refs[0], statement) for statement in standing)
        return said

    def _signed(self) -> SignedTip | None:
        """A head over all that is claimed, unless the newest one is. It is no earlier than what it is over."""
        tip = self._store.log.tip()
        if tip.size == tip.head_size:
            return None
        extent = Extent(tip.size, max(self._clock(), tip.time), tip.number)
        return SignedTip(tip, LogHead(extent, tip.root, self._sign_head(extent, tip.root)))

    def head(self) -> LogHead:
        """The newest head of the log, durable; one that begins anew gets its first by this. NOT_FOUND where nothing
        was ever claimed.

        A write of its own comes before a head that this process tells for the first time, and before no other: whoever
        asks makes the disk wait no oftener than what is claimed does.
        """
        found = self._store.log.head() or self._first_head()
        if found != self._told:
            self._store.attest([])
            self._told = found
        return found

    def _first_head(self) -> LogHead:
        self._store.complete()
        signed = self._signed()
        if signed is not None:
            self._store.attest([], signed)
        found = self._store.log.head()
        if found is None:
            raise Refusal(Code.NOT_FOUND)
        return found


def _key(claim: Claim) -> TokenRef:
    """A reference is in one claim only."""
    return claim.body.refs[0]
