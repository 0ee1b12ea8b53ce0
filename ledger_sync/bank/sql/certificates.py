"""Certificates upon SQL (`ledger_sync.bank.ports.received`).

Rule: of what a bank gave a key, only those prevail that are the last to expire of all issued by then. They stand in
one order by both dates, so that which one covers a time is one look into an index, and whatever does not prevail is
never read for that (docs/decisions/verdicts.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.sql.once import Once
from ledger_sync.bank.sql.received import known
from ledger_sync.bank.sql.sets import ids
from ledger_sync.database.store import Row, Store
from wallet.protocol.bounds import MAX_BANKS, MAX_CERTIFICATE_LIFE
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.validity import choose_certificate

_FEW: Final = 16
"""Prevailing certificates of one key that are read together; of a key with more, each is looked up."""
_TOGETHER: Final = 4
"""Rows for each of several keys that are read together, on average; a single one may have the few."""
_PAGE: Final = 64
_PAGES: Final = 4
"""Of another bank's certificates that have not expired at a time: the first to expire, among which those that cover it
are looked for. An honest bank, whose certificates are all good for as long, has half as many for a device."""
_OBJECT: Final = "select c.payload, c.signature from prevailing p join certificates c on c.id = p.certificate"
_PREVAILING: Final = (
    "select p.key, c.payload, c.signature from prevailing p join certificates c on c.id = p.certificate"
)

Held = Sequence[Signed[Certificate]] | None
"""What prevails of a key; None where that is too much to be read together."""


class SqlCertificates:
    """The tables of certificates, and of those that prevail."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: Once[bytes, Held] = Once(store, self._read_one)
        self._fill()

    def known(self, names: Collection[bytes]) -> frozenset[bytes]:
        """Those of these ids that are here."""
        return known(self._store, "certificates", names)

    def add(self, signed: Signed[Certificate]) -> bool:
        """Whether it is new."""
        keep(signed)
        self._held.forget()
        with self._store.transaction():
            is_new = self._store.insert(
                "certificates",
                id=signed.id,
                key=signed.body.key,
                bank=signed.body.bank,
                expires=signed.body.expires,
                payload=signed.payload,
                signature=signed.signature,
            )
            if is_new:
                self._place(signed.id, signed.body)
        return is_new

    def get(self, certificate_id: bytes) -> Signed[Certificate] | None:
        """A certificate by its id."""
        row = self._store.row("select payload, signature from certificates where id = ?", (certificate_id,))
        return None if row is None else load(Certificate, *row)

    # what prevails

    def _place(self, certificate_id: bytes, body: Certificate) -> None:
        """Among those that prevail, in place of those for which it does, unless another does for it."""
        of, rank = (body.key, body.bank), (body.expires, certificate_id)
        before = self._store.row(
            "select expires, certificate from prevailing where key = ? and bank = ? and issued <= ?"
            " order by issued desc limit 1",
            (*of, body.issued),
        )
        if before is not None and before > rank:
            return
        while (after := self._next(*of, body.issued)) is not None and after[1:] < rank:
            self._store.run(
                "delete from prevailing where key = ? and bank = ? and issued = ?", (*of, after[0])
            )
        self._store.insert(
            "prevailing",
            key=body.key,
            bank=body.bank,
            issued=body.issued,
            expires=body.expires,
            certificate=certificate_id,
        )

    def _next(self, key: bytes, bank: str, issued: int) -> Row | None:
        return self._store.row(
            "select issued, expires, certificate from prevailing where key = ? and bank = ? and issued >= ?"
            " order by issued limit 1",
            (key, bank, issued),
        )

    def _fill(self) -> None:
        """In a store of before there was such a table, once."""
        is_filled = "select not exists (select 1 from certificates) or exists (select 1 from prevailing)"
        if self._store.value(is_filled):
            return
        with self._store.transaction():
            if not self._store.value(is_filled):
                for row in self._store.rows("select id, payload, signature from certificates"):
                    self._place(row[0], load(Certificate, *row[1:]).body)

    # looking up

    def prepare(self, keys: Collection[bytes]) -> None:
        """These keys are asked for next."""
        self._held.get_each(keys, self._read)

    def _read(self, keys: Collection[bytes]) -> Mapping[bytes, Held]:
        found: dict[bytes, Held] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), _PAGE):
            piece = wanted[start : start + _PAGE]
            most = max(_FEW, _TOGETHER * len(piece))
            rows = [row for places, values in ids(piece) for row in self._rows(places, values, most + 1)]
            if len(rows) > most:
                found.update((key, self._read_one(key)) for key in piece)
                continue
            parts: dict[bytes, list[Signed[Certificate]]] = {key: [] for key in piece}
            for key, payload, signature in rows:
                parts[key].append(load(Certificate, payload, signature))
            found.update(parts)
        return found

    def _rows(self, places: str, values: Sequence[bytes | None], limit: int) -> list[Row]:
        return self._store.rows(f"{_PREVAILING} where p.key in {places} limit ?", (*values, limit))

    def _read_one(self, key: bytes) -> Held:
        rows = self._store.rows(f"{_PREVAILING} where p.key = ? limit {_FEW + 1}", (key,))
        return None if len(rows) > _FEW else [load(Certificate, *row[1:]) for row in rows]

    def covering(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that is in force at ``time``."""
        held = self._held.get(key)
        if held is None:
            banks = self.banks_of(key)
            found = (self._at(key, bank, time) for bank in ([first] if first in banks else banks))
            held = [signed for signed in found if signed is not None]
        else:
            held = [signed for signed in held if signed.body.bank == first] or held
        return choose_certificate(held, key, time) if held else None

    def _at(self, key: bytes, bank: str, time: int) -> Signed[Certificate] | None:
        """Of one bank's: the last that was issued by then, or else the last of all."""
        of, last = f"{_OBJECT} where p.key = ? and p.bank = ?", "order by p.issued desc limit 1"
        row = self._store.row(f"{of} and p.issued <= ? {last}", (key, bank, time))
        row = row or self._store.row(f"{of} {last}", (key, bank))
        return None if row is None else load(Certificate, *row)

    def in_force(self, key: bytes, time: int, first: str = "") -> Iterator[Signed[Certificate]]:
        """All that cover ``time`` of the bank ``first``, page by page, and of any other's those among some pages."""
        for bank in sorted(self.banks_of(key), key=lambda bank: (bank != first, bank)):
            after: tuple[int, bytes] = (time, b"")
            for page in count(1):
                rows = self._store.rows(
                    "select expires, id, payload, signature from certificates where key = ? and bank = ?"
                    " and expires <= ? and (expires, id) > (?, ?) order by expires, id limit ?",
                    (key, bank, time + MAX_CERTIFICATE_LIFE, *after, _PAGE),
                )
                held = [load(Certificate, *row[2:]) for row in rows]
                yield from (signed for signed in held if signed.body.issued <= time)
                if len(rows) < _PAGE or (bank != first and page == _PAGES):
                    break
                after = rows[-1][0], rows[-1][1]

    def of_bank(self, key: bytes, bank: str) -> Sequence[Signed[Certificate]]:
        """All that a bank gave a key."""
        sql = "select payload, signature from certificates where key = ? and bank = ? order by expires, id"
        return [load(Certificate, *row) for row in self._store.rows(sql, (key, bank))]

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``."""
        held = self._held.get(key)
        if held is not None:
            return sorted({signed.body.bank for signed in held})[:MAX_BANKS]
        banks: list[str] = []
        sql = "select min(bank) from prevailing where key = ? and bank > ?"
        while len(banks) < MAX_BANKS:
            bank = self._store.value(sql, (key, banks[-1] if banks else ""))
            if bank is None:
                break
            banks.append(bank)
        return banks
