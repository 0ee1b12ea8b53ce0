"""The settlements' contract: one verdict for each transfer, one who commits it, and nothing that is noted is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger_sync.bank.ports.settlements import Answer, Case, Settlements
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.chain import Chain
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.logs import Log
from tests.support.world import NOW
from wallet.protocol import cose
from wallet.protocol.batch import sign_batch
from wallet.protocol.codes import Code
from wallet.protocol.settlement import Consumption2, Settlement2, check_settlement
from wallet.protocol.transfer import TokenRef

UNTIL = NOW + 60


@pytest.fixture
def chain(storage: Storage) -> Chain:
    return Chain(storage)


@pytest.fixture
def settlements(storage: Storage) -> Settlements:
    return storage.settlements


def claimed(settlements: Settlements, most: int = 64, now: int = NOW) -> list[bytes]:
    return [transfer.id for transfer in settlements.claim(most, now, now + 60)]


def noted(settlements: Settlements) -> list[bytes]:
    return [case.transfer.id for case in settlements.noted(64)]


def consumed(case: Case) -> list[bytes | None]:
    return [one.consumer for one in case.inputs]


# to be committed


def test_valid_ones_are_claimed_once_ancestors_first(chain: Chain, backend: Backend) -> None:
    other = backend.open().settlements
    assert claimed(other, 2) == chain.ids[:2]
    assert claimed(chain.storage.settlements) == chain.ids[2:]
    assert claimed(other) == []


def test_who_claims_gets_the_owners_signature(chain: Chain, settlements: Settlements) -> None:
    assert settlements.claim(64, NOW, UNTIL) == chain.transfers


def test_of_many_that_claim_at_once_each_has_its_own(storage: Storage, backend: Backend) -> None:
    chain = Chain(storage, 12)
    ports = [backend.open().settlements for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = [one for ids in pool.map(lambda port: claimed(port, 5), ports) for one in ids]
    assert sorted(found) == sorted(chain.ids)


def test_of_some_that_are_asked_for_those_are_claimed_and_nothing_else(
    storage: Storage, settlements: Settlements
) -> None:
    """Ancestors first, also where so many are asked for that they are looked up piece by piece."""
    chain = Chain(storage, 12)
    unknown = [number.to_bytes(32) for number in range(130)]
    wanted = [*reversed(chain.ids[5:9]), *unknown, *chain.ids[1:5]]
    assert [one.id for one in settlements.claim(6, NOW, UNTIL, wanted)] == chain.ids[1:7]
    assert [one.id for one in settlements.claim(6, NOW, UNTIL, wanted)] == chain.ids[7:9]
    assert settlements.claim(6, NOW, UNTIL, []) == []
    assert claimed(settlements) == [chain.ids[0], *chain.ids[9:]]


def test_a_claim_ends(chain: Chain, settlements: Settlements) -> None:
    claimed(settlements)
    assert claimed(settlements, now=UNTIL - 1) == []
    assert claimed(settlements, now=UNTIL) == chain.ids


def test_whose_clock_is_a_little_behind_leaves_a_claim_alone(chain: Chain, backend: Backend) -> None:
    """Or has looked at it, and waited for others to write before it claims."""
    assert claimed(chain.storage.settlements, now=NOW + 11) == chain.ids
    assert claimed(backend.open().settlements, now=NOW) == []


def test_a_claim_by_a_clock_that_was_far_ahead_is_none(chain: Chain, settlements: Settlements) -> None:
    claimed(settlements, now=NOW + 1_000_000)
    assert claimed(settlements) == chain.ids


def test_what_is_released_is_claimed_again(chain: Chain, settlements: Settlements) -> None:
    claimed(settlements)
    settlements.release(chain.ids[1:])
    assert claimed(settlements) == chain.ids[1:]
    settlements.release_all()
    assert claimed(settlements) == chain.ids


def test_what_is_decided_is_claimed_by_nobody(chain: Chain, settlements: Settlements) -> None:
    settlements.committed(chain.ids)
    assert claimed(settlements) == []


def test_nothing_is_claimed_that_was_not_judged(storage: Storage, settlements: Settlements) -> None:
    chain = Chain(storage, stage="waiting")
    settlements.committed(chain.ids)
    assert claimed(settlements) == []
    assert settlements.cases(chain.ids) == []


def test_the_first_word_on_a_token_stands(chain: Chain, settlements: Settlements) -> None:
    first, second, _ = chain.transfers
    (token,) = first.body.inputs
    assert settlements.note(chain.said(first), are_ours=True) == [token]
    assert settlements.note(chain.said(second, of=[token, TokenRef(bytes(32), 0)]), are_ours=True) == [
        TokenRef(bytes(32), 0)
    ]
    assert consumed(settlements.cases([first.id])[0]) == [first.id]


def test_the_same_word_again_is_no_news(chain: Chain, settlements: Settlements) -> None:
    words = chain.said(*chain.transfers)
    assert len(settlements.note([*words, *words], are_ours=False)) == 3
    assert settlements.note(words, are_ours=True) == []
    assert len(chain.objects.statements.heard(0, 0)[1]) == 3


def test_what_consumes_a_token_and_waits_is_found_by_it(storage: Storage, settlements: Settlements) -> None:
    chain = Chain(storage, stage="waiting")
    refs = [ref for transfer in chain.transfers for ref in transfer.body.inputs]
    assert sorted(settlements.waiting_for(refs)) == sorted(chain.ids)
    assert settlements.waiting_for([TokenRef(bytes(32), 0)]) == []
    assert Chain(storage).ids == chain.ids
    assert settlements.waiting_for(refs) == []


# to be answered


def test_a_case_is_what_stands_of_a_transfer(chain: Chain, settlements: Settlements) -> None:
    first, second, third = chain.transfers
    settlements.note(chain.said(first, second), are_ours=True)
    settlements.answer([Answer(chain.verdict(first, 700, 300), None)])
    cases = settlements.cases([third.id, bytes(32), second.id, first.id])
    assert [case.transfer for case in cases] == [third, second]
    assert [case.owner for case in cases] == [chain.people[2].key.public, chain.people[1].key.public]
    assert [case.signer for case in cases] == [chain.people[2].certificate, chain.people[1].certificate]
    assert [[one.worth for one in case.inputs] for case in cases] == [[None], [700]]
    assert [consumed(case) for case in cases] == [[None], [second.id]]


def test_a_verdict_stands_whoever_comes_later(chain: Chain, backend: Backend) -> None:
    first = chain.transfers[0]
    settlements, other = chain.storage.settlements, backend.open().settlements
    verdict = chain.verdict(first, 700, 300)
    assert settlements.answer([Answer(verdict, None)]) == [first.id]
    assert other.answer([Answer(chain.verdict(first, 600, 300, time=NOW + 1), None)]) == []
    for port in (settlements, other):
        assert port.told([first.id])[first.id].settlement == verdict
        assert port.answered(chain.ids) == {first.id: NOW}
        assert port.cases([first.id]) == []
    assert chain.objects.tokens.worth(TokenRef(first.id, 0)) == 700


def test_of_many_verdicts_at_once_one_is_written(storage: Storage, backend: Backend) -> None:
    chain = Chain(storage)
    ports = [backend.open().settlements for _ in range(4)]
    written: list[bytes] = []

    def write(number: int) -> None:
        answers = [Answer(chain.verdict(one, 700, time=NOW + number), None) for one in chain.transfers]
        written.extend(ports[number].answer(answers))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert sorted(written) == sorted(chain.ids)
    assert len({told.settlement.body.time for told in storage.settlements.told(chain.ids).values()}) == 1


def test_what_is_worth_nothing_is_unspent_no_more(chain: Chain, settlements: Settlements) -> None:
    first = chain.transfers[0]
    settlements.answer([Answer(chain.verdict(first, 0, 0), None)])
    assert chain.objects.tokens.worth(TokenRef(first.id, 0)) == 0
    assert not chain.objects.pending.concerns(chain.people[0].key.public)


def test_an_answer_notes_what_descends_and_is_decided(chain: Chain, settlements: Settlements) -> None:
    first, second, third = chain.transfers
    settlements.committed([second.id])
    settlements.answer([Answer(chain.verdict(first, 700, 300), None)])
    assert noted(settlements) == [second.id]
    settlements.answer([Answer(chain.verdict(second, 700), None)])
    assert noted(settlements) == []
    settlements.committed([third.id])
    settlements.look_at(chain.ids)
    assert noted(settlements) == [third.id]


def test_of_some_those_and_what_consumes_their_outputs_is_told(
    storage: Storage, settlements: Settlements
) -> None:
    chain = Chain(storage, 5)
    settlements.committed(chain.ids)
    settlements.look_at([chain.ids[3]])
    settlements.look_at(chain.ids[:3])

    def told(*among: bytes, most: int = 64) -> list[bytes]:
        return [case.transfer.id for case in settlements.noted(most, among)]

    assert told(chain.ids[1]) == chain.ids[1:3]
    assert told(chain.ids[4], chain.ids[2]) == [chain.ids[3], chain.ids[2]], "longest first"
    assert told(chain.ids[4], chain.ids[2], most=1) == [chain.ids[3]]
    assert told(*chain.ids, *(number.to_bytes(32) for number in range(100))) == noted(settlements)
    assert told(chain.ids[4]) == told() == []


def test_what_was_looked_at_is_noted_no_longer(chain: Chain, settlements: Settlements) -> None:
    settlements.committed(chain.ids)
    settlements.look_at(chain.ids)
    cases = settlements.noted(64)
    settlements.looked_at(cases[:1])
    assert noted(settlements) == [case.transfer.id for case in cases[1:]]


def test_what_comes_while_somebody_looks_is_looked_at_again(chain: Chain, backend: Backend) -> None:
    settlements, other = chain.storage.settlements, backend.open().settlements
    settlements.committed(chain.ids)
    settlements.look_at(chain.ids[:1])
    cases = settlements.noted(64)
    other.looked_at(other.noted(64))
    other.look_at(chain.ids[:1])
    settlements.looked_at(cases)
    assert noted(settlements) == chain.ids[:1]


def test_those_that_are_not_decided_are_not_noted(chain: Chain, settlements: Settlements) -> None:
    settlements.look_at([*chain.ids, bytes(32)])
    assert noted(settlements) == []


def test_what_is_refused_is_so_before_and_after_it_is_answered(
    chain: Chain, settlements: Settlements
) -> None:
    first, code = chain.transfers[0], Code.HOP_LIMIT
    settlements.committed([first.id])
    assert settlements.refusal(first.id) is None
    settlements.refuse(first.id, code)
    settlements.look_at([first.id])
    assert settlements.refusal(first.id) is code
    (case,) = settlements.noted(64)
    assert case.refusal is code
    settlements.answer([Answer(chain.verdict(first, code=code), None)])
    assert settlements.refusal(first.id) is code
    assert noted(settlements) == []


def test_what_is_settled_is_not_refused(chain: Chain, settlements: Settlements) -> None:
    settlements.answer([Answer(chain.verdict(chain.transfers[0], 700, 300), None)])
    assert settlements.refusal(chain.ids[0]) is None


def test_a_whole_chain_longer_than_any_batch(storage: Storage) -> None:
    chain, settlements = Chain(storage, 14), storage.settlements
    settlements.note(chain.said(*chain.transfers), are_ours=True)
    settlements.answer([Answer(chain.verdict(one, 700), None) for one in chain.transfers])
    assert settlements.told(chain.ids).keys() == set(chain.ids)


# to be told


def test_a_verdict_is_told_with_the_notarys_words(chain: Chain, settlements: Settlements) -> None:
    first, second, _ = chain.transfers
    words = chain.said(first, second)
    settlements.note(words, are_ours=True)
    verdict = chain.verdict(first, 700, 300)
    settlements.answer([Answer(verdict, None)])
    told = settlements.told(chain.ids)
    assert list(told) == [first.id]
    assert (told[first.id].settlement, told[first.id].statements) == (verdict, (words[0],))
    assert told[first.id].evidence is None


def test_what_was_signed_in_a_tree_is_told_as_it_was_signed(
    chain: Chain, settlements: Settlements, backend: Backend
) -> None:
    """Verdict and words of the second versions, also to a process that has not seen them: one of a group, and one whose
    leaf it is alone."""
    first, second, third = chain.transfers
    log = Log(chain.world.notary)
    bodies = [
        Consumption2.from_cbor([bytes(16), *one.body.to_cbor()]) for one in chain.said(first, second, third)
    ]
    log.append(bodies[:2], bodies[2:])
    words = [*log.shown(0, log.head(NOW)), *log.shown(1, log.head(NOW))]
    settlements.note(words, are_ours=True)
    said = Settlement2.from_cbor([bytes(16), *chain.verdict(first, 700, 300).body.to_cbor()])
    other = replace(said, transfer=bytes(32))
    by = chain.world.bank_key("alatau").sign
    verdict = sign_batch([[other], [other, said]], NOW, by)[1][1]
    settlements.answer([Answer(verdict, None)])
    for storage in (chain.storage, backend.open()):
        told = storage.settlements.told(chain.ids)
        assert (told[first.id].settlement, told[first.id].statements) == (verdict, (words[0],))
        statements = storage.archive.statements
        refs = [transfer.body.inputs[0] for transfer in chain.transfers]
        assert [statements.on(ref) for ref in refs] == words
        assert sorted(item.id for item in statements.about(refs)) == sorted(item.id for item in words)
        assert statements.heard(0, 0)[1] == words
        check_settlement(told[first.id].settlement, chain.world.directory())


def test_the_same_word_signed_alone_is_kept_beside_the_one_that_is_told(
    chain: Chain, settlements: Settlements, backend: Backend
) -> None:
    first = chain.transfers[0]
    (alone,) = chain.said(first)
    log = Log(chain.world.notary)
    log.append([Consumption2.from_cbor([bytes(16), *alone.body.to_cbor()])])
    (word,) = log.shown(0, log.head(NOW))
    settlements.note([word], are_ours=True)
    assert settlements.note([alone], are_ours=False) == []
    settlements.answer([Answer(chain.verdict(first, 700, 300), None)])
    for storage in (chain.storage, backend.open()):
        statements = storage.archive.statements
        assert statements.named([alone.id, word.id, bytes(32)]) == {alone.id: alone, word.id: word}
        assert statements.named([]) == {}
        assert statements.on(first.body.inputs[0]) == word
        assert storage.settlements.told([first.id])[first.id].statements == (word,)
        assert statements.heard(0, 0)[1] == [word, alone]


def test_what_is_signed_alone_besides_is_kept_once_and_beside_what_is_told(
    chain: Chain, settlements: Settlements, backend: Backend
) -> None:
    """Whoever signs first, the second finds that. Nothing is kept for what is told otherwise, or not at all."""
    by = chain.world.bank_key("alatau").sign
    first, second, third = chain.transfers
    bodies = [
        Settlement2.from_cbor([bytes(16), *chain.verdict(one, 700).body.to_cbor()]) for one in chain.transfers
    ]
    ((told, other, untold),) = sign_batch([bodies], NOW, by)
    settlements.answer([Answer(told, None), Answer(other, None)])
    here, there = settlements, backend.open().settlements
    assert here.alone(chain.ids) == {}
    alone = cose.sign(told.body.alone(), by)
    here.keep_alone([(told, alone)])
    later = replace(alone, signature=chain.verdict(second, 700).signature)
    again = replace(other, payload=untold.payload)
    there.keep_alone([(told, later), (untold, cose.sign(untold.body.alone(), by)), (again, later)])
    for port in (here, there, backend.open().settlements):
        assert port.alone([first.id, second.id, third.id]) == {first.id: alone}
        assert port.told(chain.ids).keys() == {first.id, second.id}
        assert port.told(chain.ids)[first.id].settlement == told


def test_a_refusal_is_told_without_words(chain: Chain, settlements: Settlements) -> None:
    first = chain.transfers[0]
    settlements.note(chain.said(first), are_ours=True)
    settlements.answer([Answer(chain.verdict(first, code=Code.HOP_LIMIT), None)])
    assert settlements.told([first.id])[first.id].statements == ()
