"""Received objects but transfers: certificates, issuances and payment requests, kept as they came.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ledger_sync.bank.once import Once
from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.shares import Share, Shares
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.bounds import MAX_BANKS
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Verdict
from wallet.protocol.validity import choose_certificate


class Received:
    """The tables of them. Reads and writes within the caller's transaction."""

    def __init__(self, store: Store, shares: Shares) -> None:
        self._store = store
        self.shares = shares
        self._banks = Once(store, self._read_banks)
        self._certificates = Once(store, self._read_certificates)
        self._has_certificate = Once(store, partial(self.knows, "certificates"))

    def knows(self, table: str, object_key: bytes) -> bool:
        return self._store.row(f"select 1 from {table} where id = ?", (object_key,)) is not None

    def add_certificate(self, signed: Signed[Certificate]) -> bool:
        body = signed.body
        keep(signed)
        self._banks.forget()
        self._certificates.forget()
        self._has_certificate.put(signed.id, True)
        return self._store.insert(
            "certificates",
            id=signed.id,
            key=body.key,
            bank=body.bank,
            expires=body.expires,
            payload=signed.payload,
            signature=signed.signature,
        )

    def knows_certificate(self, certificate_id: bytes) -> bool:
        return self._has_certificate.get(certificate_id)

    def certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        return self._certificates.get(key)

    def _read_certificates(self, key: bytes) -> Sequence[Signed[Certificate]]:
        rows = self._store.rows("select payload, signature from certificates where key = ?", (key,))
        return [load(Certificate, *row) for row in rows]

    def certificate(self, certificate_id: bytes) -> Signed[Certificate] | None:
        row = self._store.row("select payload, signature from certificates where id = ?", (certificate_id,))
        return None if row is None else load(Certificate, *row)

    def certificate_for(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that covers ``time``, or its last to expire; None where there is none. Those of
        the bank ``first`` come before all others."""
        held = self.certificates(key)
        held = [item for item in held if item.body.bank == first] or held
        return choose_certificate(held, key, time) if held else None

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``, as far as certificates of it are at hand. Any bank can certify any key,
        so that one of them does says nothing against the others."""
        return self._banks.get(key)

    def _read_banks(self, key: bytes) -> Sequence[str]:
        sql = "select distinct bank from certificates where key = ? order by bank limit ?"
        return [row[0] for row in self._store.rows(sql, (key, MAX_BANKS))]

    def add_issuance(self, signed: Signed[Issuance]) -> bool:
        return self._store.insert(
            "issuances",
            id=signed.id,
            owner=signed.body.owner,
            payload=signed.payload,
            signature=signed.signature,
        )

    def issuance(self, issuance_id: bytes) -> Signed[Issuance] | None:
        row = self._store.row("select payload, signature from issuances where id = ?", (issuance_id,))
        return None if row is None else load(Issuance, *row)

    def add_request(self, signed: Signed[Request], uploader: str, now: int) -> bool:
        keep(signed)
        ref = request_ref(signed)
        sql = (
            "select 1 from transfers t join settlements s on s.transfer = t.id"
            " where t.purpose = ? and s.verdict <> ? limit 1"
        )
        answered = self._store.row(sql, (ref, int(Verdict.REFUSED))) is not None
        is_new = self._store.insert(
            "requests",
            id=signed.id,
            ref=ref,
            payload=signed.payload,
            signature=signed.signature,
            uploader=uploader,
            answered=int(answered),
            since=now,
        )
        if is_new and not answered:
            self.shares.charge(Share.REQUESTS, uploader)
        return is_new

    def answer_requests(self, ref: bytes) -> None:
        """A settled transfer answers them: they are no burden any more."""
        rows = self._store.rows("select id, uploader from requests where ref = ? and answered = 0", (ref,))
        for request_id, uploader in rows:
            self._store.run("update requests set answered = 1 where id = ?", (request_id,))
            self.shares.charge(Share.REQUESTS, uploader, count=-1)

    def drop_requests(self, uploader: str, count: int) -> None:
        """The oldest that nothing has answered."""
        self._drop_requests("uploader = ?", (uploader, count))

    def drop_old_requests(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before`` (unix seconds)."""
        self._drop_requests("since < ?", (before, count))

    def _drop_requests(self, which: str, values: Sequence[Any]) -> None:
        rows = self._store.rows(
            f"select id, uploader from requests where answered = 0 and {which} order by since limit ?", values
        )
        for request_id, uploader in rows:
            self._store.run("delete from requests where id = ?", (request_id,))
            self.shares.charge(Share.REQUESTS, uploader, count=-1)

    def request(self, ref: bytes) -> Signed[Request] | None:
        row = self._store.row("select payload, signature from requests where ref = ? limit 1", (ref,))
        return None if row is None else load(Request, *row)
