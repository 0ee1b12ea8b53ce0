"""What a bank tells who lost it: the notary's words, and what it caused, numbered so that none is ever passed over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ledger_sync.bank.ports.storage import Storage
from ledger_sync.heard import PAGE
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW, World
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

EACH = 2 * PAGE // 4
"""For each writer, so that there is more than a page."""

Write = Callable[[Storage, int], None]
Read = Callable[[Storage, int], tuple[int, list[bytes]]]


def told(backend: Backend, write: Write, read: Read) -> list[bytes]:
    """All that a reader gets who goes on after each page's last number while four threads of two processes write."""
    processes = [backend.open(), backend.open()]
    reader = backend.open()
    is_over = threading.Event()

    def writer(number: int) -> None:
        for place in range(EACH):
            write(processes[number % 2], number * EACH + place)

    def reading() -> list[bytes]:
        found: list[bytes] = []
        after = 0
        while True:
            is_last = is_over.is_set()
            number, page = read(reader, after)
            found += page
            if page:
                after = number
            elif is_last:
                return found

    with ThreadPoolExecutor(5) as pool:
        result = pool.submit(reading)
        for future in [pool.submit(writer, number) for number in range(4)]:
            future.result()
        is_over.set()
        return result.result()


def test_of_the_notarys_words_none_is_passed_over(backend: Backend) -> None:
    notary = World().notary
    words: list[Signed[Consumption]] = []
    for number in range(4 * EACH):
        refs = (TokenRef(number.to_bytes(32), 0),)
        words.append(cose.sign(Consumption(number.to_bytes(32), "alatau", NOW, refs), notary.sign))

    def write(storage: Storage, number: int) -> None:
        with storage.unit.transaction():
            storage.settlements.note([words[number]], are_ours=False)

    def read(storage: Storage, after: int) -> tuple[int, list[bytes]]:
        number, page = storage.archive.statements.heard(0, after)
        return number, [statement.id for statement in page]

    assert sorted(told(backend, write, read)) == sorted(statement.id for statement in words)


def test_of_what_the_bank_caused_none_is_passed_over(backend: Backend) -> None:
    def write(storage: Storage, number: int) -> None:
        with storage.unit.transaction():
            storage.caused.note("refund", number.to_bytes(32), None, NOW)

    def read(storage: Storage, after: int) -> tuple[int, list[bytes]]:
        page = storage.caused.since(0, after)
        return (page[-1].number if page else 0), [act.cause for act in page]

    assert sorted(told(backend, write, read)) == [number.to_bytes(32) for number in range(4 * EACH)]
