"""Received objects: what was uploaded or passed on, kept as it came, looked up by the id of its payload."""

from __future__ import annotations

from ledger_sync.bank.once import Once
from ledger_sync.bank.outputs import Outputs
from ledger_sync.bank.parsed import load
from ledger_sync.bank.received import Received
from ledger_sync.bank.shares import Shares
from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.terms import Capacity
from ledger_sync.bank.transfers import Transfers
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed


class Objects(Received, Transfers, Outputs):
    """The bank's archive. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, capacity: Capacity) -> None:
        shares = Shares(store, capacity)
        Received.__init__(self, store, shares)
        Transfers.__init__(self, store, shares)
        Outputs.__init__(self, store)
        self._signers = Once(store, self._read_signer)

    def is_valid(self, txid: bytes) -> bool:
        """Whether a transfer was judged and is valid, whatever has become of it."""
        return self.signer(txid) is not None

    def set_signer(self, txid: bytes, certificate: Signed[Certificate]) -> None:
        self._store.insert("signers", transfer=txid, certificate=certificate.id)
        self._signers.put(txid, certificate)

    def signer(self, txid: bytes) -> Signed[Certificate] | None:
        """The certificate under which a valid transfer was signed."""
        return self._signers.get(txid)

    def _read_signer(self, txid: bytes) -> Signed[Certificate] | None:
        row = self._store.row(
            "select c.payload, c.signature from signers s join certificates c on c.id = s.certificate"
            " where s.transfer = ?",
            (txid,),
        )
        return None if row is None else load(Certificate, *row)
