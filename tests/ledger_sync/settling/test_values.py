"""What the notary's word makes of values: nothing is created, nothing is lost, and only a loser is in a conflict."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.settling import Fragments, Loss, Outcome, Values, settle, winners_of
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.world import NOW, Key
from wallet.protocol import cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.idempotency import refund_id
from wallet.protocol.settlement import Consumption, Verdict
from wallet.protocol.transfer import TokenRef


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def values(ledger: Ledger) -> Values:
    return Values(Fragments(ledger.bundle()), ledger.winners.get)


def test_what_lost_nothing_is_settled_at_face_value(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    outputs = ledger.pay(ann, [token], bob, 600)
    ledger.commit(outputs)
    assert values(ledger).outcome(outputs[0].ref.txid) == Outcome(Verdict.SETTLED, (600, 400))


def test_without_the_notarys_word_there_is_no_outcome(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    paid = ledger.pay(ann, [token], bob, 1000)
    passed = ledger.pay(bob, paid, cid, 1000)
    ledger.commit(passed)
    assert values(ledger).outcome(paid[0].ref.txid) is None
    assert values(ledger).outcome(passed[0].ref.txid) is None
    assert values(ledger).value(passed[0].ref) is None
    assert values(ledger).value(token.ref) == 1000
    ledger.commit(paid)
    assert values(ledger).value(passed[0].ref) == 1000


def test_the_loser_is_in_a_conflict_its_descendants_are_short(ledger: Ledger) -> None:
    ann, bob, cid, dan = (ledger.person(name) for name in ("ann", "bob", "cid", "dan"))
    (token,) = ledger.issue(ann, 1000)
    first = ledger.pay(ann, [token], bob, 1000)
    second = ledger.pay(ann, [token], cid, 1000)
    passed = ledger.pay(cid, second, dan, 1000)
    ledger.commit(first, second, passed)
    settled = values(ledger)
    loss = Loss(token.ref, first[0].ref.txid)
    assert settled.outcome(first[0].ref.txid) == Outcome(Verdict.SETTLED, (1000,))
    assert settled.outcome(second[0].ref.txid) == Outcome(Verdict.CONFLICT, (0,), (loss,))
    assert settled.outcome(passed[0].ref.txid) == Outcome(Verdict.SHORT, (0,))


def test_what_stands_goes_to_the_payee_before_the_change_and_on_down(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    small, large = ledger.issue(ann, 300, 700)
    first = ledger.pay(ann, [large], bob, 700)
    second = ledger.pay(ann, [small, large], cid, 600)
    on_payee = ledger.pay(cid, second[:1], bob, 200)
    on_change = ledger.pay(ann, second[1:], bob, 400)
    ledger.commit(first, second, on_payee, on_change)
    settled = values(ledger)
    assert settled.outcome(second[0].ref.txid) == Outcome(
        Verdict.CONFLICT, (300, 0), (Loss(large.ref, first[0].ref.txid),)
    )
    assert settled.outcome(on_payee[0].ref.txid) == Outcome(Verdict.SHORT, (200, 100))
    assert settled.outcome(on_change[0].ref.txid) == Outcome(Verdict.SHORT, (0,))


def test_a_descendant_that_gets_its_whole_face_is_settled(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    small, large = ledger.issue(ann, 300, 700)
    first = ledger.pay(ann, [small], bob, 300)
    second = ledger.pay(ann, [small, large], cid, 700)
    passed = ledger.pay(cid, second[:1], bob, 700)
    ledger.commit(first, second, passed)
    assert values(ledger).outcome(passed[0].ref.txid) == Outcome(Verdict.SETTLED, (700,))


def test_what_a_refund_took_came_too_late(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    small, large = ledger.issue(ann, 300, 700)
    ledger.consume(refund_id(small.ref), [small.ref], "")
    both = ledger.pay(ann, [small, large], bob, 1000)
    ledger.commit(both)
    loss = Loss(small.ref, refund_id(small.ref))
    assert loss.is_refund
    assert values(ledger).outcome(both[0].ref.txid) == Outcome(Verdict.SHORT, (700,), (loss,), Code.TOO_LATE)


def test_anothers_refund_is_no_refund_of_this_token(ledger: Ledger) -> None:
    assert not Loss(TokenRef(bytes(32), 0), refund_id(TokenRef(bytes(32), 1))).is_refund


def test_one_transfer_can_be_settled_from_what_is_stored(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    tokens = ledger.issue(ann, 300, 700)
    outputs = ledger.pay(ann, tokens, bob, 900)
    transfer = ledger.transfers[outputs[0].ref.txid]
    assert settle(transfer, [transfer.id, transfer.id], [300, 500]) == Outcome(Verdict.SHORT, (800, 0))
    lost = settle(transfer, [transfer.id, bytes(32)], [300, 700])
    assert (lost.verdict, lost.values) == (Verdict.CONFLICT, (300, 0))


def test_known_values_end_the_walk(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    paid = ledger.pay(ann, [token], bob, 1000)
    passed = ledger.pay(bob, paid, cid, 1000)
    ledger.commit(passed)
    known = {paid[0].ref: 250}
    settled = Values(Fragments(ledger.bundle()), ledger.winners.get, known.get)
    assert settled.outcome(passed[0].ref.txid) == Outcome(Verdict.SHORT, (250,))


def test_statements_must_be_the_notarys_and_agree(ledger: Ledger) -> None:
    ref = TokenRef(bytes(32), 0)
    ledger.consume(b"a" * 32, [ref])
    directory = ledger.world.directory()
    assert winners_of(ledger.statements, directory) == {ref: b"a" * 32}
    other = cose.sign(Consumption(b"b" * 32, "alatau", NOW, (ref,)), ledger.world.notary.sign)
    with pytest.raises(Refusal) as caught:
        winners_of([*ledger.statements, other], directory)
    assert caught.value.code is Code.COMMIT_MISMATCH
    forged = cose.sign(Consumption(b"b" * 32, "alatau", NOW, (ref,)), Key.of("stranger").sign)
    with pytest.raises(Refusal) as caught:
        winners_of([forged], directory)
    assert caught.value.code is Code.NOTARY_SIGNATURE


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_value_is_neither_made_nor_lost(seed: int) -> None:
    """Cheats spend tokens again and again, commits arrive in any order: what was issued is what the outputs that
    nobody consumed are worth, once everything is decided."""
    ledger = Ledger()
    chance = random.Random(seed)
    people = [ledger.person(f"p{n}") for n in range(4)]
    owned = {
        n: list(ledger.issue(person, *(chance.randint(1, 999) for _ in range(2))))
        for n, person in enumerate(people)
    }
    issued = [token for tokens in owned.values() for token in tokens]
    made = []
    for _ in range(12):
        payer = chance.choice([n for n, tokens in owned.items() if tokens])
        payee = chance.choice([n for n in owned if n != payer])
        spent = chance.sample(owned[payer], min(len(owned[payer]), chance.randint(1, 3)))
        total = sum(token.amount for token in spent)
        outputs = ledger.pay(people[payer], spent, people[payee], chance.randint(1, total))
        made.append(outputs)
        cheats = chance.random() < 0.4
        owned[payer] = [token for token in owned[payer] if cheats or token not in spent] + outputs[1:]
        owned[payee].append(outputs[0])
    for outputs in chance.sample(made, len(made)):
        ledger.commit(outputs)
    settled = values(ledger)
    held = [token for outputs in (issued, *made) for token in outputs]
    for token in held:
        value = settled.value(token.ref)
        assert value is not None
        assert 0 <= value <= token.amount
    unspent = [token for token in held if token.ref not in ledger.winners]
    assert sum(settled.value(token.ref) or 0 for token in unspent) == sum(token.amount for token in issued)
    for outputs in made:
        outcome = settled.outcome(outputs[0].ref.txid)
        assert outcome is not None
        assert (outcome.verdict is Verdict.CONFLICT) == bool(outcome.lost)
        is_whole = sum(outcome.values) == sum(token.amount for token in outputs)
        assert is_whole or outcome.verdict in (Verdict.SHORT, Verdict.CONFLICT)
