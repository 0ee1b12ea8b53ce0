"""The notary's words signed alone, for whoever reads no more than that.

Rule: a bank keeps and shows the notary's words as it got them. To whom that is not readable it shows what the notary
says of the same signed alone; the notary is asked for that when it is first needed, with the transfers that consume,
and what it says is kept beside, so that it is asked once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hsm.keystore import KeystoreCode
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.redemption.proofs import Statements
from ledger_sync.bank.settlement.commits import MAX_COMMITS, Commits, Silent, how_many
from ledger_sync.http.peers import NoAnswer, read
from ledger_sync.http.reading import READS_ALONE
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, object_id
from wallet.protocol.kinds import CONSUMPTION, CONSUMPTION_2
from wallet.protocol.parts import decider
from wallet.protocol.settlement import Consumption, check_consumption
from wallet.protocol.transfer import Transfer

_log: Final = logging.getLogger(__name__)


class SignedAlone:
    """What one bank has of the notary's words in that form, or is told."""

    def __init__(self, context: BankContext, objects: Archive, commits: Commits) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._settlements = context.storage.settlements
        self._objects = objects
        self._commits = commits

    def of(
        self, said: Sequence[Signed[Consumption]], transfers: Sequence[Signed[Transfer]]
    ) -> Iterator[Statements]:
        """What says the same as these, by their ids: by and by, first what is here, then what notaries tell, call by
        call as long as somebody asks for the next. ``transfers`` consume what they are about.

        Raises in the end, where one cannot be had: `_withheld`.
        """
        names, held = self._held(said)
        yield {one.id: held[names[one.id]] for one in said if names[one.id] in held}
        lacking = {names[one.id]: one for one in said if names[one.id] not in held}
        silent = Silent()
        for asked in self._calls(list(lacking.values()), transfers):
            told = self._told(asked, lacking.keys(), silent)
            yield {lacking.pop(name).id: one for name, one in told.items()}
            if any(isinstance(refusal, NoAnswer) for refusal in silent.values()):
                break  # each call would wait for it as long again
        if lacking:
            raise _withheld(silent)

    def _calls(
        self, lacking: Sequence[Signed[Consumption]], transfers: Sequence[Signed[Transfer]]
    ) -> Iterator[Sequence[Signed[Transfer]]]:
        """Those of the transfers that consume what these are about, as many at a time as one call asks for. Where
        references were split since, the key that may sign what was said before may be gone, and a notary without it
        answers nothing of such a call: so that comes last, and by itself."""
        refs = {ref for one in lacking for ref in one.body.refs}
        doubtful = {ref for one in lacking if not self._is_by_its_decider(one.body) for ref in one.body.refs}
        asked = [transfer for transfer in transfers if not refs.isdisjoint(transfer.body.inputs)]
        for is_doubtful in (False, True):
            left = [one for one in asked if doubtful.isdisjoint(one.body.inputs) != is_doubtful]
            while left:
                count = how_many([len(one.body.inputs) for one in left[:MAX_COMMITS]])
                yield left[:count]
                left = left[count:]

    def _is_by_its_decider(self, body: Consumption) -> bool:
        """Whether who decides now what it is about decided it then."""
        directory, now = self._context.trust.directory, self._context.clock()
        return all(decider(directory, ref, now) == decider(directory, ref, body.time) for ref in body.refs)

    def _held(
        self, said: Sequence[Signed[Consumption]]
    ) -> tuple[Mapping[bytes, bytes], dict[bytes, Signed[Consumption]]]:
        """By the id of each the name of what says the same alone, and what is here of those."""
        names = {one.id: _name(one) for one in said}
        held = {one.id: one for one in said if one.leaf is None}
        held.update(self._objects.statements.named([name for name in names.values() if name not in held]))
        return names, held

    def read_by(self, told: Mapping[bytes, Told], reads: frozenset[str]) -> Mapping[bytes, Told]:
        """The same with words that the caller reads; what cannot be had so now is left out. READER_OUTDATED."""
        unread = [
            txid
            for txid, one in told.items()
            if any(said.body.KIND.typ not in reads for said in one.statements)
        ]
        if not unread:
            return told
        if CONSUMPTION.typ not in reads:
            raise Refusal(Code.READER_OUTDATED, {"kind": CONSUMPTION_2.typ})
        transfers = [kept for txid in unread if (kept := self._objects.transfers.transfer(txid)) is not None]
        words = [said for txid in unread for said in told[txid].statements]
        alone = dict[bytes, Signed[Consumption]]()
        try:
            for some in self.of(words, transfers):
                alone |= some
        except Refusal as refusal:
            _log.info("the notary's words are not had signed alone", extra={"code": refusal.code})
        return {
            txid: replace(one, statements=tuple(alone.get(said.id, said) for said in one.statements))
            for txid, one in told.items()
            if txid not in unread or all(said.id in alone for said in one.statements)
        }

    def _told(
        self, transfers: Sequence[Signed[Transfer]], names: Collection[bytes], silent: Silent
    ) -> Statements:
        """Those of these names that notaries tell, kept."""
        unsaid = Silent()
        try:
            answers = self._commits.question(transfers, READS_ALONE, unsaid)
        except Refusal:
            answers = []
        silent.update(unsaid)
        found = read(answers, lambda told: self._believed(told, names))
        with self._unit.transaction():
            self._settlements.note(list(found.values()), are_ours=False)
        return found

    def _believed(
        self, answers: Iterable[Sequence[Signed[Consumption]]], names: Collection[bytes]
    ) -> Statements:
        """NOTARY_SIGNATURE."""
        found = {said.id: said for told in answers for said in told if said.id in names}
        for said in found.values():
            check_consumption(said, self._context.trust.directory)
        return found


def _name(said: Signed[Consumption]) -> bytes:
    """The id of what says the same signed alone."""
    return said.id if said.leaf is None else object_id(CONSUMPTION, codec.encode(said.body.alone().to_cbor()))


def _withheld(silent: Silent) -> Refusal:
    """Why words are not had signed alone, from what notaries said in place of them. It is our own refusal: it says
    nothing about whoever was to be shown them. BUSY, with the cause ``key_unknown``: a part of the notary has not the
    key by which they were said before references were split (docs/cluster.md); else UNREACHABLE."""
    without_key = KeystoreCode.KEY_UNKNOWN.value
    if any(refusal.facts.get("cause") == without_key for refusal in silent.values()):
        return Refusal(Code.BUSY, {"cause": without_key})
    return Refusal(Code.UNREACHABLE)
