"""The archive's contract: what came is there once, as it came, whoever looks, and is charged to whom it shall be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.settlements import Answer
from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.transfers import Entry, New, Stage
from tests.ledger_sync.bank.contracts.chain import PURPOSE, Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW, Person, World
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, issued_tokens
from wallet.protocol.weight import Weight

A = "customer:a"
B = "customer:b"


@pytest.fixture
def archive(storage: Storage) -> Archive:
    return storage.archive


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage, stage="waiting")


def entry(archive: Archive, transfer: Signed[Transfer]) -> Entry:
    return archive.transfers.entries((transfer.id,))[transfer.id]


def forged(transfer: Signed[Transfer]) -> Signed[Transfer]:
    """The same payload under another signature."""
    return replace(transfer, signature=transfer.signature[:-1] + bytes([transfer.signature[-1] ^ 1]))


# certificates, issuances, requests


def test_what_is_stored_twice_is_there_once_whoever_looks(storage: Storage, backend: Backend) -> None:
    world, other = World(), backend.open()
    asel = world.person("asel")
    issuance = world.issue(asel, 1_000)
    with storage.unit.transaction():
        assert storage.archive.certificates.add(asel.certificate)
        assert storage.archive.issuances.add(issuance)
    with other.unit.transaction():
        assert not other.archive.certificates.add(asel.certificate)
        assert not other.archive.issuances.add(issuance)
    for archive in (storage.archive, other.archive):
        assert archive.certificates.known((asel.certificate.id, bytes(32))) == {asel.certificate.id}
        assert archive.certificates.get(asel.certificate.id) == asel.certificate
        assert archive.issuances.known((issuance.id, bytes(32))) == {issuance.id: asel.key.public}
        assert archive.issuances.get(issuance.id) == issuance
        assert archive.issuances.get(bytes(32)) is None


def test_certificates_of_a_key_are_those_of_every_bank(storage: Storage) -> None:
    world, archive = World(), storage.archive
    asel = world.person("asel")
    later = world.person("asel", "zhibek", expires=asel.certificate.body.expires + 100)
    key = asel.key.public
    with storage.unit.transaction():
        archive.certificates.add(asel.certificate)
        assert archive.certificates.covering(key, NOW) == asel.certificate
        archive.certificates.add(later.certificate)
        archive.certificates.prepare((key, b"other"))
        for bank, one in (("alatau", asel), ("zhibek", later)):
            assert archive.certificates.of_bank(key, bank) == [one.certificate]
        assert list(archive.certificates.in_force(key, NOW)) == [asel.certificate, later.certificate]
        assert list(archive.certificates.in_force(b"other", NOW)) == []
    assert archive.certificates.banks_of(key) == ["alatau", "zhibek"]
    assert archive.certificates.covering(key, later.certificate.body.expires) == later.certificate
    assert archive.certificates.covering(key, NOW, "alatau") == asel.certificate
    assert archive.certificates.covering(b"other", NOW) is None


def test_a_request_is_a_burden_once_until_it_is_answered_or_dropped(
    storage: Storage, backend: Backend
) -> None:
    world, requests = World(), storage.archive.requests
    asked = [world.request(world.person("asel"), amount) for amount in (100, 200, 300)]
    with storage.unit.transaction():
        requests.add([(one, A) for one in asked[:2]], NOW)
        requests.add([(one, A) for one in [*asked, asked[2]]], NOW + 1)
    other = backend.open()
    with other.unit.transaction():
        other.archive.requests.add([(one, B) for one in asked], NOW)
        assert other.archive.shares.used(Share.REQUESTS, A) == 3
        assert other.archive.shares.used(Share.REQUESTS, B) == 0
        other.archive.requests.answered([request_ref(asked[0])])
        other.archive.requests.answered([request_ref(asked[0]), request_ref(asked[0])])
        assert other.archive.shares.used(Share.REQUESTS, A) == 2
        other.archive.requests.drop(A, 1)
    assert requests.known([one.id for one in asked]) == {asked[0].id, asked[2].id}
    assert requests.get(request_ref(asked[2])) == asked[2]
    with storage.unit.transaction():
        requests.drop_old(NOW + 2, 9)
        assert storage.archive.shares.used(Share.REQUESTS, A) == 0
    assert requests.known([one.id for one in asked]) == {asked[0].id}


def test_a_request_that_a_settled_transfer_answers_is_no_burden(storage: Storage) -> None:
    chain = Chain(storage)
    asked = chain.world.request(chain.people[1], 100)
    made = chain.world.transfer(
        chain.people[0], [issued(chain)], chain.people[1].key.public, 100, request_ref(asked)
    )
    with storage.unit.transaction():
        storage.archive.transfers.add([New(made, chain.people[0].key.public, A)], NOW)
        storage.archive.transfers.sign([(made, chain.people[0].key.public)])
        storage.archive.transfers.set_stage(made.id, Stage.COMMITTED)
        storage.settlements.answer([Answer(chain.verdict(made, 100, 900), None)])
        storage.archive.requests.add([(asked, A)], NOW)
        assert storage.archive.shares.used(Share.REQUESTS, A) == 0
    assert storage.archive.requests.get(request_ref(asked)) == asked


def issued(chain: Chain) -> Token:
    return issued_tokens(chain.world.issue(chain.people[0], 1_000))[0]


# transfers


def test_a_transfer_is_there_once_with_what_became_known_of_it(chain: Chain, archive: Archive) -> None:
    first, second, _ = chain.transfers
    assert entry(archive, first) == Entry(
        first.body, Stage.WAITING, chain.people[0].key.public, first, is_valid=False
    )
    with chain.storage.unit.transaction():
        archive.transfers.add([New(first, b"another", B), New(second, None, B)], NOW + 9)
    assert entry(archive, first).owner == chain.people[0].key.public
    assert archive.waiting.since(NOW + 1, 9) == archive.waiting.since(NOW + 99, 9)
    assert archive.transfers.children([first.id, second.id, bytes(32)]) == {
        first.id: [second.id],
        second.id: [chain.ids[2]],
    }
    assert archive.transfers.entries((bytes(32),)) == {}
    assert archive.weight(second.id) == Weight(2, 1, _payloads(chain, 2))


def _payloads(chain: Chain, count: int) -> int:
    issuance = chain.world.issue(chain.people[0], 1_000)
    return len(issuance.payload) + sum(len(one.payload) for one in chain.transfers[:count])


def test_whose_inputs_they_are_may_become_known_later(storage: Storage) -> None:
    world, archive = World(), storage.archive
    asel, bolat = world.person("asel"), world.person("bolat")
    made = payment(world, asel, bolat)
    with storage.unit.transaction():
        archive.transfers.add([New(made, None, A)], NOW)
    assert entry(archive, made).owner is None
    assert archive.transfers.transfer(made.id) is None
    with storage.unit.transaction():
        archive.transfers.set_owners({made.id: asel.key.public})
        archive.transfers.sign([(made, asel.key.public), (made, asel.key.public)])
    assert archive.transfers.transfer(made.id) == made
    assert archive.transfers.owner_of(TokenRef(made.id, 0)) == bolat.key.public
    assert archive.transfers.owner_of(TokenRef(made.id, 1)) == asel.key.public
    assert archive.transfers.owner_of(TokenRef(bytes(32), 0)) is None


def payment(world: World, payer: Person, payee: Person) -> Signed[Transfer]:
    token = issued_tokens(world.issue(payer, 1_000))[0]
    return world.transfer(payer, [token], payee.key.public, 700, PURPOSE)


def test_a_bad_copy_never_hides_a_good_one(chain: Chain, archive: Archive) -> None:
    first, owner, other = chain.transfers[0], chain.people[0].key.public, b"\2" * 33
    bad = forged(first)
    with chain.storage.unit.transaction():
        archive.transfers.sign([(bad, other)])
    assert archive.transfers.transfer(first.id) == first
    assert archive.transfers.copy(first.id, other) == bad
    assert archive.transfers.any_copy(first.id) == (first, owner)
    assert archive.transfers.signers_of([bad]) == {first.id: other}
    assert archive.transfers.signers_of([first]) == {first.id: owner}
    assert not archive.transfers.has_copy(first.id, b"\3" * 33)


def test_claims_are_one_for_each_uploader_and_charged(storage: Storage) -> None:
    world, archive = World(), storage.archive
    made = payment(world, world.person("asel"), world.person("bolat"))
    with storage.unit.transaction():
        archive.transfers.add([New(made, None, A)], NOW)
        archive.transfers.claim([(made, A), (forged(made), A)])
        archive.transfers.claim([(made, B)])
        assert [archive.shares.used(Share.CLAIMS, name) for name in (A, B)] == [1, 1]
        assert sorted(one.signature for one in archive.transfers.claims([made.id])[made.id]) == sorted(
            [made.signature, forged(made).signature]
        )
        assert archive.transfers.is_signed(made.id)
        assert archive.transfers.drop_claim(made.id, A)
        assert not archive.transfers.drop_claim(made.id, A)
        archive.transfers.drop_claims([made.id])
        assert [archive.shares.used(Share.CLAIMS, name) for name in (A, B)] == [0, 0]
    assert archive.transfers.claims([made.id]) == {}
    assert not archive.transfers.is_signed(made.id)


def test_what_is_valid_is_committed_in_its_order_after_what_was_before(
    storage: Storage, backend: Backend
) -> None:
    chain = Chain(storage, 4, stage="waiting")
    pairs = [(txid, person.certificate) for txid, person in zip(chain.ids, chain.people, strict=False)]
    other = backend.open()
    with storage.unit.transaction():
        storage.archive.transfers.make_valid(pairs[:2])
    with other.unit.transaction():
        other.archive.transfers.make_valid(pairs)
        other.archive.transfers.make_valid([])
    assert [one.id for one in storage.settlements.claim(9, NOW, NOW + 9)] == chain.ids
    assert storage.archive.transfers.signer(chain.ids[0]) == chain.people[0].certificate
    assert all(entry(storage.archive, one).is_valid for one in chain.transfers)
    assert storage.archive.waiting.since(NOW + 1, 9) == []


def test_what_is_reserved_is_committed_by_who_names_it_until_it_is_anybodys(
    storage: Storage, backend: Backend
) -> None:
    chain = Chain(storage, 3, stage="waiting")
    pairs = [(txid, person.certificate) for txid, person in zip(chain.ids, chain.people, strict=False)]
    with storage.unit.transaction():
        storage.archive.transfers.make_valid(pairs, NOW + 10)
    settlements = backend.open().settlements
    assert not settlements.claim(9, NOW + 9, NOW + 69)
    assert [one.id for one in settlements.claim(9, NOW, NOW + 60, chain.ids[:1])] == chain.ids[:1]
    assert not storage.settlements.claim(9, NOW, NOW + 60, chain.ids[:1])
    assert [one.id for one in settlements.claim(9, NOW + 10, NOW + 70)] == chain.ids[1:]


def test_what_was_reserved_before_a_start_is_anybodys(storage: Storage) -> None:
    chain = Chain(storage, 1, stage="waiting")
    with storage.unit.transaction():
        storage.archive.transfers.make_valid([(chain.ids[0], chain.people[0].certificate)], NOW + 10)
    storage.settlements.release_all()
    assert [one.id for one in storage.settlements.claim(9, NOW, NOW + 60)] == chain.ids


def test_what_has_ended_is_valid_and_not_committed_for_it(chain: Chain, archive: Archive) -> None:
    with chain.storage.unit.transaction():
        archive.transfers.set_stage(chain.ids[0], Stage.COMMITTED)
        archive.transfers.make_valid([(chain.ids[0], chain.people[0].certificate)])
    assert entry(archive, chain.transfers[0]).stage is Stage.COMMITTED
    assert entry(archive, chain.transfers[0]).is_valid


def test_what_is_forgotten_is_gone_with_all_that_hangs_on_it(chain: Chain, archive: Archive) -> None:
    made, signer = chain.transfers[2], chain.people[2].key.public
    with chain.storage.unit.transaction():
        archive.transfers.claim([(forged(made), B)])
        archive.transfers.forget(made.id)
        assert archive.shares.used(Share.CLAIMS, B) == 0
        assert archive.shares.used(Share.WAITING, A) == 2
    assert archive.transfers.entries((made.id,)) == {}
    assert archive.transfers.children((chain.ids[1],)) == {}
    assert not archive.transfers.is_signed(made.id)
    assert archive.pending.waiting_of(signer, b"", 9) == []


def test_what_is_refused_is_charged_as_it_waited_and_leaves_once_it_was_told(
    chain: Chain, archive: Archive, backend: Backend
) -> None:
    other, settlements = backend.open().archive, chain.storage.settlements
    with chain.storage.unit.transaction():
        archive.waiting.charge(chain.ids[0], B)
        for number, made in enumerate(chain.transfers):
            assert archive.refused.add(made.id, NOW + number) == A
            archive.transfers.set_stage(made.id, Stage.COMMITTED)
            settlements.refuse(made.id, Code.VALUE_MISMATCH)
        assert archive.shares.used(Share.REFUSED, A) == 3
        assert archive.shares.used(Share.WAITING, A) == 0
        assert archive.shares.biggest(Share.REFUSED, A) == (A, 2)
        assert archive.refused.oldest(A, A, 9) == []
        verdicts = [chain.verdict(made, code=Code.VALUE_MISMATCH) for made in chain.transfers[:2]]
        settlements.answer([Answer(one, None) for one in verdicts])
    assert other.refused.oldest(A, A, 9) == [chain.ids[1]]
    assert other.refused.oldest(A, B, 9) == [chain.ids[0]]
    assert other.refused.since(NOW + 1, 9) == [chain.ids[0]]
    assert other.refused.since(NOW + 9, 1) == [chain.ids[0]]
    with chain.storage.unit.transaction():
        assert archive.transfers.forget(chain.ids[0]) == [chain.people[0].key.public]
        archive.refused.over(chain.ids[1])
        archive.refused.over(chain.ids[1])
        assert archive.shares.used(Share.REFUSED, A) == 1
    assert other.refused.since(NOW + 9, 9) == []
    assert settlements.refusal(chain.ids[0]) is None
    assert settlements.refusal(chain.ids[1]) is Code.VALUE_MISMATCH


def test_of_an_outputs_consumers_those_that_redeem_it_are_told(chain: Chain, archive: Archive) -> None:
    token, owner = chain.tokens[-1], chain.people[-1]
    redeeming = chain.redeem(owner, token)
    paying = chain.pay(owner, token, chain.people[0].key.public, 1, PURPOSE, "waiting")
    assert sorted(archive.transfers.children((token.ref.txid,))[token.ref.txid]) == sorted(
        [redeeming.id, paying.id]
    )
    assert archive.transfers.redemptions_of(token.ref, owner.key.public) == [redeeming]
    assert archive.transfers.redeemed([token.ref, TokenRef(token.ref.txid, 9)]) == {token.ref}
    assert archive.transfers.redemptions_of(token.ref, b"other") == []


# tokens


def test_tokens_are_what_their_transactions_say(chain: Chain, archive: Archive) -> None:
    (made,) = chain.world.outputs(chain.transfers[1], [output(chain)], chain.people[1])
    with chain.storage.unit.transaction():
        archive.tokens.add([made], settled=False)
        archive.tokens.add([made], settled=True)
    assert archive.tokens.get(made.ref) == made
    assert archive.tokens.get_each([made.ref, TokenRef(made.ref.txid, 1)]) == {made.ref: made}
    assert archive.tokens.worth(made.ref) is None
    with chain.storage.unit.transaction():
        archive.tokens.settle(made.ref, 600)
    assert archive.tokens.worth(made.ref) == 600
    assert archive.tokens.worth(issued(chain).ref) == 1_000


def output(chain: Chain) -> Token:
    return chain.world.outputs(chain.transfers[0], [issued(chain)], chain.people[0])[0]


# several writers


def test_of_two_that_bring_the_same_at_once_the_second_sees_what_the_first_stored(
    storage: Storage, backend: Backend
) -> None:
    """Each reads, then writes: what is decided is decided by what stands inside the transaction."""
    world, other = World(), backend.open()
    asel = world.person("asel")
    made = payment(world, asel, world.person("bolat"))
    assert other.archive.transfers.entries((made.id,)) == {}
    with storage.unit.transaction():
        storage.archive.transfers.add([New(made, asel.key.public, A)], NOW)
        storage.archive.transfers.sign([(made, asel.key.public)])
        storage.archive.transfers.brought([(made.id, A, False)])
    with other.unit.transaction():
        assert entry(other.archive, made).signed == made
        other.archive.transfers.add([New(made, None, B)], NOW + 1)
        other.archive.transfers.brought([(made.id, B, True)])
        assert [other.archive.shares.used(Share.WAITING, name) for name in (A, B)] == [1, 0]
    assert entry(storage.archive, made).owner == asel.key.public
