"""What a bank consumed, page by page from a time on: every claim of it is told, whatever order they came in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.heard import PAGE
from ledger_sync.notary.sql_store import SqlStore
from ledger_sync.notary.store import CommitItem
from tests.ledger_sync.notary.backends import consumer, item, ref, sign
from tests.ledger_sync.notary.conftest import Writers
from tests.support.world import NOW
from wallet.protocol.settlement import CENTRAL_BANK, Consumption

BANKS = ("alatau", "zhibek", CENTRAL_BANK)


def own(store: SqlStore, bank: str, since: int) -> list[Consumption]:
    """Page by page."""
    found, after, last = list[Consumption](), 0, -1
    while last < after:
        last = after
        after, page = store.own(bank, since, last)
        found += [claim.body for claim in page]
    return found


@settings(max_examples=8, deadline=None)
@given(
    batches=st.lists(
        st.tuples(st.integers(0, 9), st.booleans(), st.lists(st.sampled_from(BANKS), min_size=1, max_size=4)),
        min_size=1,
        max_size=8,
    )
)
def test_all_that_a_bank_consumed_since_a_time_is_told_whatever_the_order(
    writers: Writers, batches: list[tuple[int, bool, list[str]]]
) -> None:
    """Claimed here, or learnt from others after the notary was put back."""
    with writers() as (store, *_):
        bodies = list[Consumption]()
        for number, (late, is_learnt, banks) in enumerate(batches):
            items = [item(f"{number} {n}", ref(f"{number} {n}"), bank=bank) for n, bank in enumerate(banks)]
            made = [Consumption(one.consumer, one.bank, NOW + late, one.refs) for one in items]
            if is_learnt:
                store.learn([sign(body) for body in made])
            else:
                store.claim(items, NOW + late)
            bodies += made
        for bank in BANKS:
            for since in (0, NOW, NOW + 3, NOW + 7, NOW + 10):
                wanted = [body for body in bodies if body.bank == bank and body.time >= since]
                assert own(store, bank, since) == wanted


def test_claims_that_gave_way_to_others_hide_none(store: SqlStore) -> None:
    """Those after them have lower numbers then."""
    store.claim([item("kept", ref("kept"))], NOW)
    store.claim([item(n, ref(n)) for n in range(5)], NOW + 1)
    after = item("after", ref("after"))
    store.claim([after], NOW + 2)
    store.learn([sign(Consumption(consumer("told"), "zhibek", NOW + 1, tuple(sorted(map(ref, range(5))))))])
    late = Consumption(after.consumer, "alatau", NOW + 2, after.refs)
    assert own(store, "alatau", NOW + 2) == [late]
    assert [body.consumer for body in own(store, "alatau", 0)] == [consumer("kept"), consumer("after")]


def test_pages_end(store: SqlStore) -> None:
    items = [item(n, ref(n), bank=BANKS[n % 2]) for n in range(2 * PAGE + 20)]
    store.claim(items, NOW)
    after, page = store.own("alatau", 0, 0)
    assert len(page) == PAGE
    assert after == 2 * PAGE - 1
    after, page = store.own("alatau", 0, after)
    assert (after, len(page)) == (2 * PAGE + 20, 10)
    assert store.own("alatau", 0, after) == (after, [])
    assert own(store, "alatau", NOW + 1) == []


def test_what_was_claimed_before_times_were_kept_is_told(store: SqlStore) -> None:
    def claimed(name: str) -> CommitItem:
        made = item(name, ref(name))
        store.claim([made], NOW)
        return made

    old = claimed("old")
    with store._db.transaction():
        store._db.run("delete from dated")
    new = claimed("new")
    assert [body.consumer for body in own(store, "alatau", NOW)] == [old.consumer, new.consumer]
