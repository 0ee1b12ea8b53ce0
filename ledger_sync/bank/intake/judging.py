"""Judging: what has become complete is judged, and whatever that completes.

Rule: certificates and copies in the archive were checked when they came, tokens when their transfers were judged;
nothing is verified again. Ancestors are judged first, so that the order in which transfers are committed is that of
descent; of two that contradict each other the first is the first to be committed. Validity is ledger_sync.settling's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from ledger_sync.bank.intake.signatures import Claim, Signatures, Unverified
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.transfers import Entry, Stage
from ledger_sync.settling.validity import Invalid, Valid, Validity, Waiting, judge
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token
from wallet.protocol.weight import Weight, fits, leaves_money

_DECIDED: Final = frozenset({Stage.COMMITTED, Stage.ANSWERED})


class Judging:
    """One pass over the archive, within one transaction. It writes nothing; `Intake` writes what it came to.

    ``valid``: judged and valid, in their order; those of them that ``ended`` before have their verdict. ``refused``:
    invalid for ever. ``owners``: of inputs, newly known. ``claimed``: those whose claims are settled; ``signed``:
    claims that were the owner's; ``unsigned``: transfers of which no signature is the owner's; ``uncovered``: those
    that lack a certificate of their signer, and nothing else.
    """

    def __init__(
        self,
        archive: Archive,
        directory: Directory,
        signatures: Signatures,
        refusal: Callable[[bytes], Code | None],
    ) -> None:
        """``refusal``: why what is decided was refused, None where it was not."""
        self._archive = archive
        self._directory = directory
        self._signatures = signatures
        self._refusal = refusal
        self._entries: dict[bytes, Entry] = {}
        self._children: dict[bytes, Sequence[bytes]] = {}
        self._claims: dict[bytes, Sequence[Signed[Transfer]]] = {}
        self._issuances: dict[bytes, bytes] = {}
        self._tokens: dict[TokenRef, Token] = {}
        self._weights: dict[bytes, Weight] = {}
        self._seen: set[bytes] = set()
        self._wanted: list[Claim] = []
        self.valid: dict[bytes, Valid] = {}
        self.ended: list[bytes] = []
        self.refused: dict[bytes, Code] = {}
        self.owners: dict[bytes, bytes] = {}
        self.claimed: list[bytes] = []
        self.signed: list[tuple[Signed[Transfer], bytes]] = []
        self.unsigned: list[bytes] = []
        self.uncovered: list[tuple[bytes, bytes, Transfer]] = []

    def run(self, txids: Iterable[bytes]) -> None:
        """Judge these transfers, in this order, and whatever that completes. ``Unverified`` where claims of theirs were
        not verified before."""
        todo = list(dict.fromkeys(txids))[::-1]
        self._look(todo)
        while todo:
            txid = todo.pop()
            if self._is_open(txid) and self._advance(txid):
                children = self._children.get(txid, ())
                self._look(children)
                todo.extend(children)
        if self._wanted:
            raise Unverified(tuple(self._wanted))

    # what is at hand

    def _look(self, txids: Sequence[bytes]) -> None:
        """Read together what is asked for one by one afterwards."""
        new = [txid for txid in txids if txid not in self._seen]
        if not new:
            return
        self._seen.update(new)
        archive = self._archive
        self._read_entries(new)
        todo = [txid for txid in new if txid in self._entries and not self._entries[txid].is_valid]
        refs = [ref for txid in todo for ref in self._entries[txid].body.inputs]
        origins = {ref.txid for ref in refs}
        self._read_entries(origins)
        self._issuances.update(archive.issuances.known(origins - self._entries.keys()))
        self._tokens.update(archive.tokens.get_each([ref for ref in refs if self._is_good(ref.txid)]))
        self._children.update(archive.transfers.children(todo))
        self._claims.update(archive.transfers.claims(todo))

    def _read_entries(self, txids: Iterable[bytes]) -> None:
        self._entries.update(
            self._archive.transfers.entries([txid for txid in txids if txid not in self._entries])
        )

    def _is_open(self, txid: bytes) -> bool:
        """Whether it was not judged yet: it waits, or has ended without that, and others may descend from it."""
        entry = self._entries.get(txid)
        if entry is None or entry.is_valid:
            return False
        return entry.stage is Stage.WAITING or (
            entry.stage in _DECIDED and self._refused_as(txid, entry) is None
        )

    def _refused_as(self, txid: bytes, entry: Entry) -> Code | None:
        if entry.is_valid or entry.stage not in _DECIDED:
            return None
        return self.refused.get(txid) or self._refusal(txid)

    def _is_good(self, txid: bytes) -> bool:
        """Whether its outputs are tokens."""
        entry = self._entries.get(txid)
        return txid in self._issuances if entry is None else entry.is_valid

    def _owner(self, txid: bytes, entry: Entry) -> bytes | None:
        """Who owns the inputs, by payloads alone."""
        if entry.owner is not None:
            return entry.owner
        ref = entry.body.inputs[0]
        made = self._entries.get(ref.txid)
        if made is None:
            owner = self._issuances.get(ref.txid)
        else:
            owner = made.body.payee if ref.output == 0 else made.owner
        if owner is not None:
            self.owners[txid] = owner
        return owner

    # judging

    def _advance(self, txid: bytes) -> bool:
        """Whether the transfer's descendants may now be able to go on."""
        entry = self._entries[txid]
        owner = self._owner(txid, entry)
        if owner is None:
            return False
        signed = entry.signed
        if signed is None and entry.owner is None:
            signed = self._archive.transfers.copy(txid, owner)
        signed = self._settled_claims(txid, owner, signed)
        entry = self._entries[txid] = replace(entry, owner=owner, signed=signed)
        if signed is None:
            if not self._wanted:
                del self._entries[txid]
                self.unsigned.append(txid)
            return False
        parents = {ref.txid: self._entries.get(ref.txid) for ref in entry.body.inputs}
        codes = (None if made is None else self._refused_as(name, made) for name, made in parents.items())
        code = next((code for code in codes if code is not None), None)
        if code is not None:
            return self._refuse(txid, entry, code)
        return all(self._is_good(name) for name in parents) and self._decide(signed, entry, owner)

    def _settled_claims(
        self, txid: bytes, owner: bytes, signed: Signed[Transfer] | None
    ) -> Signed[Transfer] | None:
        """The owner's copy, perhaps out of the claims; all of them are settled."""
        claims = self._claims.pop(txid, ())
        if claims:
            self.claimed.append(txid)
        for claim in claims:
            if signed is None and not self._signatures.is_known(claim, owner):
                self._wanted.append((claim, owner))
            elif signed is None and self._signatures.is_by(claim, owner):
                signed = claim
                self.signed.append((claim, owner))
        return signed

    def _refuse(self, txid: bytes, entry: Entry, code: Code) -> bool:
        """Whether that is news: what has ended has its verdict, which never changes."""
        if entry.stage is not Stage.WAITING:
            return False
        self.refused[txid] = code
        self._entries[txid] = replace(entry, stage=Stage.COMMITTED)
        return True

    def _decide(self, signed: Signed[Transfer], entry: Entry, owner: bytes) -> bool:
        match self._judge(signed, owner):
            case Waiting():
                self.uncovered.append((signed.id, owner, signed.body))
                return False
            case Invalid(code):
                return self._refuse(signed.id, entry, code)
            case Valid() as valid:
                if not self._fits(signed):
                    return self._refuse(signed.id, entry, Code.PROVENANCE_TOO_LONG)
                self._keep(signed.id, entry, valid)
        return True

    def _judge(self, transfer: Signed[Transfer], owner: bytes) -> Validity:
        inputs: list[Token] = []
        for ref in transfer.body.inputs:
            token = self._tokens.get(ref)
            if token is None:
                return Invalid(Code.PROVENANCE_MISSING, {"token": str(ref)})
            inputs.append(token)
        certificate = self._archive.certificates.covering(owner, transfer.body.time)
        certificates = [] if certificate is None else [certificate]
        return judge(transfer, inputs, certificates, self._directory, is_signed=True)

    def _fits(self, transfer: Signed[Transfer]) -> bool:
        """Whether the ledger takes it with its whole provenance. What its parents weigh, each for itself, is no less
        than what they weigh together: only where that is too much, or not known, the archive is asked."""
        leaves = leaves_money(transfer.body)
        parents = [self._weights.get(txid) for txid in {ref.txid for ref in transfer.body.inputs}]
        known = [weight for weight in parents if weight is not None]
        most = _sum(known).and_transfer(len(transfer.payload))
        if len(known) < len(parents) or not fits(most, leaves=leaves):
            most = self._archive.weight(transfer.id)
        self._weights[transfer.id] = most
        return fits(most, leaves=leaves)

    def _keep(self, txid: bytes, entry: Entry, valid: Valid) -> None:
        """What has ended before is not committed for it; its outputs are known now."""
        self.valid[txid] = valid
        self._tokens.update((token.ref, token) for token in valid.tokens)
        is_new = entry.stage is Stage.WAITING
        if not is_new:
            self.ended.append(txid)
        self._entries[txid] = replace(entry, is_valid=True, stage=Stage.VALID if is_new else entry.stage)


def _sum(weights: Iterable[Weight]) -> Weight:
    total = Weight(0, 0, 0)
    for weight in weights:
        total = Weight(
            total.transfers + weight.transfers,
            total.issuances + weight.issuances,
            total.payloads + weight.payloads,
        )
    return total


def verify_below(archive: Archive, wanted: Iterable[Claim], signatures: Signatures) -> None:
    """Verify what a pass wanted, and the claims of whatever descends from it and waits: the next pass would want them.
    Outside any transaction."""
    owners: dict[bytes, bytes] = {}
    for signed, signer in wanted:
        signatures.is_by(signed, signer)
        owners[signed.id] = signer
    seen: set[bytes] = set()
    while owners:
        seen |= owners.keys()
        parents = archive.transfers.entries(owners)
        names = {name for children in archive.transfers.children(owners).values() for name in children} - seen
        below: dict[bytes, bytes] = {}
        for txid, entry in archive.transfers.entries(names).items():
            ref = entry.body.inputs[0]
            made = parents.get(ref.txid)
            by_parent = None if made is None else made.body.payee if ref.output == 0 else owners[ref.txid]
            owner = entry.owner or by_parent
            if owner is not None and entry.stage is Stage.WAITING:
                below[txid] = owner
        for txid, claims in archive.transfers.claims(below).items():
            for claim in claims:
                signatures.is_by(claim, below[txid])
        owners = below
