"""Issuances and payment requests upon SQL (`ledger_sync.bank.ports.received`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ledger_sync.bank.parsed import keep, load
from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.sql.once import Once
from ledger_sync.bank.sql.sets import ids
from ledger_sync.bank.sql.shares import SqlShares
from ledger_sync.database.store import Store
from wallet.database import insertion
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request, request_ref
from wallet.protocol.settlement import Verdict

_REQUEST: Final = insertion(
    "requests", ("id", "ref", "payload", "signature", "uploader", "answered", "since"), unless_there=True
)


class SqlIssuances:
    """The table of issuances."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def known(self, names: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Those of these ids that are here, with their owners."""
        found: dict[bytes, bytes] = {}
        for places, values in ids(names):
            found.update(self._store.rows(f"select id, owner from issuances where id in {places}", values))
        return found

    def add(self, signed: Signed[Issuance]) -> bool:
        """Whether it is new."""
        return self._store.insert(
            "issuances",
            id=signed.id,
            owner=signed.body.owner,
            payload=signed.payload,
            signature=signed.signature,
        )

    def get(self, issuance_id: bytes) -> Signed[Issuance] | None:
        """An issuance by its id."""
        row = self._store.row("select payload, signature from issuances where id = ?", (issuance_id,))
        return None if row is None else load(Issuance, *row)


class SqlRequests:
    """The table of requests."""

    def __init__(self, store: Store, shares: SqlShares) -> None:
        self._store = store
        self._shares = shares
        self._by_ref: Once[bytes, Signed[Request] | None] = Once(store, lambda ref: self._read((ref,))[ref])

    def known(self, names: Collection[bytes]) -> frozenset[bytes]:
        """Those of these ids that are here."""
        return known(self._store, "requests", names)

    def add(self, requests: Sequence[tuple[Signed[Request], str]], now: int) -> None:
        """Keep those that are new."""
        fresh = {signed.id: signed for signed, _ in requests}
        by = {signed.id: uploader for signed, uploader in reversed(requests)}
        for name in self.known(fresh):
            del fresh[name]
        refs = {name: request_ref(signed) for name, signed in fresh.items()}
        settled = self._settled(set(refs.values()))
        self._store.run_each(
            _REQUEST,
            [
                (
                    name,
                    refs[name],
                    signed.payload,
                    signed.signature,
                    by[name],
                    int(refs[name] in settled),
                    now,
                )
                for name, signed in fresh.items()
            ],
        )
        for uploader, burden in Counter(by[name] for name, ref in refs.items() if ref not in settled).items():
            self._shares.charge(Share.REQUESTS, uploader, count=burden)
        for signed in fresh.values():
            keep(signed)
        self._by_ref.forget()

    def _settled(self, refs: Collection[bytes]) -> set[bytes]:
        """Those of these that a settled transfer answers."""
        found: set[bytes] = set()
        for places, values in ids(refs):
            sql = (
                "select distinct t.purpose from transfers t join settlements s on s.transfer = t.id"
                f" where t.purpose in {places} and s.verdict <> ?"
            )
            found.update(row[0] for row in self._store.rows(sql, (*values, int(Verdict.REFUSED))))
        return found

    def get(self, ref: bytes) -> Signed[Request] | None:
        """A request by what a transfer calls it."""
        return self._by_ref.get(ref)

    def get_each(self, refs: Collection[bytes]) -> Mapping[bytes, Signed[Request] | None]:
        """A request for each of these."""
        return self._by_ref.get_each(refs, self._read)

    def _read(self, refs: Collection[bytes]) -> Mapping[bytes, Signed[Request] | None]:
        found: dict[bytes, Signed[Request] | None] = dict.fromkeys(refs)
        for _, values in ids(refs):
            sql = (
                f"with named (ref) as (values {', '.join(['(?)'] * len(values))})"
                " select n.ref, r.payload, r.signature from named n"
                " join requests r on r.id = (select id from requests where ref = n.ref limit 1)"
            )
            for ref, payload, signature in self._store.rows(sql, values):
                found[ref] = load(Request, payload, signature)
        return found

    def answered(self, refs: Collection[bytes]) -> frozenset[bytes]:
        """Settled transfers answer them. Those of these of which a request is here."""
        here: set[bytes] = set()
        for places, values in ids(set(refs)):
            rows = self._store.rows(
                f"select ref, id, uploader, answered from requests where ref in {places}", values
            )
            here.update(row[0] for row in rows)
            open_ones = [row for row in rows if not row[3]]
            for more, names in ids([name for _, name, _, _ in open_ones]):
                self._store.run(f"update requests set answered = 1 where id in {more}", names)
            for _, _, uploader, _ in open_ones:
                self._shares.charge(Share.REQUESTS, uploader, count=-1)
        return frozenset(here)

    def drop(self, uploader: str, count: int) -> None:
        """The oldest of ``uploader`` that nothing has answered."""
        self._drop("uploader = ?", (uploader, count))

    def drop_old(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before``."""
        self._drop("since < ?", (before, count))

    def _drop(self, which: str, values: Sequence[Any]) -> None:
        rows = self._store.rows(
            f"select id, uploader from requests where answered = 0 and {which} order by since limit ?", values
        )
        self._by_ref.forget()
        for request_id, uploader in rows:
            self._store.run("delete from requests where id = ?", (request_id,))
            self._shares.charge(Share.REQUESTS, uploader, count=-1)


def known(store: Store, table: str, names: Collection[bytes]) -> frozenset[bytes]:
    found: set[bytes] = set()
    for places, values in ids(names):
        found.update(row[0] for row in store.rows(f"select id from {table} where id in {places}", values))
    return frozenset(found)
