"""Certificates that came, kept as they came, by the key that they certify.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.once import Once
from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.bounds import MAX_BANKS
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.validity import choose_certificate


class Certificates:
    """The table of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._banks = Once(store, self._read_banks)
        self._of = Once(store, self._read_of)
        self._known = Once(store, self._is_known)

    def _is_known(self, certificate_id: bytes) -> bool:
        return self._store.row("select 1 from certificates where id = ?", (certificate_id,)) is not None

    def add(self, signed: Signed[Certificate]) -> bool:
        body = signed.body
        keep(signed)
        self._banks.forget()
        self._of.forget()
        self._known.put(signed.id, True)
        return self._store.insert(
            "certificates",
            id=signed.id,
            key=body.key,
            bank=body.bank,
            expires=body.expires,
            payload=signed.payload,
            signature=signed.signature,
        )

    def knows(self, certificate_id: bytes) -> bool:
        return self._known.get(certificate_id)

    def of(self, key: bytes) -> Sequence[Signed[Certificate]]:
        return self._of.get(key)

    def _read_of(self, key: bytes) -> Sequence[Signed[Certificate]]:
        rows = self._store.rows("select payload, signature from certificates where key = ?", (key,))
        return [load(Certificate, *row) for row in rows]

    def get(self, certificate_id: bytes) -> Signed[Certificate] | None:
        row = self._store.row("select payload, signature from certificates where id = ?", (certificate_id,))
        return None if row is None else load(Certificate, *row)

    def covering(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that covers ``time``, or its last to expire; None where there is none. Those of
        the bank ``first`` come before all others."""
        held = self.of(key)
        held = [item for item in held if item.body.bank == first] or held
        return choose_certificate(held, key, time) if held else None

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``, as far as certificates of it are at hand. Any bank can certify any key,
        so that one of them does says nothing against the others."""
        return self._banks.get(key)

    def _read_banks(self, key: bytes) -> Sequence[str]:
        sql = "select distinct bank from certificates where key = ? order by bank limit ?"
        return [row[0] for row in self._store.rows(sql, (key, MAX_BANKS))]
