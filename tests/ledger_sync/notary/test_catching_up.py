"""A notary put back from a backup: says nothing before it has heard what it once said, and then the same as then."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger_sync.notary.catching_up import CatchingUp
from ledger_sync.notary.log import Statement
from ledger_sync.notary.store import CommitItem, Store
from ledger_sync.sandbox.in_process import NOTARY, InProcessNetwork
from tests.ledger_sync.notary.backends import attestor, consumer, in_file, item, opened, ref, sign
from tests.support.world import NOW
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption


class Holder:
    """A witness with a list; `silent` while it cannot be reached."""

    def __init__(self, held: list[Statement]) -> None:
        self.held = held
        self.silent = False
        self.page = 2
        self.seen: list[LogHead] = []

    def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
        if self.silent:
            raise Refusal(Code.UNREACHABLE)
        shown = self.held[after : after + self.page]
        return after + len(shown), shown

    def heads(self) -> list[LogHead]:
        return self.seen


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = opened(in_file(tmp_path))
    yield found
    found.close()


def said(name: str, *tokens: str) -> Statement:
    return sign(Consumption(consumer(name), "alatau", NOW, tuple(sorted(ref(token) for token in tokens))))


def winner(store: Store, asked: CommitItem) -> bytes:
    ((statement,),) = attestor(store).commit([asked])
    return statement.body.consumer


def test_what_others_hold_stands_again_byte_for_byte(store: Store) -> None:
    held = [said("a", "1", "2"), said("b", "3"), said("c", "4")]
    catching_up = CatchingUp(store, {"alatau": Holder(held)})
    with pytest.raises(Refusal) as early:
        catching_up.require_done()
    assert early.value.code is Code.BUSY
    catching_up.round()
    catching_up.require_done()
    asked = attestor(store).commit(
        [item("z", ref("1")), item("z", ref("2")), item("z", ref("3")), item("z", ref("4"))]
    )
    assert [one.encode() for (one,) in asked] == [held[n].encode() for n in (0, 0, 1, 2)]
    again = CatchingUp(store, {"alatau": Holder(held)})
    again.round()
    assert again.is_done


def test_a_head_over_leaves_that_were_lost_begins_another_log_also_where_nobody_was_told_of_them(
    store: Store, tmp_path: Path
) -> None:
    """Its place would be given to another leaf, and that would be evidence against a notary that was only put back."""
    attestor(store).commit([item("a", ref("1"))])
    kept = store.log.head()
    with (
        closing(sqlite3.connect(tmp_path / "notary.db")) as here,
        closing(sqlite3.connect(tmp_path / "backup.db")) as there,
    ):
        here.backup(there)
    store.claim([item("untold", ref("2"))], NOW)
    attestor(store).commit([item("a", ref("1"))])
    over_both = store.log.head()
    assert kept is not None
    assert over_both is not None
    assert (kept.extent.size, over_both.extent.size) == (1, 2)
    backup = opened(f"sqlite:{tmp_path / 'backup.db'}")
    holder = Holder([])
    for seen, begins_anew in ([kept], False), ([over_both], True):
        holder.seen = list(seen)
        CatchingUp(backup, {"alatau": holder}).round()
        assert (backup.log.tip().number != kept.extent.log) == begins_anew
    attestor(backup).commit([item("b", ref("3"))])
    assert backup.log.tip().size == 2
    backup.close()


def test_one_witness_that_is_silent_is_waited_for_and_the_others_are_not_asked_again(store: Store) -> None:
    loud, silent = Holder([said("a", "1")]), Holder([said("b", "2")])
    silent.silent = True
    catching_up = CatchingUp(store, {"alatau": loud, "zhibek": silent})
    catching_up.round()
    assert catching_up.left == ("zhibek",)
    loud.silent, silent.silent = True, False
    catching_up.round()
    assert catching_up.is_done
    assert (winner(store, item("z", ref("1"))), winner(store, item("z", ref("2")))) == (
        consumer("a"),
        consumer("b"),
    )


def test_the_operator_may_go_on_without_a_witness_that_is_waited_for(store: Store) -> None:
    silent = Holder([])
    silent.silent = True
    catching_up = CatchingUp(store, {"zhibek": silent})
    catching_up.round()
    with pytest.raises(Refusal) as nobody:
        catching_up.go_on_without("alatau")
    assert nobody.value.code is Code.NOT_FOUND
    catching_up.go_on_without("zhibek")
    catching_up.require_done()


def test_a_statement_that_contradicts_one_kept_here_changes_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    ((stands,),) = attestor(store).commit([item("a", ref("1"))])
    CatchingUp(store, {"zhibek": Holder([said("b", "1", "2")])}).round()
    assert "contradicts" in caplog.text
    assert winner(store, item("z", ref("1"))) == stands.body.consumer
    assert winner(store, item("z", ref("2"))) == consumer("z")


def test_a_witness_that_never_comes_to_an_end_is_left(store: Store) -> None:
    class Endless(Holder):
        def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
            return 1, self.held

    catching_up = CatchingUp(store, {"zhibek": Endless([said("a", "1")])})
    catching_up.round()
    assert catching_up.left == ("zhibek",)


def test_a_witness_that_goes_on_for_ever_keeps_no_other_waiting(store: Store) -> None:
    """One that has much to say is heard to its end, in more rounds than one."""

    class Long(Holder):
        asked = 0
        pages = 1_000_000

        def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
            self.asked += 1
            assert self.asked < 10_000, "for ever"
            return after + 1, self.held if after < self.pages else []

    endless, long = Long([said("a", "1")]), Long([said("b", "2")])
    long.pages = 300
    catching_up = CatchingUp(store, {"alatau": endless, "zhibek": long})
    catching_up.round()
    catching_up.round()
    assert catching_up.left == ("alatau",)
    assert long.asked == 301
    catching_up.go_on_without("alatau")
    assert catching_up.is_done


def test_between_services_a_notary_put_back_waits_for_each_bank_and_for_the_central_bank(
    tmp_path: Path,
) -> None:
    chance = random.Random(1).randbytes
    network = InProcessNetwork(tmp_path / "net", lambda: NOW, lambda _name: chance)
    network.found()
    try:
        network.back_up(NOTARY, tmp_path / "backup")
        with network.offline("zhibek"):
            network.put_back(NOTARY, tmp_path / "backup")
            bank = network.line("alatau", NOTARY, network.signer("alatau", "bank"))
            with pytest.raises(Refusal) as early:
                bank.post("/v1/lookups", [ref("1").to_cbor()])
            assert early.value.code is Code.BUSY
            assert network.operate(NOTARY, "/v1/witnesses/absent", ["zhibek"]) == []
            assert bank.post("/v1/lookups", [ref("1").to_cbor()]) == [None]
    finally:
        network.close()
