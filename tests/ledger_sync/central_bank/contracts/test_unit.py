"""The contract of a transaction: all of it or nothing, seen by nobody before its end; readers wait for no writer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ledger_sync.central_bank.ports.books import ISSUED, OUTSTANDING, position
from ledger_sync.central_bank.ports.storage import Storage
from wallet.protocol.transfer import TokenRef

REF = TokenRef(bytes(32), 0)


def issue(storage: Storage, amount: int = 10) -> None:
    storage.books.book("issue", b"one", 1, {position("alatau"): amount, ISSUED: -amount}, ())


def fail_after(storage: Storage, *works: Callable[[], object]) -> None:
    with storage.transaction():
        for work in works:
            work()
        raise KeyError


def test_all_of_it_stands_or_nothing(storage: Storage, other: Storage) -> None:
    with pytest.raises(KeyError):
        fail_after(storage, lambda: issue(storage), lambda: storage.winners.keep(REF, b"a"))
    assert (other.books.balance(ISSUED), storage.books.sums().issued) == (0, 0)
    assert other.winners.keep(REF, b"b") == b"b"
    with storage.transaction():
        issue(storage)
    assert other.books.balance(ISSUED) == -10


def test_a_transaction_inside_another_is_a_part_of_it(storage: Storage, other: Storage) -> None:
    seen: list[tuple[int, int]] = []

    def inner() -> None:
        with storage.transaction():
            issue(storage)
        seen.append((storage.books.balance(ISSUED), other.books.balance(ISSUED)))

    with pytest.raises(KeyError):
        fail_after(storage, inner)
    assert seen == [(-10, 0)]
    assert storage.books.balance(ISSUED) == 0


def test_what_is_read_outside_waits_for_no_writer(storage: Storage, other: Storage) -> None:
    """Not even of the same storage."""
    issue(storage)
    seen: list[int] = []

    def look() -> None:
        seen.extend(reader.books.balance(OUTSTANDING) for reader in (storage, other))

    with storage.transaction():
        storage.books.book("funding", b"two", 1, {position("alatau"): -4, OUTSTANDING: 4}, ())
        reader = threading.Thread(target=look)
        reader.start()
        reader.join(60)
        assert seen == [0, 0]
    assert other.books.balance(OUTSTANDING) == 4


def test_whoever_writes_meanwhile_waits_and_sees_what_was_written(storage: Storage, other: Storage) -> None:
    stood: list[bytes] = []
    with storage.transaction():
        writer = threading.Thread(target=lambda: stood.append(other.winners.keep(REF, b"late")))
        writer.start()
        storage.winners.keep(REF, b"first")
    writer.join(60)
    assert stood == [b"first"]
