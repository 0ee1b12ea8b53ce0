"""What the ledger has to be shown: every transfer held here that has no verdict, with what it needs.

In the order of descent, so that any prefix makes sense; what has a verdict is at the bank already, unless the bank
has forgotten it (`recalling`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wallet.protocol.bundle import MAX_BUNDLE_BYTES, MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.purse.purse import Purse
from wallet.purse.turns import one_at_a_time

_ROOM: Final = MAX_BUNDLE_BYTES - 4_096
DEFAULT_LIMIT: Final = 100
"""Transfers in one upload."""


@one_at_a_time
class Uploads:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def next(
        self,
        limit: int = DEFAULT_LIMIT,
        passed: Collection[bytes] = (),
        again: Collection[bytes] = (),
    ) -> Bundle:
        """The next bundle of at most ``limit`` transfers, without those in ``passed`` (answered as waiting before
        in this round); those in ``again`` though they have a verdict. An empty bundle: there is nothing left."""
        load = _Load()
        for txid in self._wanted(again):
            if txid in passed:
                continue
            if len(load.transfers) >= min(limit, MAX_BUNDLE_ITEMS) or not self._add(load, txid):
                break
        return load.bundle()

    def _wanted(self, again: Collection[bytes]) -> list[bytes]:
        store = self._purse.store
        rows = store.rows("SELECT txid, position FROM unanswered")
        places = {row["txid"]: row["position"] for row in rows}
        for txid in again:
            places[txid] = store.value("SELECT position FROM transfer WHERE id = ?", txid)
        return sorted(places, key=lambda txid: int(places[txid]))

    def _add(self, load: _Load, txid: bytes) -> bool:
        objects = self._purse.objects
        transfer = objects.transfer(txid)
        parents = {ref.txid for ref in transfer.body.inputs}
        issuances = {
            parent: objects.issuance(parent) for parent in parents if not objects.has_transfer(parent)
        }
        signer = objects.signer(txid)
        purpose = transfer.body.purpose
        request = objects.request(purpose) if isinstance(purpose, bytes) else None
        return load.add(transfer, issuances, signer, request)


class _Load:
    """A bundle that grows while it has room."""

    def __init__(self) -> None:
        self.transfers: list[Signed[Transfer]] = []
        self._issuances: dict[bytes, Signed[Issuance]] = {}
        self._certificates: dict[bytes, Signed[Certificate]] = {}
        self._requests: dict[bytes, Signed[Request]] = {}
        self._bytes = 0

    def add(
        self,
        transfer: Signed[Transfer],
        issuances: dict[bytes, Signed[Issuance]],
        signer: Signed[Certificate],
        request: Signed[Request] | None,
    ) -> bool:
        """Whether it fitted."""
        fresh_issuances = {key: item for key, item in issuances.items() if key not in self._issuances}
        grown = len(transfer.encode()) + sum(len(item.encode()) for item in fresh_issuances.values())
        grown += 0 if signer.id in self._certificates else len(signer.encode())
        grown += 0 if request is None or request.id in self._requests else len(request.encode())
        many = max(
            len(self._issuances) + len(fresh_issuances), len(self._certificates) + 1, len(self._requests) + 1
        )
        if self.transfers and (self._bytes + grown > _ROOM or many > MAX_BUNDLE_ITEMS):
            return False
        self._bytes += grown
        self.transfers.append(transfer)
        self._issuances.update(fresh_issuances)
        self._certificates[signer.id] = signer
        if request is not None:
            self._requests[request.id] = request
        return True

    def bundle(self) -> Bundle:
        return Bundle(
            tuple(self.transfers),
            tuple(self._issuances.values()),
            tuple(self._certificates.values()),
            tuple(self._requests.values()),
        )
