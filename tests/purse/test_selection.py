"""Selection: whatever the tokens, a choice pays exactly, keeps every bound, and is the same for the same tokens."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.purse.simulate import STRATEGIES, Weeks, chosen
from wallet.protocol.bounds import MAX_AMOUNTS, MAX_HOP, MAX_INPUTS, MAX_SUM, MAX_TRANSFERS
from wallet.protocol.codes import Refusal
from wallet.protocol.transfer import TokenRef
from wallet.purse.pay.selection import MAX_PARTS, Candidate, Prices, choose, is_lawful
from wallet.purse.sync.denominations import PIECES, split


def size(_: bytes) -> int:
    return 190


def name(number: int) -> bytes:
    return number.to_bytes(32, "big")


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Tokens of up to four keys with histories that overlap."""
    found = []
    for number in range(draw(st.integers(1, 40))):
        start, length = draw(st.integers(0, 60)), draw(st.integers(0, 30))
        found.append(
            Candidate(
                ref=TokenRef(name(1_000 + number), 0),
                amount=draw(st.one_of(st.integers(1, 50), st.integers(1, 10_000_000))),
                owner=bytes([draw(st.integers(1, 4))]),
                hop=draw(st.integers(0, MAX_HOP - 1)),
                expires=2_000_000_000,
                transfers=frozenset(name(item) for item in range(start, start + length)),
                issuances=frozenset({name(500 + draw(st.integers(0, 3)))}),
                certificates=frozenset({name(600 + draw(st.integers(0, 3)))}),
            )
        )
    return found


@given(candidates(), st.data())
def test_a_choice_pays_exactly_and_keeps_every_bound(tokens: list[Candidate], data: st.DataObject) -> None:
    amount = data.draw(st.integers(1, sum(item.amount for item in tokens)))
    choice = choose(tokens, amount, size)
    if choice is None:
        return
    assert sum(part.amount for part in choice.parts) == amount
    assert len(choice.parts) <= MAX_PARTS
    assert all(part.change == 0 for part in choice.parts[:-1])
    assert all(part.change >= 0 and part.amount > 0 for part in choice.parts)
    refs = [item.ref for item in choice.inputs]
    assert len(set(refs)) == len(refs)
    for part in choice.parts:
        assert {item.owner for item in part.inputs} == {part.owner}
        assert list(part.inputs) == sorted(part.inputs, key=lambda item: item.ref)
        assert len(part.inputs) <= MAX_INPUTS
    travelling = len(frozenset().union(*(item.transfers for item in choice.inputs))) + len(choice.parts)
    assert travelling + MAX_HOP - min(part.hop for part in choice.parts) <= MAX_TRANSFERS
    assert is_lawful(choice, size)


@given(candidates(), st.data(), st.randoms(use_true_random=False))
def test_the_order_of_the_tokens_does_not_matter(
    tokens: list[Candidate], data: st.DataObject, chance: random.Random
) -> None:
    amount = data.draw(st.integers(1, sum(item.amount for item in tokens)))
    shuffled = list(tokens)
    chance.shuffle(shuffled)
    assert choose(tokens, amount, size) == choose(shuffled, amount, size)


@given(candidates())
def test_what_one_token_can_pay_lawfully_is_paid(tokens: list[Candidate]) -> None:
    for item in tokens:
        travelling = len(item.transfers) + 1
        if travelling + MAX_HOP - (item.hop + 1) <= MAX_TRANSFERS:
            assert choose([item], item.amount, size) is not None
            assert choose(tokens, item.amount, size) is not None


def plain(number: int, amount: int, **changes: object) -> Candidate:
    made = Candidate(
        ref=TokenRef(name(number), 0),
        amount=amount,
        owner=b"key",
        hop=0,
        expires=2_000_000_000,
        transfers=frozenset(),
        issuances=frozenset({name(0)}),
        certificates=frozenset(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def picked(tokens: list[Candidate], amount: int, **prices: int) -> list[int]:
    choice = choose(tokens, amount, size, Prices(**prices) if prices else Prices())
    assert choice is not None
    return sorted(item.amount for item in choice.inputs)


def test_an_exact_token_needs_no_change() -> None:
    assert picked([plain(1, 500), plain(2, 200), plain(3, 1_000)], 200) == [200]
    assert picked([plain(1, 500), plain(2, 300), plain(3, 1_000)], 800) == [300, 500]


def test_a_long_history_is_left_at_home() -> None:
    heavy = plain(1, 200, transfers=frozenset(name(item) for item in range(10, 20)))
    assert picked([heavy, plain(2, 300)], 200) == [300]


def test_a_worn_token_is_not_mixed_with_a_fresh_one() -> None:
    worn = plain(1, 300, hop=9)
    assert picked([worn, plain(2, 500), plain(3, 400)], 600) == [400, 500]


def test_many_small_tokens_pay_up_to_the_bound_of_inputs() -> None:
    tokens = [plain(number, 10) for number in range(1, 60)]
    assert len(picked(tokens, 10 * MAX_INPUTS)) == MAX_INPUTS
    assert choose(tokens, 10 * MAX_INPUTS + 1, size) is None


def test_a_shop_with_thousands_of_tokens_can_pay() -> None:
    histories = [frozenset({name(5_000 + number)}) for number in range(3_000)]
    tokens = [plain(number, 1_000 + number % 700, transfers=histories[number]) for number in range(1, 3_000)]
    assert sum(picked(tokens, 20_000)) >= 20_000
    assert len(picked(tokens, 1_500)) == 1


def test_keys_pay_together_only_where_none_can_alone() -> None:
    tokens = [plain(1, 300, owner=b"a"), plain(2, 400, owner=b"b"), plain(3, 50, owner=b"c")]
    alone = choose(tokens, 350, size)
    together = choose(tokens, 600, size)
    assert alone is not None
    assert together is not None
    assert [part.owner for part in alone.parts] == [b"b"]
    assert [(part.owner, part.amount, part.change) for part in together.parts] == [
        (b"b", 400, 0),
        (b"a", 200, 100),
    ]


@given(st.integers(1, MAX_SUM), st.integers(1, MAX_AMOUNTS))
def test_a_funding_is_cut_into_what_it_was(amount: int, pieces: int) -> None:
    parts = split(amount, pieces)
    assert sum(parts) == amount
    assert len(parts) <= pieces
    assert min(parts) > 0
    assert list(parts) == sorted(parts, reverse=True)


def test_a_funding_gives_small_money_too() -> None:
    assert split(4_000_000) == (2_000_000, 1_000_000, 500_000, 200_000, 100_000, 100_000, 50_000, 50_000)
    assert split(15_000) == (15_000,)
    assert len(split(10**12)) == PIECES
    with pytest.raises(Refusal):
        split(0)


def test_weeks_of_purchases_are_cheapest_with_the_chosen_strategy() -> None:
    """The claim of SELECTION.md, on fewer weeks."""

    def mean_bytes(name: str) -> float:
        tally = Weeks(STRATEGIES[name], split, seed=3, weeks=2).run()
        return sum(tally.sizes) / len(tally.sizes)

    ours = mean_bytes("chosen")
    for other in ("largest first", "smallest first", "oldest first", "closest"):
        assert ours < 0.8 * mean_bytes(other)


def test_nothing_is_refused_that_could_be_paid_in_ordinary_weeks() -> None:
    tally = Weeks(chosen, split, seed=4, weeks=3).run()
    assert (tally.scattered, tally.used_up) == (0, 0)
    assert len(tally.sizes) > 500
