"""Provenance: the transfers and issuances that a transaction descends from, gathered into bundles.

Rule: the ledger takes no transfer whose whole provenance is too heavy (wallet.protocol.weight), so that whatever is
settled can be passed on, delivered, proved and redeemed. That depends on the payloads alone and is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ledger_sync.bank.ports.archive import Archive
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.weight import Weight, fits


@dataclass
class Gathered:
    """Transfers with their ancestors before them, and the issuances they begin with; ids stand once."""

    transfers: dict[bytes, Signed[Transfer]] = field(default_factory=dict)
    issuances: dict[bytes, Signed[Issuance]] = field(default_factory=dict)

    @property
    def weight(self) -> Weight:
        payloads = [item.payload for item in self.transfers.values()]
        payloads += [item.payload for item in self.issuances.values()]
        return Weight(len(self.transfers), len(self.issuances), sum(map(len, payloads)))

    @property
    def size(self) -> int:
        return self.weight.bytes

    def fits(self) -> bool:
        """Whether a bundle can carry it."""
        return fits(self.weight, leaves=False)

    def refs(self) -> Iterator[TokenRef]:
        """Every token that is consumed in it."""
        for transfer in self.transfers.values():
            yield from transfer.body.inputs


class Provenance:
    """Walks the archive from transactions back to hop 0."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def gather(self, roots: Iterable[bytes], into: Gathered | None = None) -> Gathered:
        """The transactions ``roots`` and all that they descend from, as far as it is at hand.

        Stops soon after what a bundle can carry: `Gathered.fits` then says no.
        """
        gathered = into or Gathered()
        todo = [(root, False) for root in roots]
        open_transfers: dict[bytes, Signed[Transfer]] = {}
        while todo and len(gathered.transfers) + len(open_transfers) <= 2 * MAX_BUNDLE_ITEMS:
            txid, is_done = todo.pop()
            if is_done:
                gathered.transfers[txid] = open_transfers.pop(txid)
            elif txid not in gathered.transfers and txid not in open_transfers:
                self._enter(txid, gathered, open_transfers, todo)
        gathered.transfers.update(open_transfers)
        return gathered

    def _enter(
        self,
        txid: bytes,
        gathered: Gathered,
        open_transfers: dict[bytes, Signed[Transfer]],
        todo: list[tuple[bytes, bool]],
    ) -> None:
        transfer = self._archive.transfers.transfer(txid)
        if transfer is not None:
            open_transfers[txid] = transfer
            todo.append((txid, True))
            todo.extend((ref.txid, False) for ref in transfer.body.inputs)
        elif txid not in gathered.issuances and (issuance := self._archive.issuances.get(txid)) is not None:
            gathered.issuances[txid] = issuance

    def bundle(self, gathered: Gathered, requests_of: Iterable[bytes] = ()) -> Bundle:
        """What was gathered, the certificates it was signed under, and the requests that ``requests_of`` answer."""
        transfers = tuple(gathered.transfers.values())
        requests = self._requests(
            [gathered.transfers[txid] for txid in requests_of if txid in gathered.transfers]
        )
        return Bundle(transfers, tuple(gathered.issuances.values()), self._certificates(transfers), requests)

    def statements(self, gathered: Gathered) -> Sequence[Signed[Consumption]]:
        """The notary's word for every token that is consumed in it."""
        return self._archive.statements.about(list(dict.fromkeys(gathered.refs())))

    def _certificates(self, transfers: Sequence[Signed[Transfer]]) -> tuple[Signed[Certificate], ...]:
        found: dict[bytes, Signed[Certificate]] = {}
        for transfer in transfers:
            certificate = self._archive.transfers.signer(transfer.id)
            owner = self._archive.transfers.owner(transfer.id)
            if certificate is None and owner is not None:
                certificate = self._archive.certificates.covering(owner, transfer.body.time)
            if certificate is not None:
                found[certificate.id] = certificate
        return tuple(found.values())

    def _requests(self, transfers: Sequence[Signed[Transfer]]) -> tuple[Signed[Request], ...]:
        refs = dict.fromkeys(t.body.purpose for t in transfers if isinstance(t.body.purpose, bytes))
        found = [request for ref in refs if (request := self._archive.requests.get(ref)) is not None]
        return tuple({request.id: request for request in found}.values())
