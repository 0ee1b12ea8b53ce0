"""Homes of a notary of before: what they hold stands, and is told, in the store of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from ledger_sync.notary.sql_store import KIND
from tests.ledger_sync.notary.backends import (
    attestor,
    consumer,
    in_file,
    item,
    opened,
    ref,
    sign,
    sign_head,
)
from tests.ledger_sync.notary.test_log import check, said
from tests.support.world import NOW
from wallet.database import migrations
from wallet.protocol import codec
from wallet.protocol.kinds import CONSUMPTION_2
from wallet.protocol.leaf import Extent
from wallet.protocol.log import LogHead
from wallet.protocol.merkle import leaf_hash
from wallet.protocol.settlement import Consumption, Consumption2

Rows = list[tuple[str, tuple[object, ...]]]
"""Statements, with {0} in the place of each value, and their values."""


def in_sqlite(folder: Path, version: int, rows: Rows) -> str:
    """The URL of a store that was left at this version."""
    with closing(sqlite3.connect(folder / "notary.db")) as db:
        for script in migrations(KIND.schema)[:version]:
            db.executescript(script)
        db.execute(f"pragma user_version = {version}")
        for sql, values in rows:
            db.execute(sql.format("?"), values)
        db.commit()
    return in_file(folder)


def in_postgres(url: str, version: int, rows: Rows) -> str:
    """As `in_sqlite`, by PostgreSQL's own versions."""
    with psycopg.connect(url) as db:
        db.execute(
            "create schema notary; set search_path = notary; create table schema_version (version bigint)"
        )
        for script in migrations(KIND.postgres)[:version]:
            db.execute(script)
        db.execute("insert into schema_version values (%s)", (version,))
        for sql, values in rows:
            db.execute(sql.format("%s"), values)
    return url


class Older:
    """A home of before there was a log: one claim was signed, one never, and the number between them is free."""

    signed = sign(Consumption(consumer("a"), "alatau", NOW, (ref(1),)))
    unsigned = Consumption(consumer("b"), "zhibek", NOW + 5, tuple(sorted([ref(2), ref(4)])))
    claims = (
        "insert into claims (number, statement, body, proof) values (1, {0}, null, {0}), (3, null, {0}, {0})"
    )
    won = "insert into won (txid, output, claim) values ({0}, 0, 1), ({0}, 0, 3), ({0}, 0, 3)"

    @classmethod
    def rows(cls) -> Rows:
        body = codec.encode(cls.unsigned.to_cbor())
        return [
            (cls.claims, (cls.signed.encode(), b"p", body, b"q")),
            (cls.won, tuple(ref(n).txid for n in (1, 2, 4))),
        ]


def check_grown_up(url: str) -> None:
    with closing(opened(url)) as store:
        again = item("b", ref(2), ref(4), bank="zhibek")
        notary = attestor(store)
        ((kept,), (made,)) = notary.commit([item("x", ref(1)), again])
        assert kept.encode() == Older.signed.encode()
        assert made.body == Older.unsigned
        assert store.log.head() is None, "nothing new was claimed"
        notary.commit([item("c", ref(3))])
        assert said(store, 3) == [Older.signed.body, Older.unsigned, said(store, 3)[2]]
        assert [one.proof for one in store.log.entries(0, 3)][:2] == [b"p", b"q"]
        check(store, [1, 2, 3])


def test_a_sqlite_home_of_before_there_was_a_log_gets_one(tmp_path: Path) -> None:
    check_grown_up(in_sqlite(tmp_path, 3, Older.rows()))


def test_a_postgresql_home_of_before_there_was_a_log_gets_one(postgres_url: str) -> None:
    check_grown_up(in_postgres(postgres_url, 1, Older.rows()))


class OneHead:
    """A home of before the notary told what is signed in its log: one claim, and a head over it."""

    body = Consumption2(consumer("a"), "alatau", NOW, (ref(1),), bytes(16))
    entry = codec.encode(body.to_cbor())
    leaf = leaf_hash(entry)
    head = LogHead(Extent(1, NOW, 7), leaf, sign_head(Extent(1, NOW, 7), leaf))
    claims = "insert into claims (number, entry, leaf, statement, proof) values (1, {0}, {0}, {0}, {0})"
    won = "insert into won (txid, output, claim) values ({0}, 0, 1)"
    log = (
        "insert into log (one, number, size, edge, time, head_size, head, answers)"
        " values (1, 7, 1, {0}, {0}, 1, {0}, 1)"
    )

    @classmethod
    def rows(cls) -> Rows:
        return [
            (cls.claims, (cls.entry, cls.leaf, None, b"p")),
            (cls.won, (ref(1).txid,)),
            (cls.log, (cls.leaf, NOW, codec.encode(cls.head.to_cbor()))),
        ]


def check_told(url: str) -> None:
    with closing(opened(url)) as store:
        told = attestor(store).lookup([ref(1)], CONSUMPTION_2)
        assert [said and said.payload for said in told] == [OneHead.entry]
        assert store.log.head() == OneHead.head, "that is good for it still"
        against = sign(Consumption(consumer("z"), "alatau", NOW, (ref(1),)))
        store.begin_anew()
        assert store.learn([against]) == [against]


def test_a_sqlite_home_with_a_head_tells_what_is_under_it(tmp_path: Path) -> None:
    check_told(in_sqlite(tmp_path, 5, OneHead.rows()))


def test_a_postgresql_home_with_a_head_tells_what_is_under_it(postgres_url: str) -> None:
    check_told(in_postgres(postgres_url, 3, OneHead.rows()))
