"""The notary's log is the tree of what it said, in that order, whatever keeps it; what was lost begins another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.database.opening import open_store
from ledger_sync.notary.sql_log import PIECE
from ledger_sync.notary.sql_store import KIND, SqlStore
from tests.ledger_sync.notary.backends import (
    NOTARY,
    attestor,
    consumer,
    in_file,
    item,
    killed_at,
    opened,
    ref,
    sign,
)
from tests.ledger_sync.notary.conftest import Writers
from tests.support.world import NOW
from wallet.protocol import codec, cose, merkle
from wallet.protocol.keys import p256
from wallet.protocol.log import KIND as KIND_OF_HEADS
from wallet.protocol.log import LogHead
from wallet.protocol.merkle import Tree, leaf_hash
from wallet.protocol.settlement import Consumption, Consumption2


def head_of(store: SqlStore) -> LogHead:
    head = store.log.head()
    assert head is not None
    key = p256(NOTARY.public)
    assert cose.is_head_of(key, KIND_OF_HEADS, head.extent, head.root, head.signature)
    return head


def said(store: SqlStore, size: int) -> list[Consumption]:
    read = [codec.read(one.payload, 16_384, Consumption2.from_cbor) for one in store.log.entries(0, size)]
    return [Consumption(one.consumer, one.bank, one.time, one.refs) for one in read]


def check(store: SqlStore, sizes: Sequence[int]) -> None:
    """Every root and proof is that of the tree in memory, at each of these sizes."""
    log, last = store.log, sizes[-1]
    hashes = [leaf_hash(one.payload) for one in log.entries(0, last)]
    trees = {size: Tree.of(hashes[:size]) for size in sizes}
    for size, tree in trees.items():
        assert log.root(size) == tree.root
        indices = sorted({0, size // 3, size - 1})
        assert log.inclusions(indices, size) == [tree.path(index) for index in indices]
        path = log.consistency(size, last)
        assert merkle.is_consistent(size, last, tree.root, trees[last].root, path)


def test_a_batch_is_leaves_in_order_under_one_head(store: SqlStore) -> None:
    notary = attestor(store)
    notary.commit([item("a", ref(1), ref(2)), item("b", ref(2), ref(3)), item("c", ref(1))])
    head = head_of(store)
    assert head.extent.size == 2
    assert [body.consumer for body in said(store, 2)] == [consumer("a"), consumer("b")]
    assert head.root == store.log.root(2)
    notary.commit([item("a", ref(1), ref(2))])
    assert head_of(store) == head, "nothing new is nothing to sign"
    notary.commit([item("d", ref(4))])
    assert (head_of(store).extent.size, head_of(store).extent.log) == (3, head.extent.log)


SIZES = st.lists(st.integers(1, 90), min_size=1, max_size=9)


@settings(max_examples=12, deadline=None)
@given(batches=SIZES)
def test_it_is_the_tree_of_rfc_9162_however_it_grew(writers: Writers, batches: list[int]) -> None:
    with writers() as stores:
        sizes: list[int] = []
        for number, size in enumerate(batches):
            store = stores[number % len(stores)]
            names = [f"{number} {n}" for n in range(size)]
            attestor(store).commit([item(name, ref(name)) for name in names])
            sizes.append(sum(batches[: number + 1]))
            assert head_of(store).extent.size == sizes[-1]
        check(stores[0], sizes)


def fill(folder: Path, count: int) -> None:
    """A home with so many claims, none of which is in its log."""
    with closing(open_store(in_file(folder), KIND, folder)) as db:
        rows = []
        for number in range(1, count + 1):
            token = ref(number)
            body = Consumption2(consumer(number), "alatau", NOW, (token,), number.to_bytes(16, "big"))
            rows.append((number, codec.encode(body.to_cbor()), b""))
        db.run_each("insert into claims (number, entry, proof) values (?, ?, ?)", rows)


def test_also_above_the_second_level_that_is_kept(tmp_path: Path) -> None:
    count = 66_000
    fill(tmp_path, count)
    with closing(opened(in_file(tmp_path))) as store:
        attestor(store).commit([item("last", ref("last"))])
        assert head_of(store).extent.size == count + 1
        hashes = [leaf_hash(one.payload) for one in store.log.entries(0, count + 1)]
        whole, begun = Tree.of(hashes), Tree.of(hashes[:65_700])
        assert head_of(store).root == whole.root
        for index in (0, 255, 65_535, 65_536, count):
            assert store.log.inclusions([index], count + 1) == [whole.path(index)]
        path = store.log.consistency(65_700, count + 1)
        assert merkle.is_consistent(65_700, count + 1, begun.root, whole.root, path)


@pytest.mark.parametrize("kills", [1, 2])
def test_a_log_that_begins_anew_is_made_piece_by_piece_and_goes_on_where_it_was_cut_off(
    tmp_path: Path, kills: int
) -> None:
    count = 2 * PIECE + 10
    fill(tmp_path, count)
    for _ in range(kills):
        assert killed_at("notary.log.piece", in_file(tmp_path), "last") == ""
    with closing(opened(in_file(tmp_path))) as store:
        assert (store.log.tip().size, store.log.head()) == (kills * PIECE, None)
        attestor(store).commit([item("last", ref("last"))])
        assert head_of(store).extent.size == count + 1
        assert said(store, count + 1)[-1].consumer == consumer("last")
        check(store, [1, PIECE, count, count + 1])


def test_another_log_has_all_that_the_first_had_and_another_number(store: SqlStore) -> None:
    notary = attestor(store)
    store.begin_anew()
    notary.commit([item("a", ref(1)), item("b", ref(2))])
    first, entries = notary.head(), store.log.entries(0, 2)
    for _ in range(2):
        store.begin_anew()
    second = notary.head()
    assert (second.root, second.extent.size) == (first.root, 2)
    assert second.extent.log != first.extent.log
    assert store.log.entries(0, 2) == entries
    assert second.extent.time >= first.extent.time


def test_killed_before_it_was_told_a_claim_is_in_the_log_and_in_the_next_head(url: str) -> None:
    killed_at("notary.commit.claimed", url, "a", "b")
    with closing(opened(url)) as store:
        assert store.log.head() is None
        notary = attestor(store)
        notary.commit([item("c", ref("c"))])
        assert head_of(store).extent.size == 3
        check(store, [3])


def test_a_head_is_no_earlier_than_what_it_is_over(url: str) -> None:
    with closing(opened(url)) as store:
        attestor(store).commit([item("a", ref(1))])
        store.claim([item("b", ref(2))], NOW + 500)
        attestor(store).commit([item("c", ref(3))])
        assert head_of(store).extent.time == NOW + 500


def test_what_was_lost_begins_another_log_with_all_of_the_first(store: SqlStore) -> None:
    """Its leaves had places in the first, which nobody knows any more."""
    notary = attestor(store)
    notary.commit([item("a", ref(1)), item("b", ref(2))])
    first = head_of(store)
    lost = sign(Consumption(consumer("c"), "alatau", NOW, (ref(3),)))
    assert store.learn([lost]) == []
    assert store.log.head() is None
    notary.commit([item("d", ref(4))])
    second = head_of(store)
    assert second.extent.log != first.extent.log
    assert [body.consumer for body in said(store, 4)] == [consumer(name) for name in "abcd"]
    check(store, [1, 2, 3, 4])
    assert store.learn([lost]) == []
    assert head_of(store) == second, "what is known changes nothing"


def test_a_claim_that_gives_way_leaves_no_gap(store: SqlStore) -> None:
    notary = attestor(store)
    notary.commit([item("a", ref(1))])
    store.claim([item("untold", ref(2)), item("also untold", ref(3))], NOW)
    held = sign(Consumption(consumer("b"), "alatau", NOW, (ref(2),)))
    assert store.learn([held]) == []
    notary.commit([item("c", ref(4))])
    assert [body.consumer for body in said(store, 4)] == [
        consumer(name) for name in ("a", "also untold", "b", "c")
    ]
    check(store, [1, 2, 3, 4])


def test_what_stands_in_a_head_that_was_signed_gives_way_to_nothing(store: SqlStore) -> None:
    """Somebody may have been shown it there, though it was never signed alone."""
    store.claim([item("a", ref(1))], NOW)
    attestor(store).commit([item("b", ref(2))])
    against = sign(Consumption(consumer("z"), "alatau", NOW, (ref(1),)))
    assert store.learn([against]) == [against]
