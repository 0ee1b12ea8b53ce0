"""What the notary tells whoever reads what is signed in its log: one signature for all of a batch, and the same for
ever; what it says alone, for whoever reads no more, is signed when that is first asked for."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hsm import failpoint
from ledger_sync.database.opening import open_store
from ledger_sync.notary import Verdicts
from ledger_sync.notary.catching_up import CatchingUp
from ledger_sync.notary.log import SignedTip, Statement
from ledger_sync.notary.sql_log import SqlLog
from ledger_sync.notary.sql_store import KIND, SqlStore
from tests.ledger_sync.notary.backends import (
    NOTARY,
    Teller,
    attestor,
    consumer,
    item,
    opened,
    ref,
    sign,
    what,
)
from tests.ledger_sync.notary.test_catching_up import Holder
from tests.support.inside import SIGNING, SIGNING_HEAD, watching
from tests.support.world import NOW
from wallet.protocol import codec
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.keys import p256
from wallet.protocol.kinds import CONSUMPTION, CONSUMPTION_2
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption, Consumption2


def tellers(store: SqlStore) -> tuple[Teller, Teller]:
    """To those who read what is signed in the log, and to those who do not."""
    notary = attestor(store)
    return Teller(notary, CONSUMPTION_2), Teller(notary, CONSUMPTION)


def only(found: list[Statement | None]) -> Statement:
    (said,) = found
    assert said is not None
    return said


def encoded(verdicts: Sequence[Verdicts]) -> list[list[bytes]]:
    return [[what(said) for said in one] for one in verdicts]


def test_a_batch_costs_one_signature_and_the_same_again_none(url: str) -> None:
    with closing(open_store(url, KIND, Path("/"))) as db:
        notary = Teller(attestor(SqlStore(db, os.urandom)), CONSUMPTION_2)
        batch = [item(n, ref(n), ref(f"{n} too")) for n in range(40)]
        with watching(lambda: db.in_transaction) as seen:
            first = notary.commit(batch)
            notary.commit(batch)
            notary.lookup([ref(3), ref("nothing")])
        signed = [(code, inside) for code, inside in seen if code in (SIGNING, SIGNING_HEAD)]
        assert signed == [(SIGNING_HEAD, False)]
        head = notary.attestor.head()
        assert {LogHead.of(said) for (said,) in first} == {head}
        assert {said.leaf.path.index for (said,) in first if said.leaf} == set(range(40))
        assert all(said.signed_by(p256(NOTARY.public)) for (said,) in first)


def test_who_reads_no_more_is_told_what_is_signed_alone_the_same_bytes_ever_after(url: str) -> None:
    batch = [item("a", ref(1), ref(2)), item("b", ref(2), ref(3))]
    with closing(opened(url)) as store:
        in_log, alone = tellers(store)
        shown = in_log.commit(batch)
        assert [claim.statement for claim in store.winners([ref(1), ref(3)]).values()] == [None] * 2
        first = alone.commit(batch)
    with closing(opened(url)) as store:
        in_log, alone = tellers(store)
        with watching(lambda: False) as seen:
            again = alone.commit(batch)
        assert seen == []
        assert encoded(again) == encoded(first)
        assert encoded(in_log.commit(batch)) == encoded(shown)
    for some, others in zip(shown, first, strict=True):
        assert [said.body.alone() for said in some] == [said.body for said in others]
        assert all(said.leaf is None and said.signed_by(p256(NOTARY.public)) for said in others)


def test_the_other_form_first_makes_no_odds(store: SqlStore) -> None:
    in_log, alone = tellers(store)
    ((first,),) = alone.commit([item("a", ref(1))])
    shown = only(in_log.lookup([ref(1)]))
    assert isinstance(shown.body, Consumption2)
    assert shown.body.alone() == first.body
    assert only(alone.lookup([ref(1)])).encode() == first.encode()


def test_later_it_is_the_same_payload_under_a_head_that_continues_the_first(store: SqlStore) -> None:
    in_log, _ = tellers(store)
    ((first,),) = in_log.commit([item("a", ref(1))])
    in_log.commit([item(n, ref(f"later {n}")) for n in range(5)])
    again = only(in_log.lookup([ref(1)]))
    assert (again.id, again.payload) == (first.id, first.payload)
    assert [LogHead.of(said).extent.size for said in (first, again)] == [1, 6]
    assert LogHead.of(first).root == store.log.root(1)


def test_what_was_just_claimed_is_not_read_again(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    in_log, _ = tellers(store)
    in_log.commit([item(n, ref(n)) for n in range(5)])
    with monkeypatch.context() as only_written:
        for name in ("tip", "openings", "inclusions", "root"):
            only_written.delattr(SqlLog, name)
        told = [said for (said,) in in_log.commit([item(n, ref(n), ref(f"{n} too")) for n in range(5, 12)])]
    again = in_log.lookup([said.body.refs[1] for said in told])
    assert [said.to_cbor() for said in told] == [only([said]).to_cbor() for said in again]
    assert all(said.signed_by(p256(NOTARY.public)) for said in told)


@pytest.mark.parametrize("others", [1, 7])
def test_two_processes_that_claim_at_once_show_each_its_own_under_a_head_over_both(
    url: str, others: int
) -> None:
    with closing(opened(url)) as one, closing(opened(url)) as other:
        (first, _), (second, _) = tellers(one), tellers(other)
        first.commit([item("before", ref("before"))])

        def meanwhile(place: str) -> None:
            if place == "notary.commit.claimed" and not beside:
                beside.append(())
                beside[:] = second.commit([item(n, ref(n)) for n in range(others)])

        beside: list[Verdicts] = []
        with failpoint.watching(meanwhile):
            ((said,),) = first.commit([item("a", ref("a"), ref("b"))])
        head = first.attestor.head()
        assert {LogHead.of(each) for each in (said, *(word for (word,) in beside))} == {head}
        assert (head.extent.size, head.root) == (2 + others, one.log.root(2 + others))
        assert said.leaf is not None
        assert said.leaf.path.index == 1
        assert said.signed_by(p256(NOTARY.public))


def test_own_pages_are_told_in_either_form(store: SqlStore) -> None:
    in_log, alone = tellers(store)
    in_log.commit([item(n, ref(n), bank="zhibek" if n % 2 else "alatau") for n in range(6)])
    pages = [one.attestor.own("zhibek", 0, 0, one.form)[1] for one in (in_log, alone)]
    assert [[said.body.consumer for said in page] for page in pages] == [[consumer(n) for n in (1, 3, 5)]] * 2
    assert [{said.leaf is None for said in page} for page in pages] == [{False}, {True}]


class Losing(SqlStore):
    """Loses what was claimed last before it is durable, as a database does that goes on elsewhere."""

    def __init__(self, url: str) -> None:
        self.db = open_store(url, KIND, Path("/"))
        super().__init__(self.db, os.urandom)
        self.loses = False

    def answer(self, signed: SignedTip | None = None) -> LogHead | None:
        if self.loses:
            self.loses = False
            with self.db.transaction():
                self.db.run("delete from won where claim > 1")
                self.db.run("delete from claims where number > 1")
                leaf = self.db.value("select leaf from claims where number = 1")
                self.db.run("update log set size = 1, edge = ?", (leaf,))
        return super().answer(signed)


def test_what_was_lost_before_it_was_durable_is_told_nobody_and_the_same_again_succeeds(url: str) -> None:
    with closing(Losing(url)) as store:
        in_log, _ = tellers(store)
        in_log.commit([item("a", ref(1))])
        store.loses = True
        with pytest.raises(Refusal) as lost:
            in_log.commit([item("b", ref(2))])
        assert lost.value.code is Code.INTERNAL
        ((rival,),) = in_log.commit([item("c", ref(2))])
        assert rival.body.consumer == consumer("c")
        assert LogHead.of(rival).root == store.log.root(2)


# put back from a backup


def in_the_log(seed: str, *names: str, time: int = NOW) -> Consumption2:
    salt = random.Random(seed).randbytes(16)
    return Consumption2(consumer(seed), "alatau", time, tuple(sorted(map(ref, names))), salt)


def told(body: Consumption2, folder: Path) -> Statement:
    """As another store of the same notary showed it once."""
    with closing(opened(f"sqlite:{folder / 'elsewhere.db'}")) as elsewhere:
        elsewhere.learn([sign(body.alone())])
        with elsewhere._db.transaction():
            elsewhere._db.run("update claims set entry = ?", (codec.encode(body.to_cbor()),))
        return only(Teller(attestor(elsewhere), CONSUMPTION_2).lookup([body.refs[0]]))


def test_what_was_shown_in_the_log_is_learnt_with_its_salt(store: SqlStore, tmp_path: Path) -> None:
    said = told(in_the_log("a", "1", "2"), tmp_path)
    CatchingUp(store, {"alatau": Holder([said, said])}).round()
    in_log, alone = tellers(store)
    assert only(in_log.lookup([ref("2")])).id == said.id
    assert only(alone.lookup([ref("1")])).body == said.body.alone()
    assert store.learn([said, sign(said.body.alone())]) == []


def test_learnt_alone_and_then_in_the_log_it_is_one_claim_with_that_salt(
    store: SqlStore, tmp_path: Path
) -> None:
    said = told(in_the_log("a", "1"), tmp_path)
    alone = sign(said.body.alone())
    assert store.learn([alone]) == []
    assert store.learn([said]) == []
    in_log, first = tellers(store)
    assert only(in_log.lookup([ref("1")])).id == said.id
    assert only(first.lookup([ref("1")])).encode() == alone.encode()
    assert store.log.tip().size == 1


def test_what_contradicts_what_was_learnt_in_the_log_is_given_back(store: SqlStore, tmp_path: Path) -> None:
    said, against = (
        told(in_the_log("a", "1", "2"), tmp_path),
        sign(Consumption(consumer("b"), "zhibek", NOW, (ref("2"),))),
    )
    assert store.learn([said, against]) == [against]
    assert store.learn([against]) == [against]


def test_what_stood_in_a_head_gives_way_to_nothing_also_where_another_log_began(store: SqlStore) -> None:
    in_log, _ = tellers(store)
    in_log.commit([item("a", ref(1))])
    store.begin_anew()
    store.claim([item("untold", ref(2))], NOW)
    against = [sign(Consumption(consumer("z"), "alatau", NOW, (ref(n),))) for n in (1, 2)]
    assert store.learn(against) == against[:1]
    assert only(in_log.lookup([ref(2)])).body.consumer == consumer("z")


def test_a_claim_that_somebody_was_told_of_is_not_given_up_nor_are_those_before_it(
    store: SqlStore, tmp_path: Path
) -> None:
    """In the backup nobody had been told of them; whoever shows a later one shows that they were durable."""
    store.claim([item("a", ref("1")), item("b", ref("2"))], NOW)
    shown = told(in_the_log("b", "2"), tmp_path)
    against = sign(Consumption(consumer("z"), "zhibek", NOW, (ref("1"),)))
    assert store.learn([shown]) == []
    assert store.learn([against]) == [against]


def test_a_statement_under_a_head_that_this_log_does_not_lead_to_begins_another(
    store: SqlStore, tmp_path: Path
) -> None:
    in_log, _ = tellers(store)
    in_log.commit([item("a", ref(1))])
    number = store.log.tip().number
    ((shown,),) = in_log.commit([item("a", ref(1))])
    CatchingUp(store, {"alatau": Holder([shown])}).round()
    assert store.log.tip().number == number
    ((later,),) = in_log.commit([item("b", ref(2))])
    with store._db.transaction():
        store._db.run("delete from won where claim > 1")
        store._db.run("delete from claims where number > 1")
        leaf = store._db.value("select leaf from claims where number = 1")
        store._db.run("update log set size = 1, edge = ?, head = null, head_size = 0, told = 1", (leaf,))
    CatchingUp(store, {"alatau": Holder([later])}).round()
    assert store.log.tip().number != number
    assert [only(in_log.lookup([ref(n)])).id for n in (1, 2)] == [shown.id, later.id]
