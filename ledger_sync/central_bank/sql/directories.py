"""Signed directories upon SQL (`ledger_sync.central_bank.ports.directories`)."""

from __future__ import annotations

from ledger_sync.database.store import Store
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.directory import DirectoryBody, DirectoryBody2


class SqlDirectoryForms:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def first(self) -> Signed[DirectoryBody] | None:
        raw = self._store.value("select raw from directory")
        return None if raw is None else cose.parse(DirectoryBody, raw)

    def keep_first(self, signed: Signed[DirectoryBody]) -> bool:
        return self._store.insert("directory", one=1, raw=signed.encode())

    def second(self) -> list[tuple[bytes, Signed[DirectoryBody2]]]:
        rows = self._store.rows("select root, raw from directories")
        return [(root, cose.parse(DirectoryBody2, raw)) for root, raw in rows]

    def keep_second(self, root: bytes, signed: Signed[DirectoryBody2]) -> bool:
        raw = signed.encode()
        return self._store.insert("directories", version=signed.body.version, root=root, raw=raw)
