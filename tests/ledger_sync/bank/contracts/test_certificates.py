"""The certificates' contract: the one that covers a time is found as if all were read, and next to none is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.bank.ports.received import Certificates
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.inside import storage_in
from tests.ledger_sync.statements import connections_of, steps_of
from tests.support.world import NOW, Key, World
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.validity import choose_certificate

BANKS = ("alatau", "hostile", "zhibek")
END = 60
"""Of the times that are asked for, from 0 on, in seconds after `NOW`."""
KEY = Key.of("certified").public
_names = count()
_body = World().person("asel").certificate.body

spans = st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted)
given_out = st.lists(st.tuples(st.sampled_from(BANKS), spans), max_size=24)


def certificate(key: bytes, bank: str, issued: int, expires: int, number: int) -> Signed[Certificate]:
    """One that nobody signed: whoever stores it has checked that."""
    body = Certificate(
        bank=bank,
        wallet=number.to_bytes(16, "big"),
        key=key,
        issued=NOW + issued,
        expires=NOW + expires,
        kind=_body.kind,
        limits=_body.limits,
        total=0,
    )
    return cose.sign(body, lambda _message: bytes(64))


def new_key() -> bytes:
    """One that has no certificates yet."""
    return Key.of(f"certified {next(_names)}").public


def expected(
    held: Sequence[Signed[Certificate]], key: bytes, time: int, first: str
) -> Signed[Certificate] | None:
    """Out of all of them."""
    held = [one for one in held if one.body.bank == first] or held
    return choose_certificate(held, key, time) if held else None


def check(certificates: Certificates, held: Sequence[Signed[Certificate]], key: bytes) -> None:
    """Everything that is asked of a key, beside a list of all its certificates."""
    assert certificates.banks_of(key) == sorted({one.body.bank for one in held})
    for bank in BANKS:
        of_bank = [one for one in held if one.body.bank == bank]
        assert sorted(certificates.of_bank(key, bank), key=lambda one: one.id) == sorted(
            of_bank, key=lambda one: one.id
        )
    for time in range(NOW - 1, NOW + END + 2):
        for first in ("", *BANKS):
            assert certificates.covering(key, time, first) == expected(held, key, time, first)
        in_force = list(certificates.in_force(key, time, "hostile"))
        covering = [one for one in held if one.body.issued <= time <= one.body.expires]
        assert in_force == sorted(
            covering,
            key=lambda one: (
                one.body.bank != "hostile",
                one.body.bank,
                one.body.expires,
                one.id,
            ),
        )


def test_what_covers_a_time_is_found_in_whatever_order_certificates_came(
    storage: Storage, some: settings
) -> None:
    @some
    @given(given_out=given_out)
    def beside_a_list_of_all(given_out: list[tuple[str, list[int]]]) -> None:
        certificates, key = storage.archive.certificates, new_key()
        made = [
            certificate(key, bank, span[0], span[1], number) for number, (bank, span) in enumerate(given_out)
        ]
        for one in made:
            assert certificates.add(one)
        for one in made:
            assert not certificates.add(one)
        check(certificates, made, key)
        with storage.unit.transaction():
            certificates.prepare((key, new_key()))
            check(certificates, made, key)

    beside_a_list_of_all()


def test_keys_with_many_certificates_are_asked_for_together_with_others(storage: Storage) -> None:
    """More than are read together: each answers as if it had been asked for alone."""
    certificates = storage.archive.certificates
    keys = [new_key() for _ in range(12)]
    held = {
        key: [certificate(key, BANKS[at % 3], at, at + 2, at) for at in range(30 if place % 2 else 1)]
        for place, key in enumerate(keys)
    }
    with storage.unit.transaction():
        for together in held.values():
            for one in together:
                certificates.add(one)
    with storage.unit.transaction():
        certificates.prepare(keys)
        for key, together in held.items():
            check(certificates, together, key)


# what it costs

SHAPES: dict[str, Callable[[int], tuple[int, int]]] = {
    "all alike": lambda _at: (0, END),
    "one within another": lambda at: (at, 20_000 - at),
    "one after another": lambda at: (100 + 2 * at, 101 + 2 * at),
    "later and later": lambda at: (100 + at, 20_000 + at),
}
"""How a bank may spread certificates of one key over time, by their number."""
MANY = 5_000
MOST = 800
"""Steps of SQLite's machine for one question; reading five thousand rows takes tens of thousands."""


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_five_thousand_certificates_of_a_hostile_bank_cost_nothing(tmp_path: Path, shape: str) -> None:
    storage = storage_in(tmp_path / "bank.db")
    certificates, key = storage.archive.certificates, new_key()
    own = certificate(key, "alatau", 0, END, MANY)
    with storage.unit.transaction():
        certificates.add(own)
        for at in range(MANY):
            certificates.add(certificate(key, "hostile", *SHAPES[shape](at), at))
    questions: list[Callable[[], object]] = [
        lambda: certificates.covering(key, NOW + 5),
        lambda: certificates.covering(key, NOW + 5, "alatau"),
        lambda: certificates.covering(key, NOW + 15_000),
        lambda: certificates.banks_of(key),
        lambda: next(certificates.in_force(key, NOW + 5, "alatau")),
        lambda: certificates.of_bank(key, "alatau"),
        lambda: certificates.prepare((key,)),
        lambda: certificates.add(certificate(key, "hostile", 50, 99, MANY + 1)),
    ]
    for question in questions:
        with steps_of(*connections_of(storage.store)) as steps:
            question()
            assert steps() < MOST
    with steps_of(*connections_of(storage.store)) as steps:
        covering = list(certificates.in_force(key, NOW + 5, "alatau"))
        assert steps() < 10 * MOST
    assert covering[0] == own
    storage.close()


def test_all_of_ones_own_banks_certificates_are_looked_at_and_not_all_of_anothers(tmp_path: Path) -> None:
    storage = storage_in(tmp_path / "bank.db")
    certificates, key = storage.archive.certificates, new_key()
    with storage.unit.transaction():
        for at in range(300):
            for bank in BANKS:
                certificates.add(certificate(key, bank, 0, END, at))
    for first in BANKS:
        by = Counter(one.body.bank for one in certificates.in_force(key, NOW, first))
        assert by == {bank: 300 if bank == first else 256 for bank in BANKS}
    storage.close()


def test_a_store_of_before_finds_what_prevails_when_it_is_opened(tmp_path: Path) -> None:
    made = [certificate(KEY, BANKS[at % 3], at % 7, 3 * at % 50, at) for at in range(7, 24)]
    earlier = storage_in(tmp_path / "bank.db")
    for one in made:
        earlier.archive.certificates.add(one)
    earlier.store.run("delete from prevailing")
    earlier.close()
    storage = storage_in(tmp_path / "bank.db")
    check(storage.archive.certificates, made, KEY)
    storage.close()
