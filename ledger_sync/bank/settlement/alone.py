"""The notary's words signed alone, for whoever reads no more than that.

Rule: a bank keeps and shows the notary's words as it got them. To whom that is not readable it shows what the notary
says of the same signed alone; the notary is asked for that when it is first needed, with the transfers that consume,
and what it says is kept beside, so that it is asked once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.redemption.proofs import Statements
from ledger_sync.bank.settlement.commits import Commits
from ledger_sync.http.peers import NoAnswer, read
from ledger_sync.http.reading import READS_ALONE
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, object_id
from wallet.protocol.kinds import CONSUMPTION, CONSUMPTION_2
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
        self, statements: Iterable[Signed[Consumption]], transfers: Iterable[Signed[Transfer]]
    ) -> Statements:
        """What says the same as each of these, by the id of this one. ``transfers`` consume what they are about.

        Raises as `Commits.question`, and NoAnswer where who decides does not say it.
        """
        said = list(statements)
        names, held = self._held(said)
        lacking = {ref for one in said if names[one.id] not in held for ref in one.body.refs}
        asked = [transfer for transfer in transfers if not lacking.isdisjoint(transfer.body.inputs)]
        if asked:
            held |= self._told(asked, set(names.values()) - held.keys())
        if missing := names.values() - held.keys():
            raise NoAnswer(Code.UNREACHABLE, {"missing": len(missing)})
        return {name: held[alone] for name, alone in names.items()}

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
        try:
            alone = self.of(words, transfers)
        except Refusal as refusal:
            _log.info("the notary's words are not had signed alone", extra={"code": refusal.code})
            names, held = self._held(words)
            alone = {said: held[name] for said, name in names.items() if name in held}
        return {
            txid: replace(one, statements=tuple(alone.get(said.id, said) for said in one.statements))
            for txid, one in told.items()
            if txid not in unread or all(said.id in alone for said in one.statements)
        }

    def _told(self, transfers: Sequence[Signed[Transfer]], names: set[bytes]) -> Statements:
        """Those of these names that notaries tell, kept."""
        answers = self._commits.question(transfers, READS_ALONE)
        found = read(answers, lambda told: self._believed(told, names))
        with self._unit.transaction():
            self._settlements.note(list(found.values()), are_ours=False)
        return found

    def _believed(self, answers: Iterable[Sequence[Signed[Consumption]]], names: set[bytes]) -> Statements:
        """NOTARY_SIGNATURE."""
        found = {said.id: said for told in answers for said in told if said.id in names}
        for said in found.values():
            check_consumption(said, self._context.trust.directory)
        return found


def _name(said: Signed[Consumption]) -> bytes:
    """The id of what says the same signed alone."""
    return said.id if said.leaf is None else object_id(CONSUMPTION, codec.encode(said.body.alone().to_cbor()))
