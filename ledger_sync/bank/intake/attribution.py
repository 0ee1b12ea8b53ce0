"""Attribution: whose signature each transfer of a bundle bears, by what is at hand.

Rule: where the owner of the inputs is known, the signature is the owner's or the bundle is refused, for nobody could
have made it in good faith. Else it is whose it was seen to be, or whose it turns out to be among the keys that come
with it, tried within a budget. Else it waits as a claim until the owner is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.transfers import Entry, Stage
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer

_GUESSES: Final = 2
"""Signatures tried against keys that merely might have made them, for each signature in a bundle."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """A transfer that came. ``owner``: of its inputs, where that is known; ``signer``: who made this signature, where
    that is known; ``is_news``: it is to be kept, as a copy or a claim."""

    transfer: Signed[Transfer]
    owner: bytes | None
    signer: bytes | None
    is_news: bool


class Attribution:
    """One look at bundles, no transfer in two of them, over what the archive has. Keys are tried for signatures that
    came with them."""

    def __init__(self, archive: Archive, bundles: Sequence[Bundle], signatures: Signatures) -> None:
        self._archive = archive
        self._signatures = signatures
        self._guesses: dict[bytes, _Guesses] = {}
        for bundle in bundles:
            self._guesses.update(
                dict.fromkeys([one.id for one in bundle.transfers], _Guesses(bundle, signatures))
            )
        self._transfers = ancestors_first([item for bundle in bundles for item in bundle.transfers])
        origins = {ref.txid for item in self._transfers for ref in item.body.inputs}
        self._held = archive.transfers.entries(origins | {item.id for item in self._transfers})
        self._bodies = {txid: entry.body for txid, entry in self._held.items()}
        self._bodies.update((item.id, item.body) for item in self._transfers)
        self._owners = {txid: entry.owner for txid, entry in self._held.items()}
        self._issued = {item.id: item.body.owner for bundle in bundles for item in bundle.issuances}
        self._issued.update(archive.issuances.known(origins - self._bodies.keys()))

    def found(self) -> list[Attributed]:
        """Each transfer, ancestors first. TRANSFER_SIGNATURE. ``Unverified`` as `Signatures.is_by`."""
        for transfer in self._transfers:
            if self._owners.get(transfer.id) is None:
                self._owners[transfer.id] = self._owner_of(transfer.body.inputs[0])
        nameless = [item for item in self._transfers if self._owners[item.id] is None]
        known = self._archive.transfers.signers_of(nameless) if nameless else {}
        return [self._attribute(transfer, known) for transfer in self._transfers]

    def _owner_of(self, ref: TokenRef) -> bytes | None:
        """Who owns an output, by payloads alone."""
        made = self._bodies.get(ref.txid)
        if made is None:
            return self._issued.get(ref.txid)
        return made.payee if ref.output == 0 else self._owners.get(ref.txid)

    def _attribute(self, transfer: Signed[Transfer], known: Mapping[bytes, bytes]) -> Attributed:
        owner, held = self._owners[transfer.id], self._held.get(transfer.id)
        if held is not None and held.stage is Stage.ANSWERED:
            return Attributed(transfer, owner, None, is_news=False)
        if owner is None:
            seen = known.get(transfer.id)
            signer = seen or self._guesses[transfer.id].signer_of(transfer)
            return Attributed(transfer, None, signer, is_news=seen is None)
        if self._is_signed(transfer.id, held, owner):
            return Attributed(transfer, owner, owner, is_news=False)
        is_by_owner = self._signatures.is_by(transfer, owner)
        require(is_by_owner, Code.TRANSFER_SIGNATURE, transfer=transfer.id.hex())
        return Attributed(transfer, owner, owner, is_news=True)

    def _is_signed(self, txid: bytes, held: Entry | None, owner: bytes) -> bool:
        """Whether the owner's copy is here already."""
        if held is None or held.owner is not None:
            return held is not None and held.signed is not None
        return self._archive.transfers.has_copy(txid, owner)


class _Guesses:
    """Keys that may have signed a transfer whose inputs are not at hand, tried within a budget."""

    def __init__(self, bundle: Bundle, signatures: Signatures) -> None:
        self._signatures = signatures
        self._keys = list(dict.fromkeys(certificate.body.key for certificate in bundle.certificates))
        self._left = _GUESSES * (len(bundle.transfers) + len(bundle.certificates))

    def signer_of(self, transfer: Signed[Transfer]) -> bytes | None:
        """The key that fitted last is tried first: what one wallet signed comes together."""
        for place, key in enumerate(self._keys):
            if self._left == 0:
                return None
            self._left -= 1
            if self._signatures.is_by(transfer, key):
                self._keys.insert(0, self._keys.pop(place))
                return key
        return None


def ancestors_first(transfers: Sequence[Signed[Transfer]]) -> list[Signed[Transfer]]:
    """In an order in which every transfer comes after those of the bundle that made its inputs."""
    left = {transfer.id: transfer for transfer in transfers}
    ordered: dict[bytes, Signed[Transfer]] = {}
    for root in transfers:
        todo = [root.id]
        while todo:
            txid = todo[-1]
            parents = [
                ref.txid for ref in left[txid].body.inputs if ref.txid in left and ref.txid not in ordered
            ]
            if txid in ordered or not parents:
                ordered.setdefault(txid, left[txid])
                todo.pop()
            else:
                todo.extend(parents)
    return list(ordered.values())
