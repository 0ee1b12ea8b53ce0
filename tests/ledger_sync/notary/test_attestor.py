"""What the notary says, whatever its backend is built on: firsts, signed once, and the same after any end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.notary import CommitItem, Verdicts
from ledger_sync.notary.attestor import FORMS
from ledger_sync.notary.log import Statement
from tests.ledger_sync.notary.backends import (
    NOTARY,
    Teller,
    attestor,
    consumer,
    item,
    killed_at,
    opened,
    ref,
    sign,
    what,
)
from tests.ledger_sync.notary.conftest import Writers
from tests.support.deciding import decide
from tests.support.world import NOW
from wallet.protocol.keys import p256
from wallet.protocol.kinds import CONSUMPTION, Kind
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef


@pytest.fixture(scope="session", params=FORMS, ids=str)
def form(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@contextmanager
def notary_at(url: str, form: Kind) -> Iterator[Teller]:
    with closing(opened(url)) as store:
        yield Teller(attestor(store), form)


@pytest.fixture
def notary(url: str, form: Kind) -> Iterator[Teller]:
    with notary_at(url, form) as found:
        yield found


def winners(item: CommitItem, verdicts: Verdicts) -> dict[TokenRef, bytes]:
    return {ref: said.body.consumer for said in verdicts for ref in said.body.refs if ref in item.refs}


def commit(notary: Teller, *items: CommitItem) -> list[dict[TokenRef, bytes]]:
    return [winners(one, said) for one, said in zip(items, notary.commit(items), strict=True)]


def encoded(verdicts: Sequence[Verdicts]) -> list[list[bytes]]:
    return [[what(statement) for statement in said] for said in verdicts]


def test_the_first_commit_of_a_token_stands(notary: Teller) -> None:
    assert commit(notary, item("a", ref(1), ref(2))) == [{ref(1): consumer("a"), ref(2): consumer("a")}]


def test_statements_are_signed_and_name_the_bank(notary: Teller) -> None:
    ((statement,),) = notary.commit([item("a", ref(1), bank="zhibek")])
    assert statement.signed_by(p256(NOTARY.public))
    assert (statement.body.bank, statement.body.refs) == ("zhibek", (ref(1),))


def test_the_same_again_is_answered_byte_for_byte(notary: Teller) -> None:
    first = notary.commit([item("a", ref(1), ref(2))])
    assert encoded(notary.commit([item("a", ref(1), ref(2))])) == encoded(first)


def test_the_same_through_another_bank_is_answered_byte_for_byte(notary: Teller) -> None:
    first = notary.commit([item("a", ref(1), bank="alatau")])
    assert encoded(notary.commit([item("a", ref(1), bank="zhibek")])) == encoded(first)


def test_the_same_twice_in_one_batch_is_one_statement(notary: Teller) -> None:
    first, second = notary.commit([item("a", ref(1)), item("a", ref(1))])
    assert encoded([first]) == encoded([second])


def test_a_different_one_loses_to_the_first(notary: Teller) -> None:
    first = notary.commit([item("a", ref(1))])
    assert encoded(notary.commit([item("b", ref(1))])) == encoded(first)


def test_within_a_batch_the_earlier_item_wins(notary: Teller) -> None:
    assert commit(notary, item("a", ref(1)), item("b", ref(1))) == [{ref(1): consumer("a")}] * 2


def test_each_reference_is_decided_on_its_own(notary: Teller) -> None:
    commit(notary, item("a", ref(1)))
    assert commit(notary, item("b", ref(1), ref(2))) == [{ref(1): consumer("a"), ref(2): consumer("b")}]
    assert commit(notary, item("c", ref(2), ref(3))) == [{ref(2): consumer("b"), ref(3): consumer("c")}]


def test_a_partial_loss_is_the_same_again(notary: Teller) -> None:
    notary.commit([item("a", ref(1))])
    first = notary.commit([item("b", ref(1), ref(2))])
    assert encoded(notary.commit([item("b", ref(1), ref(2))])) == encoded(first)


def test_what_was_held_back_at_first_is_decided_when_it_comes(notary: Teller) -> None:
    (early,) = notary.commit([item("a", ref(1), bank="alatau")])
    (late,) = notary.commit([item("a", ref(1), ref(2), bank="zhibek")])
    assert encoded([late])[0][:1] == encoded([early])[0]
    assert [said.body.bank for said in late] == ["alatau", "zhibek"]


def test_outputs_of_one_transaction_are_different_tokens(notary: Teller) -> None:
    commit(notary, item("a", ref(1, 0)))
    assert commit(notary, item("b", ref(1, 1))) == [{ref(1, 1): consumer("b")}]


def test_a_look_up_says_what_stands_and_changes_nothing(notary: Teller) -> None:
    ((said,),) = notary.commit([item("a", ref(1))])
    found = notary.lookup([ref(2), ref(1), ref(1, 1)])
    assert [None if one is None else what(one) for one in found] == [None, what(said), None]
    assert commit(notary, item("b", ref(2))) == [{ref(2): consumer("b")}]


def test_an_empty_batch_is_nothing(notary: Teller) -> None:
    assert notary.commit([]) == []


def test_a_signature_that_fails_leaves_the_batch_claimed_and_the_same_again_succeeds(
    url: str, form: Kind
) -> None:
    def failing(body: Consumption) -> Statement:
        if body.consumer == consumer("b"):
            raise RuntimeError("the keystore is gone")
        return sign(body)

    with closing(opened(url)) as store:
        broken, whole = attestor(store, failing), Teller(attestor(store), form)
        with pytest.raises(RuntimeError):
            broken.commit([item("a", ref(1)), item("b", ref(2))])
        claims = store.winners([ref(1), ref(2)])
        assert [claims[ref(n)].statement for n in (1, 2)] == [None, None]
        assert commit(whole, item("c", ref(1)), item("b", ref(2))) == [
            {ref(1): consumer("a")},
            {ref(2): consumer("b")},
        ]


def test_everything_stands_after_a_restart(url: str, form: Kind) -> None:
    with notary_at(url, form) as notary:
        first = notary.commit([item("a", ref(1)), item("b", ref(1), ref(2))])
    with notary_at(url, form) as notary:
        assert encoded(notary.commit([item("a", ref(1)), item("b", ref(1), ref(2))])) == encoded(first)


def test_killed_before_the_commit_nothing_stands(url: str, form: Kind) -> None:
    assert killed_at("notary.commit.written", url, "a", "b", form=form) == ""
    with notary_at(url, form) as notary:
        assert notary.lookup([ref("a"), ref("b"), ref("shared")]) == [None] * 3
        assert commit(notary, item("z", ref("shared"))) == [{ref("shared"): consumer("z")}]


@pytest.mark.parametrize("failpoint", ["notary.commit.claimed", "notary.commit.done"])
@pytest.mark.parametrize("asks_first", ["who looks it up", "another that wants it", "the same again"])
def test_killed_after_the_claim_and_before_the_answer_it_is_attested_for_whoever_asks(
    failpoint: str, asks_first: str, url: str, form: Kind
) -> None:
    """After `notary.commit.claimed` nothing is signed, after `notary.commit.done` it is: it makes no odds."""
    assert killed_at(failpoint, url, "a", "b", form=form) == ""
    with closing(opened(url)) as store:
        claims = store.winners([ref("a"), ref("b"), ref("shared")])
        is_signed = failpoint.endswith("done")
        assert (store.log.head() is not None) == is_signed
        are_alone = [claim.statement is not None for claim in claims.values()]
        assert are_alone == [is_signed and form is CONSUMPTION] * 3
    again = [item(name, ref(name), ref("shared")) for name in "ab"]
    with notary_at(url, form) as notary:
        if asks_first == "who looks it up":
            shared = notary.lookup([ref("shared")])[0]
        elif asks_first == "another that wants it":
            ((shared,),) = notary.commit([item("z", ref("shared"))])
        else:
            shared = notary.commit(again)[1][1 if ref("b") < ref("shared") else 0]
        assert shared is not None
        assert shared.signed_by(p256(NOTARY.public))
        assert shared.body.refs == tuple(sorted([ref("a"), ref("shared")])), "all that was won together"
    with notary_at(url, form) as notary:
        verdicts = notary.commit(again)
        assert [winners(one, said) for one, said in zip(again, verdicts, strict=True)] == [
            {ref("a"): consumer("a"), ref("shared"): consumer("a")},
            {ref("b"): consumer("b"), ref("shared"): consumer("a")},
        ]
        assert encoded(verdicts)[0] == [what(shared)]


ITEMS = st.tuples(
    st.integers(0, 5),
    st.frozensets(st.integers(0, 4), min_size=1, max_size=3),
    st.sampled_from(["alatau", "zhibek"]),
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(ITEMS, max_size=4), max_size=6))
def test_it_is_a_table_of_firsts(
    writers: Writers, form: Kind, batches: list[list[tuple[int, frozenset[int], str]]]
) -> None:
    firsts: dict[TokenRef, Statement] = {}
    standing: dict[TokenRef, Statement] = {}
    with writers() as (store, *_):
        now = NOW
        notary = Teller(attestor(store, clock=lambda: now), form)
        for now, batch in enumerate(batches, NOW):
            items = [item(who, *map(ref, tokens), bank=bank) for who, tokens, bank in batch]
            verdicts = notary.commit(items)
            decided = decide(items, standing, sign, now)
            for made, _ in decided.made:
                standing.update(dict.fromkeys(made.body.refs, made))
            assert bodies(verdicts) == bodies(decided.verdicts)
            for one, said in zip(items, verdicts, strict=True):
                for token in one.refs:
                    (statement,) = [s for s in said if token in s.body.refs]
                    assert what(firsts.setdefault(token, statement)) == what(statement)


def bodies(verdicts: Sequence[Verdicts]) -> list[list[Consumption]]:
    return [[statement.body.alone() for statement in said] for said in verdicts]
