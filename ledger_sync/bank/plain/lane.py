"""The plain lane: uploads that are plain are committed and settled together, in one pass and two transactions.

Rule: first they are noted in the journal, durably, so that what is consumed for them can be shown; then the notary is
asked once for all of them; then everything is written at once, on one condition: that nothing here speaks of them by
now. Where the notary gave a token to another, does not answer, or somebody else was faster, the upload is not plain
after all, and the intake takes it: the notary says the same again. What died on the way is taken in from the journal.
Where several notaries decide, what is decided is written while others are still waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.plain.journal import Journal
from ledger_sync.bank.plain.reading import Found, Reader
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.plain import Ended, Hop, Seen, Settling
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.settlement.commits import Commits
from ledger_sync.bank.settlement.verdicts import Verdicts
from ledger_sync.bank.wallets.limit_watch import AtHand, LimitWatch
from ledger_sync.bank.wallets.limit_watch import Settled as Watched
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.service.batches import Batches
from ledger_sync.settling.values import Outcome
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import Transfer

_MOST: Final = 192
"""Transfers after which a batch takes no further upload: with one more it is within what the notary takes."""
_log: Final = logging.getLogger(__name__)

Words = Mapping[bytes, Sequence[Signed[Consumption]]]
Ends = Mapping[bytes, Signed[Settlement]]
"""Both by the ids of transfers."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What can be told of each transfer of an upload; ``has_revoked``: wallets, in the pass it was of."""

    told: Mapping[bytes, Told]
    has_revoked: bool


class Why(Enum):
    """NOT_PLAIN: the intake may settle it. IN_VAIN: the notary was asked, and is not to be at once again."""

    NOT_PLAIN = auto()
    IN_VAIN = auto()


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An upload that the intake is to take, then `PlainLane.taken_in`; its ``number``, where the journal has it."""

    why: Why
    number: int | None = None


class Listener(Protocol):
    """Who must hear of a verdict, within the same transaction."""

    def answered(
        self, transfers: Sequence[tuple[Signed[Transfer], bytes, Outcome]], *, are_news: bool
    ) -> None:
        """``are_news``: nothing is here that redeems what they made."""


class PlainLane:
    """Settles what is plain. ``take_in`` is the intake's."""

    def __init__(
        self,
        context: BankContext,
        archive: Archive,
        wallets: Wallets,
        commits: Commits,
        limits: LimitWatch,
        listener: Listener,
        take_in: Callable[[Bundle, str], object],
    ) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._plain = context.storage.plain
        self._archive = archive
        self._wallets = wallets
        self._commits = commits
        self._limits = limits
        self._listener = listener
        self._verdicts = Verdicts(context)
        self.journal = Journal(context, take_in)
        self._reader = Reader(archive, context.bank)
        self._batches = Batches(self._settle_together, weight=lambda found: found.weight, most=_MOST)

    def seen(self, bundle: Bundle, uploader: str) -> Seen:
        """What is here of an upload."""
        return self._plain.seen(bundle, uploader)

    def settle(
        self, bundle: Bundle, uploader: str, seen: Seen, signatures: Signatures
    ) -> Settled | Unsettled:
        """What can be told now of those of its transfers that had no verdict when it was ``seen``; or why there is
        nothing, and nothing was written of it but perhaps in the journal."""
        found = self._reader.found(bundle, uploader, seen, signatures)
        if found is None:
            return Unsettled(Why.NOT_PLAIN)
        if not found.transfers:
            self._note_shown(found, seen)
            return Settled({}, has_revoked=False)
        return self._batches.do(found)

    def taken_in(self, unsettled: Unsettled) -> None:
        """The intake has taken in what could not be settled."""
        if unsettled.number is not None:
            self.journal.taken_in(unsettled.number)

    def _note_shown(self, found: Found, seen: Seen) -> None:
        """Who showed what was answered before may ask for it, too."""
        if len(seen.shown) < len(found.answered):
            with self._unit.transaction():
                self._archive.transfers.brought([(txid, found.uploader, False) for txid in found.answered])

    # one pass

    def _settle_together(self, uploads: Sequence[Found]) -> Sequence[Settled | Unsettled]:
        noted = self._noted(uploads)
        ends: dict[int, Settled | Unsettled] = {}
        if noted:
            hsm.failpoint.reach("bank.plain.noted")
            ends.update((one.place, Unsettled(Why.IN_VAIN, one.number)) for one in noted)
            for decided, words in self._decided(noted):
                ends.update((one.place, Unsettled(Why.NOT_PLAIN, one.number)) for one in decided)
                ends.update(self._settled(decided, words))
            hsm.failpoint.reach("bank.settle.answered")
        return [ends.get(place, Unsettled(Why.NOT_PLAIN)) for place in range(len(uploads))]

    def _decided(self, noted: Sequence[_Noted]) -> Iterator[tuple[Sequence[_Noted], Words]]:
        """Uploads of which all is decided, with the notary's words on that, as those who decide have answered."""
        words: dict[bytes, Sequence[Signed[Consumption]]] = {}
        waiting = list(noted)
        try:
            hops = [hop.transfer for one in noted for hop in one.hops]
            for said in self._commits.ask(hops, self._commits.lately_silent()):
                words.update(said)
                decided = [one for one in waiting if all(hop.transfer.id in words for hop in one.hops)]
                waiting = [one for one in waiting if one not in decided]
                if decided:
                    yield decided, words
        except Refusal as refusal:
            _log.info("plain uploads wait for the notary", extra={"code": refusal.code})

    def _settled(self, decided: Sequence[_Noted], words: Words) -> Mapping[int, Settled]:
        """Those of them that were given all that they consume."""
        hsm.failpoint.reach("bank.settle.committed")
        won = [one for one in decided if all(_is_given(hop, words) for hop in one.hops)]
        verdicts = self._signed(won)
        written, has_revoked = self._written(won, words, verdicts) if verdicts else ([], False)
        return {one.place: Settled(_told(one.hops, words, verdicts), has_revoked) for one in written}

    def _noted(self, uploads: Sequence[Found]) -> list[_Noted]:
        """Those that are valid, in the journal now; of those that have to do with each other the first."""
        valid: list[tuple[int, Found, Sequence[Hop]]] = []
        taken: set[object] = set()
        with self._unit.transaction():
            self._archive.certificates.prepare(set().union(*(found.keys for found in uploads)))
            for place, found in enumerate(uploads):
                own: set[object] = {*found.refs, *found.numbers, *(item.id for item, _ in found.transfers)}
                hops = self._reader.judged(found) if taken.isdisjoint(own) else None
                if hops is not None:
                    valid.append((place, found, hops))
                    taken |= own
            brought = [(found.uploader, found.bundle.encode()) for _, found, _ in valid]
            numbers = self._plain.note(brought, self.journal.until())
        return [_Noted(*one, number) for one, number in zip(valid, numbers, strict=True)]

    def _signed(self, won: Sequence[_Noted]) -> Ends:
        """What one upload brought in one leaf."""
        try:
            signed = self._verdicts.of([[(hop.transfer.id, hop.outcome) for hop in one.hops] for one in won])
        except Refusal as refusal:
            _log.info("plain uploads wait for the clock", extra={"code": refusal.code})
            signed = []
        return {one.body.transfer: one for leaf in signed for one in leaf}

    def _written(self, won: Sequence[_Noted], words: Words, verdicts: Ends) -> tuple[Sequence[_Noted], bool]:
        """Those of which nothing was spoken here yet, nor came to concern another bank meanwhile; and whether wallets
        are revoked for them."""
        has_revoked = False
        with self._unit.transaction():
            known = self._plain.told_of([hop for one in won for hop in one.hops], self._context.bank)
            new = [one for one in won if known.isdisjoint(hop.transfer.id for hop in one.hops)]
            if new:
                has_revoked = self._write(new, words, verdicts)
        for one in new:
            self._reader.settled(one.found)
        self._context.metrics.batch("settled", sum(len(one.hops) for one in new))
        return new, has_revoked

    def _write(self, new: Sequence[_Noted], words: Words, verdicts: Ends) -> bool:
        hops = [hop for one in new for hop in one.hops]
        asked = _asked(new)
        here = self._archive.requests.answered([hop.request for hop in hops])
        self._plain.write(
            Settling(
                [Ended(hop, verdicts[hop.transfer.id], words[hop.transfer.id]) for hop in hops],
                self._wallets.holders(set().union(*(one.found.keys for one in new))),
                self._now(),
                [(item, uploader) for ref, (item, uploader) in asked.items() if ref not in here],
                [(txid, one.found.uploader) for one in new for txid in one.found.answered],
                [one.number for one in new],
            )
        )
        at_hand = AtHand(
            {token.ref: token for hop in hops for token in hop.tokens},
            {ref: item for ref, (item, _) in asked.items()},
        )
        has_revoked = self._limits.check(
            [Watched(hop.transfer, hop.certificate.body) for hop in hops], at_hand
        )
        self._listener.answered(
            [(hop.transfer, hop.certificate.body.key, hop.outcome) for hop in hops], are_news=True
        )
        return has_revoked

    def _now(self) -> int:
        return (self._context.wall or self._context.clock)()


@dataclass(frozen=True, slots=True)
class _Noted:
    """A valid upload at its ``place`` in the batch, with its ``number`` in the journal."""

    place: int
    found: Found
    hops: Sequence[Hop]
    number: int


def _asked(new: Sequence[_Noted]) -> Mapping[bytes, tuple[Signed[Request], str]]:
    """The requests that are answered, by their references, with who brought each; no other's signature was looked
    at."""
    answered = {hop.request for one in new for hop in one.hops}
    return {
        ref: (item, one.found.uploader)
        for one in new
        for item in one.found.bundle.requests
        if (ref := request_ref(item)) in answered
    }


def _is_given(hop: Hop, words: Words) -> bool:
    """Whether the notary gave it all that it consumes."""
    return all(word.body.consumer == hop.transfer.id for word in words[hop.transfer.id])


def _told(hops: Sequence[Hop], words: Words, verdicts: Ends) -> Mapping[bytes, Told]:
    names = [hop.transfer.id for hop in hops]
    return {name: Told(verdicts[name], tuple(words[name]), None) for name in names}
