"""What every backend of the notary keeps, whatever it is built on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.notary import CommitItem, Store, Verdicts
from tests.ledger_sync.notary.backends import BACKENDS, NOTARY, consumer, item, ref
from wallet.protocol.keys import p256
from wallet.protocol.transfer import TokenRef

Open = Callable[[], Store]


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(backend: str, tmp_path: Path) -> Iterator[Store]:
    opened = BACKENDS[backend](tmp_path)
    yield opened
    opened.close()


def winners(item: CommitItem, verdicts: Verdicts) -> dict[TokenRef, bytes]:
    return {ref: said.body.consumer for said in verdicts for ref in said.body.refs if ref in item.refs}


def commit(store: Store, *items: CommitItem) -> list[dict[TokenRef, bytes]]:
    return [winners(one, said) for one, said in zip(items, store.commit(items), strict=True)]


def encoded(verdicts: Sequence[Verdicts]) -> list[list[bytes]]:
    return [[statement.encode() for statement in said] for said in verdicts]


def test_the_first_commit_of_a_token_stands(store: Store) -> None:
    assert commit(store, item("a", ref(1), ref(2))) == [{ref(1): consumer("a"), ref(2): consumer("a")}]


def test_statements_are_signed_and_name_the_bank(store: Store) -> None:
    ((statement,),) = store.commit([item("a", ref(1), bank="zhibek")])
    assert statement.signed_by(p256(NOTARY.public))
    assert (statement.body.bank, statement.body.refs) == ("zhibek", (ref(1),))


def test_the_same_again_is_answered_byte_for_byte(store: Store) -> None:
    first = store.commit([item("a", ref(1), ref(2))])
    assert encoded(store.commit([item("a", ref(1), ref(2))])) == encoded(first)


def test_the_same_through_another_bank_is_answered_byte_for_byte(store: Store) -> None:
    first = store.commit([item("a", ref(1), bank="alatau")])
    assert encoded(store.commit([item("a", ref(1), bank="zhibek")])) == encoded(first)


def test_the_same_twice_in_one_batch_is_one_statement(store: Store) -> None:
    first, second = store.commit([item("a", ref(1)), item("a", ref(1))])
    assert encoded([first]) == encoded([second])


def test_a_different_one_loses_to_the_first(store: Store) -> None:
    first = store.commit([item("a", ref(1))])
    assert encoded(store.commit([item("b", ref(1))])) == encoded(first)


def test_within_a_batch_the_earlier_item_wins(store: Store) -> None:
    assert commit(store, item("a", ref(1)), item("b", ref(1))) == [{ref(1): consumer("a")}] * 2


def test_each_reference_is_decided_on_its_own(store: Store) -> None:
    commit(store, item("a", ref(1)))
    assert commit(store, item("b", ref(1), ref(2))) == [{ref(1): consumer("a"), ref(2): consumer("b")}]
    assert commit(store, item("c", ref(2), ref(3))) == [{ref(2): consumer("b"), ref(3): consumer("c")}]


def test_a_partial_loss_is_the_same_again(store: Store) -> None:
    store.commit([item("a", ref(1))])
    first = store.commit([item("b", ref(1), ref(2))])
    assert encoded(store.commit([item("b", ref(1), ref(2))])) == encoded(first)


def test_what_was_held_back_at_first_is_decided_when_it_comes(store: Store) -> None:
    (early,) = store.commit([item("a", ref(1), bank="alatau")])
    (late,) = store.commit([item("a", ref(1), ref(2), bank="zhibek")])
    assert encoded([late])[0][:1] == encoded([early])[0]
    assert [said.body.bank for said in late] == ["alatau", "zhibek"]


def test_outputs_of_one_transaction_are_different_tokens(store: Store) -> None:
    commit(store, item("a", ref(1, 0)))
    assert commit(store, item("b", ref(1, 1))) == [{ref(1, 1): consumer("b")}]


def test_a_look_up_says_what_stands_and_changes_nothing(store: Store) -> None:
    ((said,),) = store.commit([item("a", ref(1))])
    found = store.lookup([ref(2), ref(1), ref(1, 1)])
    assert [None if one is None else one.encode() for one in found] == [None, said.encode(), None]
    assert commit(store, item("b", ref(2))) == [{ref(2): consumer("b")}]


def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert store.commit([]) == []


def test_a_signature_that_fails_leaves_nothing_of_the_batch(backend: str, tmp_path: Path) -> None:
    store = BACKENDS[backend](tmp_path)
    kept = store._sign  # type: ignore[attr-defined]

    def failing(body: object) -> object:
        if body.consumer == consumer("b"):  # type: ignore[attr-defined]
            raise RuntimeError("the keystore is gone")
        return kept(body)

    store._sign = failing  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError):
        store.commit([item("a", ref(1)), item("b", ref(2))])
    assert store.lookup([ref(1), ref(2)]) == [None, None]
    assert commit(store, item("c", ref(1))) == [{ref(1): consumer("c")}]
    store.close()


def test_everything_stands_after_a_restart(backend: str, tmp_path: Path) -> None:
    store = BACKENDS[backend](tmp_path)
    first = store.commit([item("a", ref(1)), item("b", ref(1), ref(2))])
    store.close()
    again = BACKENDS[backend](tmp_path)
    assert encoded(again.commit([item("a", ref(1)), item("b", ref(1), ref(2))])) == encoded(first)
    again.close()


def killed_at(failpoint: str, backend: str, path: Path, *names: str) -> str:
    command = [sys.executable, "-m", "tests.ledger_sync.notary.backends", backend, str(path), *names]
    done = subprocess.run(
        command, env={**os.environ, "QALTA_FAILPOINT": failpoint}, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def test_killed_before_the_commit_nothing_stands(backend: str, tmp_path: Path) -> None:
    assert killed_at("notary.commit.written", backend, tmp_path, "a", "b") == ""
    store = BACKENDS[backend](tmp_path)
    assert store.lookup([ref("a"), ref("b"), ref("shared")]) == [None] * 3
    assert commit(store, item("z", ref("shared"))) == [{ref("shared"): consumer("z")}]
    store.close()


def test_killed_after_the_commit_and_before_the_answer_the_same_again_succeeds(
    backend: str, tmp_path: Path
) -> None:
    killed_at("notary.commit.done", backend, tmp_path, "a", "b")
    store = BACKENDS[backend](tmp_path)
    shared = store.lookup([ref("shared")])[0]
    assert shared is not None
    assert shared.body.consumer == consumer("a")
    verdicts = store.commit([item(name, ref(name), ref("shared")) for name in "ab"])
    assert [
        winners(item(name, ref(name), ref("shared")), said) for name, said in zip("ab", verdicts, strict=True)
    ] == [
        {ref("a"): consumer("a"), ref("shared"): consumer("a")},
        {ref("b"): consumer("b"), ref("shared"): consumer("a")},
    ]
    assert shared.encode() in encoded(verdicts)[0]
    store.close()


ITEMS = st.tuples(
    st.integers(0, 5),
    st.frozensets(st.integers(0, 4), min_size=1, max_size=3),
    st.sampled_from(["alatau", "zhibek"]),
)


@pytest.mark.parametrize("name", sorted(BACKENDS))
@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(ITEMS, max_size=4), max_size=6))
def test_it_is_a_table_of_firsts(name: str, batches: list[list[tuple[int, frozenset[int], str]]]) -> None:
    with TemporaryDirectory() as folder:
        store = BACKENDS[name](Path(folder))
        firsts: dict[TokenRef, tuple[bytes, bytes]] = {}
        for batch in batches:
            items = [item(who, *map(ref, tokens), bank=bank) for who, tokens, bank in batch]
            for one, said in zip(items, store.commit(items), strict=True):
                assert len({statement.id for statement in said}) == len(said)
                for token in one.refs:
                    (statement,) = [s for s in said if token in s.body.refs]
                    expected = firsts.setdefault(token, (one.consumer, statement.encode()))
                    assert expected == (statement.body.consumer, statement.encode())
        store.close()
