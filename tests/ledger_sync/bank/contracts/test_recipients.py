"""The recipients' contract: what concerns a key is found by it, and so are the banks that have certified it."""

from __future__ import annotations

import pytest

from ledger_sync.bank.ports.recipients import Recipients
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import Chain
from tests.ledger_sync.bank.contracts.conftest import Backend

ONE, TWO = b"\1" * 32, b"\2" * 32


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage)


@pytest.fixture
def recipients(storage: Storage) -> Recipients:
    return storage.recipients


def test_what_concerns_a_key_is_kept_once(chain: Chain, recipients: Recipients, backend: Backend) -> None:
    key, other = (person.key.public for person in chain.people[:2])
    recipients.add([(key, TWO), (key, ONE), (other, ONE)])
    backend.open().recipients.add([(key, ONE)])
    assert recipients.concerning(key, b"", 9) == [ONE, TWO]
    assert recipients.concerning(key, b"", 1) == [ONE]
    assert recipients.concerning(key, ONE, 1) == [TWO]
    assert recipients.concerning(other, b"", 9) == [ONE]
    assert recipients.concerning(TWO, b"", 9) == []


def test_the_first_certificate_of_a_key_by_a_bank_is_told_from_later_ones(
    chain: Chain, recipients: Recipients
) -> None:
    first, later = chain.people[1].certificate, chain.world.person("person 1", total=1).certificate
    assert recipients.is_first(first)
    assert not recipients.is_first(later)
    assert recipients.is_first(chain.world.person("person 1", bank="zhibek").certificate)


def test_who_brought_a_transfer_is_known(chain: Chain, recipients: Recipients) -> None:
    txid = chain.ids[0]
    assert not recipients.brought(txid, "bank:zhibek", whole=False)
    chain.uploaded(txid, "bank:zhibek")
    assert recipients.brought(txid, "bank:zhibek", whole=False)
    assert not recipients.brought(txid, "bank:zhibek", whole=True)
    assert not recipients.brought(txid, "bank:alatau", whole=False)


def test_a_verdict_is_for_who_brought_its_transfer_or_has_it_listed(chain: Chain, storage: Storage) -> None:
    one, two, three = chain.ids
    chain.uploaded(one, "customer:a")
    account = chain.listed(two)
    told = storage.settlements.concerning(chain.ids, "customer:a", account)
    assert sorted(told) == sorted([one, two])
    assert storage.settlements.concerning([two], "customer:a", "another") == []
    assert storage.settlements.concerning([one, three], "customer:b", account) == []
