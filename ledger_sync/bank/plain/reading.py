"""What is plain: an upload of which everything is at hand, that tells of nothing the bank knew before.

Rule: this only ever says yes. Whatever is out of the ordinary is not plain, and not refused either: the intake takes it
(`ledger_sync.bank.intake.intake`), which alone knows why something is refused. What is plain comes to what the intake
would have made of it, row for row.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.bank.intake.attribution import ancestors_first
from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.plain import Hop, Seen
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.settling.validity import Valid, judge
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token
from wallet.protocol.weight import Weight, fits, leaves_money

MOST: Final = 64
"""New transfers, and two for three tokens that they consume, of an upload that is plain."""
_KEPT: Final = 65_536


class Known:
    """Ids that stand in the store for ever, so that they are looked up once. Safe to share between threads."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, None] = OrderedDict()

    def has(self, names: Collection[bytes], find: Callable[[Collection[bytes]], Collection[bytes]]) -> bool:
        """Whether all of these stand there; ``find`` has those that do of some."""
        missing = [name for name in names if name not in self._held]
        found = find(missing) if missing else ()
        self.add(found)
        return len(found) == len(missing)

    def add(self, names: Collection[bytes]) -> None:
        """These stand in the store."""
        with self._lock:
            self._held.update(dict.fromkeys(names))
            while len(self._held) > self._most:
                self._held.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An upload with what is known of it outside any transaction: its new transfers, ancestors first, with the owners
    of what they consume, who signed them; the tokens that they begin with, which stand at their face value, and what
    each transaction that made them weighs; and the ids of the others, which have their verdicts."""

    bundle: Bundle
    uploader: str
    directory: Directory
    transfers: Sequence[tuple[Signed[Transfer], bytes]]
    roots: Mapping[TokenRef, Token]
    weights: Mapping[bytes, Weight]
    answered: Collection[bytes]

    @property
    def weight(self) -> int:
        """What it counts in a batch, up to ``MOST`` where it is plain."""
        refs = sum(len(transfer.body.inputs) for transfer, _ in self.transfers)
        return max(len(self.transfers), -(-2 * refs // 3))

    @property
    def keys(self) -> set[bytes]:
        """Everybody's in it."""
        return {key for transfer, owner in self.transfers for key in (owner, transfer.body.payee)}

    @property
    def numbers(self) -> set[tuple[bytes, int]]:
        """Under which each was signed, with who did."""
        return {(owner, transfer.body.sequence) for transfer, owner in self.transfers}

    @property
    def refs(self) -> set[TokenRef]:
        """All that is consumed in it."""
        return {ref for transfer, _ in self.transfers for ref in transfer.body.inputs}


class Reader:
    """Reads uploads, by what the archive has. Outside any transaction, but for ``judged``."""

    def __init__(self, archive: Archive, bank: str) -> None:
        self._archive = archive
        self._bank = bank
        self._certificates = Known()
        self._issuances = Known()
        self._requests = Known()

    def found(
        self,
        bundle: Bundle,
        uploader: str,
        seen: Seen,
        signatures: Signatures,
    ) -> Found | None:
        """The upload, the signatures of what is new in it verified; None where it is not plain as far as can be seen
        from outside. ``seen``: what is here of it."""
        if seen.waiting or len(seen.valid) < len(seen.told):
            return None  # what had a verdict before it was judged is judged once its owner's signature comes
        new = [item for item in bundle.transfers if item.id not in seen.told]
        made = {item.id for item in new}
        if len(made) > MOST or any(item.body.redemption is not None for item in new):
            return None
        transfers = ancestors_first(new)
        begun = {ref for item in transfers for ref in item.body.inputs if ref.txid not in made}
        refs = {item.body.purpose for item in new}
        if not self._is_rest_known(bundle, {ref.txid for ref in begun}, seen):
            return None
        roots = self._roots(begun, seen)
        owners = _owners(transfers, roots) if len(roots) == len(begun) else {}
        if len(owners) < len(transfers):
            return None
        signed = [(item, owners[item.id]) for item in transfers]
        weights = {txid: self._weight(bundle, txid) for txid in {ref.txid for ref in roots}}
        found = Found(bundle, uploader, signatures.directory, signed, roots, weights, seen.told.keys())
        if len(found.numbers) < len(transfers):
            return None
        asked = [item for item in bundle.requests if request_ref(item) in refs]
        return found if found.weight <= MOST and _is_signed(found, asked, signatures) else None

    def _roots(self, begun: Collection[TokenRef], seen: Seen) -> Mapping[TokenRef, Token]:
        """Those of these that stand at their face value, also of what others in the upload made."""
        others = [ref for ref in begun if ref.txid in seen.told]
        whole = {**seen.whole, **self._archive.tokens.whole(others)} if others else seen.whole
        return {ref: whole[ref] for ref in begun if ref in whole}

    def _is_rest_known(self, bundle: Bundle, begun: Collection[bytes], seen: Seen) -> bool:
        """Whether all is here that the bundle holds besides new transfers and the requests that they answer."""
        archive = self._archive
        certificates = {item.id for item in bundle.certificates} | {
            item.body.payee.id for item in bundle.requests
        }
        issued = {item.id for item in bundle.issuances} - set(begun)
        news = {item.body.purpose for item in bundle.transfers if item.id not in seen.told}
        asked = {item.id for item in bundle.requests if request_ref(item) not in news}
        return (
            self._certificates.has(certificates, archive.certificates.known)
            and self._issuances.has(issued, archive.issuances.known)
            and (not asked or self._are_requests_known(asked, _answered(bundle, seen.told)))
        )

    def _are_requests_known(self, names: Collection[bytes], answered: Collection[bytes]) -> bool:
        """Those of these that something has answered stay for ever."""
        known = self._archive.requests.known
        others = [name for name in names if name not in answered]
        return self._requests.has([name for name in names if name in answered], known) and not (
            others and len(known(others)) < len(others)
        )

    def settled(self, found: Found) -> None:
        """All that is in it stands in the store now."""
        bundle, refs = found.bundle, {transfer.body.purpose for transfer, _ in found.transfers}
        self._issuances.add([item.id for item in bundle.issuances])
        self._requests.add([item.id for item in bundle.requests if request_ref(item) in refs])

    def judged(self, found: Found) -> list[Hop] | None:
        """Its hops; None where one is not valid, or not this bank's customers' alone. Within a transaction, where all
        keys were prepared (`Certificates.prepare`)."""
        certificates = self._archive.certificates
        if not self.concerns_nobody_else(found):
            return None
        tokens = dict(found.roots)
        weights = dict(found.weights)
        hops: list[Hop] = []
        for transfer, owner in found.transfers:
            inputs = [tokens[ref] for ref in transfer.body.inputs if ref in tokens]
            certificate = certificates.covering(owner, transfer.body.time)
            if len(inputs) < len(transfer.body.inputs) or certificate is None:
                return None
            valid = judge(transfer, inputs, [certificate], found.directory, is_signed=True)
            weight = _on_top(weights, transfer)
            if not isinstance(valid, Valid) or not fits(weight, leaves=leaves_money(transfer.body)):
                return None
            weights[transfer.id] = weight
            tokens.update((token.ref, token) for token in valid.tokens)
            hops.append(Hop(transfer, owner, found.uploader, valid.signer, valid.tokens))
        return hops

    def concerns_nobody_else(self, found: Found) -> bool:
        """Whether this bank alone certified every key in it. As for ``judged``."""
        banks_of = self._archive.certificates.banks_of
        return all(list(banks_of(key)) == [self._bank] for key in found.keys)

    def _weight(self, bundle: Bundle, txid: bytes) -> Weight:
        for issuance in bundle.issuances:
            if issuance.id == txid:
                return Weight(0, 1, len(issuance.payload))
        return self._archive.weight(txid)


def _answered(bundle: Bundle, told: Mapping[bytes, Told]) -> frozenset[bytes]:
    """The ids of those of its requests that something in it has answered, and is settled."""
    refs = {
        item.body.purpose
        for item in bundle.transfers
        if item.id in told and told[item.id].settlement.body.verdict is Verdict.SETTLED
    }
    return frozenset(item.id for item in bundle.requests if request_ref(item) in refs)


def _owners(transfers: Sequence[Signed[Transfer]], roots: Mapping[TokenRef, Token]) -> Mapping[bytes, bytes]:
    """Who owns what each consumes, by its first input; ancestors come first."""
    made: dict[bytes, tuple[bytes, bytes]] = {}
    for item in transfers:
        ref = item.body.inputs[0]
        if ref in roots:
            owner = roots[ref].owner
        elif ref.txid in made:
            payee, payer = made[ref.txid]
            owner = payer if ref.output else payee
        else:
            return {}
        made[item.id] = item.body.payee, owner
    return {txid: owner for txid, (_, owner) in made.items()}


def _is_signed(found: Found, asked: Sequence[Signed[Request]], signatures: Signatures) -> bool:
    try:
        for request in asked:
            signatures.check_request(request)
    except Refusal:
        return False
    return all(signatures.is_by(transfer, owner) for transfer, owner in found.transfers)


def _on_top(weights: Mapping[bytes, Weight], transfer: Signed[Transfer]) -> Weight:
    """No less than what it weighs: what several inputs have in common counts for each."""
    below = [weights[txid] for txid in {ref.txid for ref in transfer.body.inputs}]
    whole = Weight(
        sum(one.transfers for one in below),
        sum(one.issuances for one in below),
        sum(one.payloads for one in below),
    )
    return whole.and_transfer(len(transfer.payload))
