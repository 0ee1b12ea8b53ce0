"""The conflicts' contract: whose payload is awaited by whom, and what became of that."""

from __future__ import annotations

import pytest

from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import Chain


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage)


def test_a_payload_is_awaited_until_it_comes(chain: Chain) -> None:
    conflicts = chain.storage.conflicts
    one, two, wanted = chain.ids
    for txid in (one, two):
        conflicts.lacks(txid, wanted)
    conflicts.lacks(one, wanted)
    assert sorted(conflicts.lacking(wanted)) == sorted([one, two])
    assert conflicts.lacking_each([wanted, bytes(32)]) == {wanted: sorted([one, two])}
    assert conflicts.wanted_by(chain.ids) == {one: [wanted], two: [wanted]}
    conflicts.lacks_no_more(one, [wanted])
    assert conflicts.lacking(wanted) == [two]


def test_what_nobody_shows_is_awaited_no_longer_and_that_stands(chain: Chain) -> None:
    conflicts = chain.storage.conflicts
    one, two, wanted = chain.ids
    for txid in (one, two):
        conflicts.lacks(txid, wanted)
    conflicts.was_not_shown(one, wanted)
    conflicts.was_not_shown(one, wanted)
    assert conflicts.lacking(wanted) == [two]
    assert conflicts.not_shown(one) == {wanted}
    assert conflicts.not_shown(two) == set()
    conflicts.was_shown(one, wanted)
    assert (conflicts.not_shown(one), conflicts.shown(one)) == ({wanted}, set())


def test_what_was_shown_is_awaited_no_longer_and_that_stands(chain: Chain) -> None:
    conflicts = chain.storage.conflicts
    one, two, wanted = chain.ids
    for txid in (one, two):
        conflicts.lacks(txid, wanted)
    conflicts.was_shown(one, wanted)
    conflicts.was_shown(one, wanted)
    conflicts.was_not_shown(one, wanted)
    assert conflicts.lacking(wanted) == [two]
    assert (conflicts.shown(one), conflicts.not_shown(one)) == ({wanted}, set())
    assert conflicts.shown(two) == set()
