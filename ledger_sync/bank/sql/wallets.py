"""Wallet ids, possessions and limits of policies upon SQL (`ledger_sync.bank.ports.wallets`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.parsed import load
from ledger_sync.bank.ports.wallets import Certified, Holder
from ledger_sync.bank.sql.once import Ever, Once
from ledger_sync.bank.sql.sets import ids, tuples
from ledger_sync.database.store import Row, Store
from ledger_sync.possession import Possession
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import Certificate, Limits

_CERTIFIED: Final = "select wallet, key, customer, device, certificate, issued, expires, policy from wallets"


class SqlWallets:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._holders: Once[bytes, Holder | None] = Once(store, lambda key: self.holders((key,)).get(key))
        self._held: Ever[bytes, Holder] = Ever(store)
        self._certified: Ever[bytes, Certified] = Ever(store)
        self._newest_limits = Once(store, self._read_newest_limits)
        self._limits = Once(store, self._read_limits_since)

    def certify(self, certified: Certified, after: bytes | None) -> bool:
        with self._store.transaction():
            newest = self.newest(certified.key)
            is_as_seen = (None if newest is None else newest.wallet) == after
            is_nobody_elses = newest is None or newest.holder.account == certified.holder.account
            return is_as_seen and is_nobody_elses and self.learn(certified)

    def learn(self, certified: Certified) -> bool:
        self._holders.forget()
        self._held.written()
        self._certified.written()
        return self._store.insert(
            "wallets",
            wallet=certified.wallet,
            key=certified.key,
            customer=certified.holder.account,
            device=certified.holder.device,
            certificate=certified.certificate,
            issued=certified.issued,
            expires=certified.expires,
            policy=certified.policy,
        )

    def get(self, wallet: bytes) -> Certified | None:
        return _certified(self._store.row(f"{_CERTIFIED} where wallet = ?", (wallet,)))

    def get_each(self, wallets: Collection[bytes]) -> Mapping[bytes, Certified]:
        return self._certified.get_each(wallets, self._read_certified)

    def _read_certified(self, wallets: Collection[bytes]) -> Mapping[bytes, Certified]:
        found = (
            _certified(row)
            for places, values in ids(wallets)
            for row in self._store.rows(f"{_CERTIFIED} where wallet in {places}", values)
        )
        return {certified.wallet: certified for certified in found if certified is not None}

    def newest(self, key: bytes) -> Certified | None:
        sql = f"{_CERTIFIED} where key = ? order by expires desc, wallet limit 1"
        return _certified(self._store.row(sql, (key,)))

    def holder(self, key: bytes) -> Holder | None:
        return self._holders.get(key)

    def holders(self, keys: Collection[bytes]) -> Mapping[bytes, Holder]:
        return self._held.get_each(keys, self._read_holders)

    def _read_holders(self, keys: Collection[bytes]) -> Mapping[bytes, Holder]:
        found: dict[bytes, Holder] = {}
        for table, values in tuples([(key,) for key in keys]):
            sql = (
                f"with named (key) as {table} select n.key, w.customer, w.device from named n"
                " join wallets w on w.wallet = (select x.wallet from wallets x where x.key = n.key limit 1)"
            )
            found.update((key, Holder(*row)) for key, *row in self._store.rows(sql, values))
        return found

    def unexpired(self, account: str, now: int, but_of: bytes = b"") -> Sequence[bytes]:
        rows = self._store.rows(
            "select wallet from wallets where customer = ? and expires >= ? and device <> ? order by wallet",
            (account, now, but_of),
        )
        return [row[0] for row in rows]

    def count_unexpired(self, device: bytes, now: int) -> int:
        sql = "select count(*) from wallets where device = ? and expires >= ?"
        return int(self._store.value(sql, (device, now)))

    # possession

    def keep_possession(self, device: bytes, key: bytes, proof: bytes) -> bool:
        return self._store.insert("possessions", device=device, key=key, proof=proof)

    def possessions(self, device: bytes, after: bytes, most: int) -> Sequence[tuple[bytes, bytes]]:
        rows = self._store.rows(
            "select key, proof from possessions where device = ? and key > ? order by key limit ?",
            (device, after, most),
        )
        return [(key, proof) for key, proof in rows]

    def possession(self, key: bytes, certificate: bytes | None = None) -> Possession | None:
        which, values = (
            ("", (key,)) if certificate is None else (" and w.certificate = ?", (key, certificate))
        )
        row = self._store.row(
            "select c.payload, c.signature, p.device, p.proof from wallets w"
            " join possessions p on p.device = w.device and p.key = w.key"
            f" join certificates c on c.id = w.certificate where w.key = ?{which}"
            " order by w.expires desc, w.wallet limit 1",
            values,
        )
        return None if row is None else Possession(load(Certificate, row[0], row[1]), row[2], row[3])

    # limits of policies

    def note_limits(self, limits: Limits) -> int:
        newest = self._newest_limits.get(None)
        if newest is not None and newest[1] == limits:
            return newest[0]
        with self._store.transaction():
            newest = self._newest_limits.get(None)
            if newest is None or newest[1] != limits:
                self._store.insert("policy_limits", limits=codec.encode(limits.to_cbor()))
                self._newest_limits.forget()
                self._limits.forget()
                newest = self._newest_limits.get(None)
            assert newest is not None
            return newest[0]

    def _read_newest_limits(self, _: None) -> tuple[int, Limits] | None:
        row = self._store.row("select number, limits from policy_limits order by number desc limit 1")
        return None if row is None else (row[0], _read_limits(row[1]))

    def limits_since(self, number: int) -> Sequence[Limits]:
        return self._limits.get(number)

    def _read_limits_since(self, number: int) -> Sequence[Limits]:
        rows = self._store.rows(
            "select limits from policy_limits where number >= ? order by number", (number,)
        )
        return [_read_limits(row[0]) for row in rows]


def _certified(row: Row | None) -> Certified | None:
    """The wallet id in a row of ``_CERTIFIED``."""
    if row is None:
        return None
    wallet, key, account, device, certificate, issued, expires, policy = row
    return Certified(wallet, key, Holder(account, device), certificate, issued, expires, policy)


def _read_limits(raw: bytes) -> Limits:
    return Limits.from_cbor(codec.decode(raw, MAX_OBJECT_BYTES))
