"""Attesting: what was claimed is signed, once, before anyone is told.

Rule: whoever reads what is signed in the log is told the log's entries under one head, which is signed once for all
that was claimed together. For whoever reads no more than what is signed alone, each claim is: sign, then put the
statement there unless one is; what is told is what stands then. So the same again, from whichever bank and through
whichever process, is the very same statement, signature included, and in the log the very same entry. Whoever died, or
could not sign, leaves claims that nobody was told of: the next who comes across one attests it. Also what was said
before is told only after a write of one's own is durable (`Store.attest`, `Store.answer`): what was read might
otherwise be lost again. Nothing is signed inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from hsm.failpoint import reach
from ledger_sync.notary.jurisdiction import Jurisdiction
from ledger_sync.notary.log import Logged, SignedTip, Statement, Tip
from ledger_sync.notary.store import Claim, CommitItem, Store
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.kinds import CONSUMPTION, CONSUMPTION_2, Kind
from wallet.protocol.leaf import Extent, Leaf, Path
from wallet.protocol.log import LogHead
from wallet.protocol.merkle import Follow, each_way_once, inclusion_paths
from wallet.protocol.settlement import Consumption, Consumption2
from wallet.protocol.transfer import TokenRef

FORMS: Final = (CONSUMPTION_2, CONSUMPTION)
"""In which a statement is told, newest first."""
Sign = Callable[[Consumption], Statement]
SignHead = Callable[[Extent, bytes], bytes]
"""Gives the signature of the head of a log of this extent and root."""

Verdicts = tuple[Statement, ...]
"""The statements that cover each reference of one commit, the winners' where it lost, each once."""
_Claims = Mapping[TokenRef, Claim]
_Said = dict[TokenRef, Statement]
"""By the first reference of each."""


class Attestor:
    """The notary's word, over a store of claims: signed by ``sign``, dated by ``clock`` (unix seconds). ``sign_head``
    gives the signature of a head of its log. What it tells is in one of `FORMS`, as whoever asks reads."""

    def __init__(
        self,
        store: Store,
        sign: Sign,
        clock: Callable[[], int],
        sign_head: SignHead,
        jurisdiction: Jurisdiction | None = None,
    ) -> None:
        self._store = store
        self._sign = sign
        self._sign_head = sign_head
        self._clock = clock
        self._jurisdiction = jurisdiction or Jurisdiction()
        self._told: LogHead | None = None

    def commit(self, batch: Sequence[CommitItem], form: Kind = CONSUMPTION) -> list[Verdicts]:
        """The verdicts on each item, in their order; durable.

        What ``sign`` or ``sign_head`` raises leaves the batch claimed and nobody told: the same again succeeds. BUSY,
        with nothing claimed: what it decides has changed since it was asked.
        """
        now = self._clock()
        if not all(self._jurisdiction.decides(ref, now) for item in batch for ref in item.refs):
            raise Refusal(Code.BUSY)
        winners = self._store.claim(batch, now)
        reach("notary.commit.claimed")
        said = self._attested(winners.values(), form)
        return [
            tuple({key: said[key] for key in (_key(winners[ref]) for ref in item.refs)}.values())
            for item in batch
        ]

    def lookup(self, refs: Sequence[TokenRef], form: Kind = CONSUMPTION) -> list[Statement | None]:
        """The statement on each reference, None where nothing has consumed it."""
        winners = self._store.winners(refs)
        said = self._attested(winners.values(), form)
        return [said[_key(winners[ref])] if ref in winners else None for ref in refs]

    def own(self, bank: str, since: int, after: int, form: Kind = CONSUMPTION) -> tuple[int, list[Statement]]:
        """A page of the statements on what ``bank`` consumed, by `Store.own`. Of what lies in other parts alone those
        tell, who can also say what never was; but whoever decides nothing now has nobody else to leave it to."""
        number, claims = self._store.own(bank, since, after)
        if self._jurisdiction.is_in_office(self._clock()):
            claims = [claim for claim in claims if self._jurisdiction.concerns(claim.body)]
        return number, list(self._attested(claims, form).values())

    def _attested(self, claims: Iterable[Claim], form: Kind) -> _Said:
        """The statement on each claim, by its key."""
        found = {_key(claim): claim for claim in claims}
        if not found:
            return {}
        said = self._in_log(found) if form is CONSUMPTION_2 else self._alone(found)
        return {key: said[key] for key in found}

    def _alone(self, claims: _Claims) -> _Said:
        said = {key: claim.statement for key, claim in claims.items() if claim.statement is not None}
        fresh = [self._sign(claim.body) for claim in claims.values() if claim.statement is None]
        standing = self._store.attest(fresh, self._signed(self._store.log.tip()))
        said.update((statement.body.refs[0], statement) for statement in standing)
        return said

    def _in_log(self, claims: _Claims) -> _Said:
        """As entries of the log under its newest head, and else as `_beside`. INTERNAL: a claim was lost before it was
        durable."""
        just = self._just_put(claims)
        if just is not None:
            return just
        head = self._store.answer(self._signed(self._store.log.tip()))
        found = self._store.log.openings(claims)
        if not _are_under(head, claims, found):  # it begins anew
            self._store.complete()
            head = self._store.answer(self._signed(self._store.log.tip()))
            found = self._store.log.openings(claims)
        if not _are_under(head, claims, found) and self._jurisdiction.is_in_office(self._clock()):
            raise Refusal(Code.INTERNAL)
        good = {} if head is None else self._good(head, claims, found)
        others = {key: claim for key, claim in claims.items() if key not in good}
        said = {} if head is None else self._shown(good, head)
        said |= self._beside(others, found) if others else {}
        require(all(said[key].body.alone() == claim.body for key, claim in claims.items()), Code.INTERNAL)
        return said

    def _just_put(self, claims: _Claims) -> _Said | None:
        """As `_in_log`, of what one batch claimed just now: all that is shown is known, and nothing is read again. None
        where not all are of that, or the head over it is not the newest."""
        puts = {key: claim.put for key, claim in claims.items() if claim.put is not None}
        if len(puts) < len(claims):
            return None
        grown = next(iter(puts.values())).grown
        signed = self._signed(grown.tip)
        if signed is None:
            return None
        head, covers = signed.head, self._jurisdiction.covers
        if not all(covers(put.said.refs, head.extent.time) for put in puts.values()):
            return None
        if self._store.answer(signed) != head:
            return None
        size, said, follow = head.extent.size, _Said(), each_way_once()
        paths = inclusion_paths([put.index for put in puts.values()], size, grown.nodes)
        for (key, put), hashes in zip(puts.items(), paths, strict=True):
            said[key] = _under(head, put.said, put.payload, Path(size, put.index, hashes), follow)
        return said

    def _good(
        self, head: LogHead, claims: _Claims, found: Mapping[TokenRef, Logged]
    ) -> dict[TokenRef, Logged]:
        """Those of these that may be shown under a head."""
        return {
            key: entry
            for key, claim in claims.items()
            if (entry := found.get(key)) is not None
            and entry.index < head.extent.size
            and self._jurisdiction.covers(claim.body.refs, head.extent.time)
        }

    def _beside(self, claims: _Claims, found: Mapping[TokenRef, Logged]) -> _Said:
        """What the newest head is not good for, since it was decided before references were split: under an earlier one
        that is, and signed alone where there is none."""
        said, left = _Said(), dict(claims)
        size = self._store.log.tip().size
        for head in self._store.log.kept_heads():
            if head.extent.size > size:  # the log that began anew is not so far yet
                continue
            good = self._good(head, left, found)
            said.update(self._shown(good, head))
            left = {key: claim for key, claim in left.items() if key not in good}
        return said | (self._alone(left) if left else {})

    def _shown(self, found: Mapping[TokenRef, Logged], head: LogHead) -> _Said:
        """Entries as they are shown under a head that is over them. INTERNAL: their paths do not lead to it, as its log
        is another by now."""
        size, said, follow = head.extent.size, _Said(), each_way_once()
        paths = self._store.log.inclusions([entry.index for entry in found.values()], size)
        for (key, entry), hashes in zip(found.items(), paths, strict=True):
            body = codec.read(entry.payload, CONSUMPTION_2.most, Consumption2.from_cbor)
            said[key] = _under(head, body, entry.payload, Path(size, entry.index, hashes), follow)
        return said

    def _signed(self, tip: Tip) -> SignedTip | None:
        """A head over all of a log that ends so, unless its newest one is, or it would be good for nothing. It is no
        earlier than what it is over."""
        at = max(self._clock(), tip.time)
        if not self._jurisdiction.is_in_office(at):
            return None
        before = tip.head
        if tip.size == (0 if before is None else before.extent.size):
            return None
        extent = Extent(tip.size, at, tip.number)
        head = LogHead(extent, tip.root, self._sign_head(extent, tip.root))
        of = self._jurisdiction.at
        keeps = before is not None and of(before.extent.time) != of(extent.time)
        return SignedTip(tip, head, keeps)

    def head(self) -> LogHead:
        """The newest head of the log, durable; one that begins anew gets its first by this. NOT_FOUND where nothing
        was ever claimed.

        A write of its own comes before a head that this process tells for the first time, and before no other: whoever
        asks makes the disk wait no oftener than what is claimed does.
        """
        found = self._store.log.head() or self._first_head()
        if found != self._told:
            self._store.answer()
            self._told = found
        return found

    def _first_head(self) -> LogHead:
        self._store.complete()
        signed = self._signed(self._store.log.tip())
        if signed is not None:
            self._store.answer(signed)
        found = self._store.log.head()
        if found is None:
            raise Refusal(Code.NOT_FOUND)
        return found


def _key(claim: Claim) -> TokenRef:
    """A reference is in one claim only."""
    return claim.body.refs[0]


def _are_under(head: LogHead | None, claims: _Claims, found: Mapping[TokenRef, Logged]) -> bool:
    return head is not None and all(key in found and found[key].index < head.extent.size for key in claims)


def _under(head: LogHead, body: Consumption2, payload: bytes, path: Path, follow: Follow) -> Statement:
    """INTERNAL: the path does not lead to the head."""
    place = Leaf(head.extent, path)
    require(place.root(payload, follow) == head.root, Code.INTERNAL)
    return Signed(body, payload, head.signature, cose.object_id(CONSUMPTION_2, payload), place)
