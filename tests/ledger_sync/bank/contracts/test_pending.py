"""What waits and what a key has open, by the archive's contract: charged once, and found by who asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.transfers import Stage
from tests.ledger_sync.bank.contracts.chain import Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW
from wallet.protocol.transfer import ToAccount
from wallet.protocol.validity import is_signed_under

A = "customer:a"
B = "customer:b"


@pytest.fixture
def archive(storage: Storage) -> Archive:
    return storage.archive


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage, stage="waiting")


def test_who_signed_is_charged_instead_of_who_brought_it_once(storage: Storage, backend: Backend) -> None:
    chain = Chain(storage, stage="waiting")
    other = backend.open()
    with other.unit.transaction():
        shares, waiting = other.archive.shares, other.archive.waiting
        assert shares.biggest(Share.WAITING, A) == (A, 3)
        waiting.charge(chain.ids[0], "key:x")
        waiting.charge(chain.ids[0], "key:y")
        assert waiting.oldest(A, "key:x", 9) == [chain.ids[0]]
        assert waiting.oldest(A, "key:y", 9) == []
        assert shares.used(Share.WAITING, A) == 3
    with storage.unit.transaction():
        storage.archive.transfers.set_stage(chain.ids[0], Stage.COMMITTED)
        assert storage.archive.shares.used(Share.WAITING, A) == 2
        assert storage.archive.shares.biggest(Share.WAITING, A) == (A, 2)
        assert storage.archive.shares.biggest(Share.WAITING, B) == ("", 0)


def test_what_waits_is_looked_after_ever_more_seldom(chain: Chain, archive: Archive) -> None:
    def due(now: int) -> Sequence[bytes]:
        with chain.storage.unit.transaction():
            return sorted(archive.waiting.due(now, 9))

    assert due(NOW + 59) == []
    assert due(NOW + 60) == sorted(chain.ids)
    with chain.storage.unit.transaction():
        archive.waiting.looked(chain.ids, NOW + 400)
    assert due(NOW + 499) == []
    assert due(NOW + 500) == sorted(chain.ids)
    with chain.storage.unit.transaction():
        archive.waiting.looked(chain.ids, NOW + 10_000_000)
        archive.waiting.hurry(chain.ids[:1])
    assert due(NOW + 500) == sorted(chain.ids), "a clock that was far ahead holds up nothing"


def test_what_is_pending_of_a_key_is_found(chain: Chain, archive: Archive) -> None:
    signer, payee = chain.people[2].key.public, chain.people[3].key.public
    assert archive.pending.waiting_of(signer, b"", 9) == [chain.ids[2]]
    assert archive.pending.waiting_of(signer, chain.ids[2], 9) == []
    assert archive.pending.waiting_of(payee, b"", 9) == []
    assert archive.pending.ended_of(signer) == []
    with chain.storage.unit.transaction():
        archive.transfers.set_stage(chain.ids[2], Stage.COMMITTED)
    assert archive.pending.ended_of(signer) == archive.pending.waiting_of(signer, b"", 9) == [chain.ids[2]]
    assert archive.pending.concerns(signer)
    assert archive.pending.concerns(payee)
    assert not archive.pending.concerns(b"other")
    with chain.storage.unit.transaction():
        archive.transfers.set_stage(chain.ids[2], Stage.ANSWERED)
    assert not archive.pending.concerns(payee)


@pytest.mark.parametrize("what", ["payment", "redemption"])
def test_what_lacks_a_certificate_is_found_once_by_one_that_covers_it(
    chain: Chain, archive: Archive, backend: Backend, what: str
) -> None:
    made, person = chain.transfers[2], chain.people[2]
    body = made.body if what == "payment" else replace(made.body, purpose=ToAccount())
    certificate = person.certificate.body
    other = backend.open()
    pending = other.archive.pending
    for issued, expires in ((-2, -1), (-1, 0), (0, 0), (0, 1), (1, 2)):
        one = replace(certificate, issued=body.time + issued, expires=body.time + expires)
        with other.unit.transaction():
            for _ in range(2):
                pending.lack_certificate([(made.id, certificate.key, body)])
            assert pending.covered(replace(one, key=chain.people[1].key.public)) == []
            covered = pending.covered(one)
            assert covered == ([made.id] if is_signed_under(body, one) else [])
            assert pending.covered(replace(one, issued=0, expires=body.time)) == (
                [] if covered else [made.id]
            )
    with chain.storage.unit.transaction():
        archive.pending.lack_certificate([(made.id, certificate.key, body)])
        archive.transfers.forget(made.id)
        assert archive.pending.covered(replace(certificate, issued=0, expires=body.time)) == []
