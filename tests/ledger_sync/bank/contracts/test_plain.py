"""The contract of plain uploads: what is noted stays until it is over, and nothing is written of what is spoken of."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from ledger_sync.bank.ports.plain import Ended, Hop, Seen, Settling
from ledger_sync.bank.ports.settlements import Answer, Told
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.transfers import New, Stage
from tests.ledger_sync.bank.contracts.chain import PURPOSE, Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import NOW
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token

AIGUL, BAURZHAN = "customer:a", "customer:b"


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage, 2)


def hop(chain: Chain, amount: int = 300) -> Hop:
    """What the last payee pays on, which nobody has heard of."""
    payer, token = chain.people[-1], chain.tokens[-1]
    payee = chain.world.person("payee")
    made = chain.world.transfer(payer, [token], payee.key.public, amount, PURPOSE)
    outputs = chain.world.outputs(made, [token], payer)
    return Hop(made, payer.key.public, AIGUL, payer.certificate, tuple(outputs))


def told_of(storage: Storage, *hops: Hop) -> set[bytes]:
    return set(storage.plain.told_of(hops, "alatau"))


# the journal


def test_what_is_noted_is_left_once_its_time_is_over_and_gone_once_it_is(backend: Backend) -> None:
    storage, other = backend.open(), backend.open()
    with storage.unit.transaction():
        first, second = storage.plain.note([(AIGUL, b"one"), (BAURZHAN, b"two")], NOW + 60)
        (third,) = storage.plain.note([(AIGUL, b"one")], NOW + 61)
    assert first < second < third
    assert other.plain.left(NOW + 59, 9) == []
    left = other.plain.left(NOW + 60, 9)
    assert [(one.number, one.uploader, one.bundle) for one in left] == [
        (first, AIGUL, b"one"),
        (second, BAURZHAN, b"two"),
    ]
    assert [one.number for one in other.plain.after(0, 2)] == [first, second]
    assert [one.number for one in other.plain.after(second, 2)] == [third]
    with other.unit.transaction():
        other.plain.over([first, third])
    assert [one.number for one in storage.plain.after(0, 9)] == [second]


def test_one_that_a_wrong_clock_keeps_for_long_is_left_at_once(storage: Storage) -> None:
    with storage.unit.transaction():
        storage.plain.note([(AIGUL, b"one")], NOW + 500)
    assert len(storage.plain.left(NOW, 9)) == 1


def test_one_that_is_put_off_is_left_again_then(storage: Storage) -> None:
    with storage.unit.transaction():
        first, second = storage.plain.note([(AIGUL, b"one"), (AIGUL, b"two")], NOW)
        storage.plain.put_off(first, NOW + 60)
    assert [one.number for one in storage.plain.left(NOW + 59, 9)] == [second]
    assert [one.number for one in storage.plain.left(NOW + 60, 9)] == [first, second]


def test_after_a_start_all_are_left(storage: Storage) -> None:
    with storage.unit.transaction():
        first, second = storage.plain.note([(AIGUL, b"one"), (AIGUL, b"two")], NOW + 60)
        storage.plain.release_all()
    assert [one.number for one in storage.plain.left(NOW, 9)] == [first, second]


def test_nothing_is_noted_of_nothing(storage: Storage) -> None:
    with storage.unit.transaction():
        assert list(storage.plain.note([], NOW)) == []


# what is seen of an upload


def test_of_what_is_new_the_tokens_are_seen_that_it_does_not_make(chain: Chain, storage: Storage) -> None:
    new, token = hop(chain), chain.tokens[-1]
    child = chain.world.transfer(
        chain.world.person("payee"), new.tokens[:1], chain.people[0].key.public, 300, PURPOSE
    )
    bundle = Bundle((new.transfer, child))
    assert storage.plain.seen(bundle, AIGUL) == seen()
    with storage.unit.transaction():
        storage.archive.tokens.settle(token.ref, token.amount)
    assert storage.plain.seen(bundle, AIGUL) == seen(whole={token.ref: token})
    assert storage.plain.seen(Bundle(), AIGUL) == seen()


def test_of_what_is_settled_all_is_seen_that_can_be_told_and_by_whom_it_was_shown(
    chain: Chain, storage: Storage
) -> None:
    new = hop(chain)
    txid = new.transfer.id
    verdict = chain.verdict(new.transfer, *(token.amount for token in new.tokens))
    words = chain.said(new.transfer)
    with storage.unit.transaction():
        storage.plain.write(Settling([Ended(new, verdict, words)], {}, NOW))
    found = storage.plain.seen(Bundle((new.transfer,)), AIGUL)
    told = {txid: Told(verdict, tuple(words), None)}
    assert found == seen(told=told, valid={txid}, shown={txid}, whole=found.whole)
    assert found.told == storage.settlements.told([txid])
    assert not storage.plain.seen(Bundle((new.transfer,)), BAURZHAN).shown


def test_what_has_no_verdict_is_seen_to_wait(chain: Chain, storage: Storage) -> None:
    (first, second) = chain.transfers
    assert storage.plain.seen(Bundle((first, second)), AIGUL).waiting == {first.id, second.id}


def test_what_had_a_verdict_before_it_was_judged_is_not_seen_to_be_valid(storage: Storage) -> None:
    chain = Chain(storage, 1, stage="waiting")
    (made,) = chain.transfers
    verdict = chain.verdict(made, code=Code.VALUE_MISMATCH)
    with storage.unit.transaction():
        storage.archive.transfers.set_stage(made.id, Stage.VALID)
        storage.settlements.note(chain.said(made), are_ours=False)
        assert storage.settlements.answer([Answer(verdict, None)]) == [made.id]
    found = storage.plain.seen(Bundle((made,)), AIGUL)
    assert found.told == {made.id: Told(verdict, (), None)}
    assert not found.valid


def seen(
    told: Mapping[bytes, Told] | None = None,
    valid: Collection[bytes] = (),
    shown: Collection[bytes] = (),
    whole: Mapping[TokenRef, Token] | None = None,
) -> Seen:
    return Seen(told or {}, frozenset(valid), frozenset(shown), frozenset(), whole or {})


# what is spoken of


def test_of_what_is_new_nothing_is_spoken(chain: Chain, storage: Storage) -> None:
    assert told_of(storage, hop(chain)) == set()
    assert told_of(storage) == set()


def test_a_transfer_that_is_here_is_spoken_of(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    with storage.unit.transaction():
        storage.archive.transfers.add([New(new.transfer, None, BAURZHAN)], NOW)
    assert told_of(storage, new) == {new.transfer.id}


def test_so_is_one_whose_input_another_consumes(chain: Chain, storage: Storage) -> None:
    new, rival = hop(chain), hop(chain, 299)
    with storage.unit.transaction():
        storage.archive.transfers.add([New(rival.transfer, None, BAURZHAN)], NOW)
    assert told_of(storage, new) == {new.transfer.id}


def test_so_is_one_whose_number_its_owner_has_used(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    chain.people[-1].sequence -= 1
    (other,) = chain.world.outputs(chain.transfers[0], [chain.tokens[0]], chain.people[0])[1:]
    with storage.unit.transaction():
        made = chain.world.transfer(
            chain.people[-1], [other], chain.people[0].key.public, other.amount, PURPOSE
        )
        storage.archive.transfers.add([New(made, None, BAURZHAN)], NOW)
        storage.archive.transfers.sign([(made, chain.people[-1].key.public)])
    assert made.body.sequence == new.transfer.body.sequence
    assert told_of(storage, new) == {new.transfer.id}


def test_so_is_one_of_which_something_descends(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    payee = chain.world.person("payee")
    child = chain.world.transfer(payee, new.tokens[:1], chain.people[0].key.public, 300, PURPOSE)
    with storage.unit.transaction():
        storage.archive.transfers.add([New(child, None, BAURZHAN)], NOW)
    assert told_of(storage, new) == {new.transfer.id}


def test_so_is_one_whose_output_is_consumed_by_what_is_not_here(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    payee = chain.world.person("payee")
    child = chain.world.transfer(payee, new.tokens[:1], chain.people[0].key.public, 300, PURPOSE)
    with storage.unit.transaction():
        storage.settlements.note(chain.said(child), are_ours=False)
    assert told_of(storage, new) == {new.transfer.id}


def test_so_is_one_whose_input_went_to_what_is_not_here_and_none_that_was_given_it(
    chain: Chain, storage: Storage
) -> None:
    new, rival = hop(chain), hop(chain, 299)
    with storage.unit.transaction():
        storage.settlements.note(chain.said(new.transfer), are_ours=False)
    assert told_of(storage, new, rival) == {rival.transfer.id}


def test_so_is_one_that_a_conflict_waits_for(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    with storage.unit.transaction():
        storage.conflicts.lacks(chain.ids[0], new.transfer.id)
    assert told_of(storage, new) == {new.transfer.id}


# writing


def test_what_is_written_is_valid_answered_and_its_owners(chain: Chain, storage: Storage) -> None:
    new = hop(chain)
    verdict = chain.verdict(new.transfer, *(token.amount for token in new.tokens))
    with storage.unit.transaction():
        storage.plain.write(Settling([Ended(new, verdict, chain.said(new.transfer))], {}, NOW))
    entry = storage.archive.transfers.entries([new.transfer.id])[new.transfer.id]
    signed: Signed[Transfer] | None = entry.signed
    assert (entry.stage, entry.owner, entry.is_valid) == (Stage.ANSWERED, new.owner, True)
    assert signed == new.transfer
    assert storage.archive.transfers.signer(new.transfer.id) == new.certificate
    assert storage.settlements.answered([new.transfer.id]) == {new.transfer.id: NOW}
    assert storage.settlements.concerning([new.transfer.id], AIGUL, "") == [new.transfer.id]
    assert storage.settlements.told([new.transfer.id])[new.transfer.id].settlement == verdict


def test_only_what_is_worth_its_face_is_whole(chain: Chain, storage: Storage) -> None:
    """What was issued is; what has no verdict, and what brings less, is not."""
    issued, first, second = chain.tokens
    assert set(storage.archive.tokens.whole([one.ref for one in chain.tokens])) == {issued.ref}
    with storage.unit.transaction():
        storage.archive.tokens.settle(first.ref, first.amount)
        storage.archive.tokens.settle(second.ref, second.amount - 1)
    assert storage.archive.tokens.whole([one.ref for one in chain.tokens]) == {
        issued.ref: issued,
        first.ref: first,
    }
    assert storage.archive.tokens.whole([]) == {}
