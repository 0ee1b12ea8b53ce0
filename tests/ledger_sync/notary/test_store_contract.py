"""What every backend of the notary keeps, whatever it is built on: also when writers overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.notary import Claim, Store
from ledger_sync.notary.log import Statement
from tests.ledger_sync.notary.backends import attestor, consumer, item, killed_at, opened, ref, sign
from tests.ledger_sync.notary.conftest import Writers
from tests.support.world import NOW
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

Pair = tuple[Store, Store]
"""Two who write to the same, each as if it were alone."""


@pytest.fixture
def pair(url: str) -> Iterator[Pair]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(opened(url))) for _ in range(2))
        yield first, second


def won(name: str, *refs: TokenRef, time: int = NOW, bank: str = "alatau") -> Claim:
    return Claim(Consumption(consumer(name), bank, time, tuple(sorted(refs))), None)


def test_what_was_free_is_claimed_and_what_was_not_keeps_its_winner(pair: Pair) -> None:
    store, _ = pair
    a = won("a", ref(1), ref(2))
    assert store.claim([item("a", ref(1), ref(2))], NOW) == {ref(1): a, ref(2): a}
    b = won("b", ref(3), time=NOW + 1, bank="zhibek")
    late = item("b", ref(2), ref(3), bank="zhibek")
    assert store.claim([late], NOW + 1) == {ref(2): a, ref(3): b}
    assert store.claim([late], NOW + 2) == {ref(2): a, ref(3): b}
    assert store.winners([ref(3), ref(4), ref(1)]) == {ref(3): b, ref(1): a}


def test_within_a_batch_the_earlier_item_wins(pair: Pair) -> None:
    store, _ = pair
    a, b = won("a", ref(1)), won("b", ref(2))
    assert store.claim([item("a", ref(1)), item("b", ref(1), ref(2))], NOW) == {ref(1): a, ref(2): b}


def test_an_empty_batch_is_nothing(pair: Pair) -> None:
    store, _ = pair
    assert store.claim([], NOW) == {}
    assert store.attest([]) == []
    assert store.learn([]) == []


def test_a_claim_that_another_made_is_seen_at_once_and_stands(pair: Pair) -> None:
    one, other = pair
    a = won("a", ref(1))
    assert one.claim([item("a", ref(1))], NOW) == {ref(1): a}
    assert other.winners([ref(1)]) == {ref(1): a}
    assert other.claim([item("b", ref(1))], NOW + 1) == {ref(1): a}


def test_of_two_statements_on_one_claim_the_first_stands_for_both(pair: Pair) -> None:
    one, other = pair
    one.claim([item("a", ref(1), ref(2))], NOW)
    body = other.claim([item("a", ref(1))], NOW + 1)[ref(1)].body
    first, second = sign(body), sign(body)
    assert first.encode() != second.encode()
    assert other.attest([second]) == [second]
    assert one.attest([first]) == [second]
    assert one.attest([second]) == [second]
    assert one.winners([ref(1), ref(2)]) == dict.fromkeys([ref(1), ref(2)], Claim(body, second))


@pytest.mark.parametrize(
    "body",
    [
        won("b", ref(1), ref(2)).body,
        won("a", ref(1)).body,
        won("a", ref(1), ref(2), time=NOW + 1).body,
        won("a", ref(3)).body,
    ],
    ids=["another", "less", "later", "what nobody claimed"],
)
def test_nothing_is_attested_that_was_not_claimed(pair: Pair, body: Consumption) -> None:
    store, _ = pair
    store.claim([item("a", ref(1), ref(2))], NOW)
    with pytest.raises(Refusal) as refused:
        store.attest([sign(body)])
    assert refused.value.code is Code.INTERNAL
    assert store.winners([ref(1), ref(3)]) == {ref(1): won("a", ref(1), ref(2))}


def test_statements_that_others_hold_are_kept_and_what_contradicts_is_given_back(pair: Pair) -> None:
    one, other = pair
    a, b = sign(won("a", ref(1), ref(2)).body), sign(won("b", ref(2), ref(3)).body)
    assert one.learn([a, b, a]) == [b]
    assert other.learn([a, b]) == [b]
    assert other.winners([ref(1), ref(2), ref(3)]) == dict.fromkeys([ref(1), ref(2)], Claim(a.body, a))
    assert other.claim([item("c", ref(2), ref(3))], NOW) == {
        ref(2): Claim(a.body, a),
        ref(3): won("c", ref(3)),
    }


def test_the_statement_on_a_claim_that_has_none_here_is_learnt(pair: Pair) -> None:
    """A backup that was made after the claim and before the statement."""
    store, _ = pair
    body = store.claim([item("a", ref(1))], NOW)[ref(1)].body
    held = sign(body)
    assert store.learn([held, sign(body)]) == []
    assert store.winners([ref(1)]) == {ref(1): Claim(body, held)}


def test_a_claim_that_nobody_was_told_of_gives_way_to_a_statement_that_others_hold(pair: Pair) -> None:
    """A backup of between claim and statement, and a power cut soon after that took the claim: what was said then
    stands, and is not contradicted."""
    store, other = pair
    lost = store.claim([item("a", ref(1), ref(2)), item("b", ref(3), ref(4))], NOW)
    said = sign(won("c", ref(2), ref(3), time=NOW + 9).body)
    assert store.learn([said]) == []
    assert other.winners([ref(n) for n in range(1, 5)]) == dict.fromkeys(
        [ref(2), ref(3)], Claim(said.body, said)
    )
    with pytest.raises(Refusal) as refused:
        store.attest([sign(lost[ref(1)].body)])
    assert refused.value.code is Code.INTERNAL
    again = won("a", ref(1), time=NOW + 10)
    assert store.claim([item("a", ref(1), ref(2))], NOW + 10) == {
        ref(1): again,
        ref(2): Claim(said.body, said),
    }


def test_a_claim_stands_where_the_statement_against_it_contradicts_another(pair: Pair) -> None:
    store, _ = pair
    kept = sign(won("a", ref(1)).body)
    unsaid = store.claim([item("b", ref(2))], NOW)
    against = sign(won("c", ref(1), ref(2)).body)
    assert store.learn([kept, against]) == [against]
    assert store.winners([ref(1), ref(2)]) == {ref(1): Claim(kept.body, kept), **unsaid}


def test_the_earliest_date_of_the_last_that_were_said(pair: Pair) -> None:
    store, _ = pair
    for time in (NOW + 5, NOW + 3, NOW + 9, NOW + 7):
        store.attest([sign(claim.body) for claim in store.claim([item(time, ref(time))], time).values()])
    store.claim([item("unsaid", ref("unsaid"))], NOW)
    assert [store.earliest_of_last(count) for count in (1, 2, 3, 4, 5)] == [
        NOW + 7,
        NOW + 7,
        NOW + 3,
        NOW + 3,
        0,
    ]


def test_killed_while_it_claims_nothing_is_claimed_and_afterwards_everything(url: str) -> None:
    refs = [ref("a"), ref("b"), ref("shared")]
    for failpoint, claimed in (("notary.commit.written", 0), ("notary.commit.claimed", 3)):
        killed_at(failpoint, url, "a", "b")
        with closing(opened(url)) as store:
            assert len(store.winners(refs)) == claimed


class Overlapping:
    """Writers that each do one step at a time, in whatever order: claim, sign, have it attested, tell."""

    def __init__(self, stores: list[Store]) -> None:
        self.told: dict[TokenRef, Statement] = {}
        self.firsts: dict[TokenRef, bytes] = {}
        self._stores = stores
        self._at: list[Iterator[None] | None] = [None] * len(stores)

    def step(self, writer: int, who: int, tokens: frozenset[int]) -> None:
        work = self._at[writer] or self._commit(self._stores[writer], who, tokens)
        self._at[writer] = work
        if next(work, self) is self:
            self._at[writer] = None

    def _commit(self, store: Store, who: int, tokens: frozenset[int]) -> Iterator[None]:
        refs = [ref(token) for token in tokens]
        claims = store.claim([item(who, *refs)], NOW + who)
        for token in refs:
            self.firsts.setdefault(token, consumer(who))
            assert claims[token].body.consumer == self.firsts[token]
        yield
        signed = [sign(body) for body in {claim.body for claim in claims.values() if not claim.statement}]
        yield
        standing = [said.statement for said in claims.values() if said.statement] + store.attest(signed)
        yield
        for statement in standing:
            for token in statement.body.refs:
                assert self.told.setdefault(token, statement).encode() == statement.encode()


STEPS = st.tuples(
    st.integers(0, 2), st.integers(0, 5), st.frozensets(st.integers(0, 3), min_size=1, max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_however_writers_overlap_each_reference_has_one_winner_and_one_statement(
    writers: Writers, steps: list[tuple[int, int, frozenset[int]]]
) -> None:
    with writers() as stores:
        overlapping = Overlapping(list(stores))
        for step in steps:
            overlapping.step(*step)
        standing = stores[0].winners(list(overlapping.firsts))
        assert {token: claim.body.consumer for token, claim in standing.items()} == overlapping.firsts
        for token, statement in overlapping.told.items():
            assert standing[token] == Claim(statement.body, statement)


def test_two_at_a_time_say_one_thing(pair: Pair) -> None:
    said: list[dict[TokenRef, bytes]] = [{}, {}]
    begin = threading.Barrier(2)

    def work(number: int) -> None:
        notary = attestor(pair[number])
        begin.wait(10)
        for step in range(30):
            tokens = [ref((step * 3 + n) % 40) for n in range(3)]
            for statement in notary.commit([item(f"{number} {step}", *tokens)])[0]:
                said[number].update(dict.fromkeys(statement.body.refs, statement.encode()))

    workers: list[Callable[[], None]] = [lambda: work(0), lambda: work(1)]
    threads = [threading.Thread(target=worker) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {token: raw for token, raw in said[0].items() if token in said[1]} == {
        token: raw for token, raw in said[1].items() if token in said[0]
    }
    assert len(said[0] | said[1]) == 40
