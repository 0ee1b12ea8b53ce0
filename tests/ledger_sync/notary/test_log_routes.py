"""The notary's log over HTTP: what it shows to whom, and that all of it fits."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.reading import READS
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, InProcessNetwork, Plan
from tests.ledger_sync.notary.backends import attestor, consumer, in_file, item, opened, ref, sign
from tests.support.world import NOW, Key
from wallet.protocol import cose, merkle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.handover import Published
from wallet.protocol.kinds import CONSUMPTION_2
from wallet.protocol.leaf import Path as Inclusion
from wallet.protocol.log import Growth, LogHead, check_head, continues
from wallet.protocol.settlement import Commit, Consumption, Consumption2, check_consumption
from wallet.protocol.transfer import TokenRef

AUDITOR = Key.of("auditor")


class Rig:
    """A network with an auditor; two banks that commit by hand."""

    def __init__(self, folder: Path, *others: bytes) -> None:
        """``others``: the keys of more auditors."""
        chance = random.Random(1).randbytes
        plan = Plan(auditors=(AUDITOR.public, *others))
        self.network = InProcessNetwork(folder, lambda: NOW, lambda _name: chance, plan)
        self.network.found()
        self.auditor = self.line(AUDITOR)
        self.banks = {name: self.bank(name) for name in ("alatau", "zhibek")}
        published = Published.from_cbor(self.auditor_at("central-bank").get("/v1/directories"))
        self.directory = Directory.of(published.forms[0], self.network.root)

    def line(self, key: Key) -> ServiceClient:
        return self._line(key, NOTARY)

    def auditor_at(self, name: str) -> ServiceClient:
        return self._line(AUDITOR, name)

    def _line(self, key: Key, name: str) -> ServiceClient:
        return self.network.line("somebody", name, Signer(key.public, key.sign))

    def bank(self, name: str) -> ServiceClient:
        return self.network.line(name, NOTARY, self.network.signer(name, "bank"))

    def signed(self, bank: str, who: str, *refs: TokenRef) -> Cbor:
        body = Commit(bank, consumer(who), tuple(sorted(refs)), NOW)
        return cose.sign(body, self.network.signer(bank, "bank").sign).to_cbor()

    def commit(self, bank: str, who: str, *refs: TokenRef, reads: str = READS) -> None:
        self.banks[bank].post("/v1/commits", [self.signed(bank, who, *refs)], reads)

    def head(self) -> LogHead:
        head = LogHead.from_cbor(self.auditor.get("/v1/log/head"))
        check_head(head, self.directory)
        return head

    def openings(self, bank: str, who: str, *refs: TokenRef) -> list[cose.Signed[Consumption2]]:
        (said,) = self.banks[bank].post("/v1/questions", [self.signed(bank, who, *refs)])
        return [cose.from_cbor(Consumption2, value) for value in said]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.network.close()


def code_of(line: ServiceClient, path: str) -> Code:
    with pytest.raises(Refusal) as caught:
        line.get(path)
    return caught.value.code


def test_every_head_continues_those_before(rig: Rig) -> None:
    assert code_of(rig.auditor, "/v1/log/head") is Code.NOT_FOUND
    heads = []
    for number in range(5):
        rig.commit("alatau", str(number), ref(number), ref(f"{number} too"))
        heads.append(rig.head())
    assert [head.extent.size for head in heads] == [1, 2, 3, 4, 5]
    for older in heads:
        for newer in heads[heads.index(older) :]:
            query = f"first={older.extent.size}&second={newer.extent.size}"
            growth = Growth.from_cbor(rig.banks["zhibek"].get(f"/v1/log/growth?{query}"))
            assert continues(older, newer, growth)
    for query in ("first=0&second=3", "first=4&second=3", "first=1&second=6"):
        assert code_of(rig.auditor, f"/v1/log/growth?{query}") is Code.NOT_FOUND


def test_whoever_asks_makes_the_notary_write_once_for_each_head_and_for_no_proof(rig: Rig) -> None:
    asked = ("head", "growth?first=1&second=1", "inclusion?index=0&size=1", "entries?begin=0&end=1")
    database = rig.network.folder / NOTARY / "notary.db"

    def writes() -> int:
        with closing(sqlite3.connect(database)) as db:
            return int(db.execute("select answers from log").fetchone()[0])

    for number in range(2):
        rig.commit("alatau", str(number), ref(number))
        before, told = writes(), []
        for path in (*asked, *reversed(asked)):
            rig.auditor.get(f"/v1/log/{path}")
            told.append(writes() - before)
        assert told == [1] * len(told)


def test_whoever_committed_and_whoever_lost_are_shown_the_entry(rig: Rig) -> None:
    rig.commit("alatau", "a", ref(1), ref(2))
    rig.commit("zhibek", "b", ref(2), ref(3))
    mine = rig.openings("alatau", "a", ref(1), ref(2))
    rivals = rig.openings("zhibek", "b", ref(2), ref(3))
    assert [said.body.consumer for said in mine] == [consumer("a")]
    assert [said.body.consumer for said in rivals] == [consumer("a"), consumer("b")]
    for said in (*mine, *rivals):
        check_consumption(said, rig.directory)
        assert LogHead.of(said) == rig.head()
    assert rig.openings("zhibek", "b", ref("free")) == []
    leaf = rivals[1].leaf
    assert leaf is not None
    size, index, hashes = rig.banks["alatau"].get("/v1/log/inclusion?index=1&size=2")
    assert Inclusion(size, index, tuple(hashes)) == leaf.path
    assert code_of(rig.auditor, "/v1/log/inclusion?index=2&size=2") is Code.NOT_FOUND


def test_only_auditors_see_all_entries_and_they_make_the_tree_again(rig: Rig) -> None:
    for number in range(3):
        rig.commit("zhibek", str(number), ref(number))
    size = rig.head().extent.size
    entries = rig.auditor.get(f"/v1/log/entries?begin=0&end={size}")
    assert merkle.Tree.of([merkle.leaf_hash(entry) for entry, _, _ in entries]).root == rig.head().root
    assert [said for _, _, said in entries] == [None] * 3, "signed in the log, and not alone"
    assert code_of(rig.auditor, "/v1/log/entries?begin=0&end=4") is Code.NOT_FOUND
    for bank in rig.banks.values():
        assert code_of(bank, "/v1/log/entries?begin=0&end=1") is Code.AUTH_FORBIDDEN
    nobody = rig.line(Key.of("nobody"))
    for path in ("head", "growth?first=1&second=1", "inclusion?index=0&size=1", "entries?begin=0&end=1"):
        assert code_of(nobody, f"/v1/log/{path}") is Code.AUTH_FORBIDDEN
    with pytest.raises(Refusal) as refused:
        rig.auditor.post("/v1/questions", [rig.signed("alatau", "a", ref(1))])
    assert refused.value.code is Code.AUTH_FORBIDDEN


def test_an_auditor_that_is_added_later_comes_with_the_next_directory(rig: Rig) -> None:
    network, later = rig.network, Key.of("another auditor")
    home = network.homes[CENTRAL_BANK]
    keys = [*home.config["auditors"], later.public.hex()]
    network.stop(CENTRAL_BANK)
    network.homes[CENTRAL_BANK] = replace(home, config={**home.config, "auditors": keys})
    network.start(CENTRAL_BANK)
    rig.commit("alatau", "a", ref(1))
    assert code_of(rig.line(later), "/v1/log/head") is Code.AUTH_FORBIDDEN
    network.operate(CENTRAL_BANK, "/v1/handovers", [2])
    network.stop(NOTARY)
    network.start(NOTARY)
    network.work()
    assert rig.line(later).get("/v1/log/head") == rig.line(AUDITOR).get("/v1/log/head")


def test_nobody_is_shown_an_entry_by_anothers_commit(rig: Rig) -> None:
    rig.commit("alatau", "a", ref(1))
    with pytest.raises(Refusal) as refused:
        rig.banks["zhibek"].post("/v1/questions", [rig.signed("alatau", "a", ref(1))])
    assert refused.value.code is Code.AUTH_FORBIDDEN


def test_what_others_held_is_told_before_anything_else_is_claimed(tmp_path: Path) -> None:
    """A log that was begun anew is empty until then: it is not that nothing consumed the reference."""
    with closing(opened(in_file(tmp_path))) as store:
        notary = attestor(store)
        notary.commit([item("a", ref(1))])
        assert store.learn([sign(Consumption(consumer("b"), "alatau", NOW, (ref(2),)))]) == []
        found = notary.lookup([ref(1), ref(2), ref(3)], CONSUMPTION_2)
        assert [said and said.body.consumer for said in found] == [consumer("a"), consumer("b"), None]
        assert {LogHead.of(said) for said in found if said is not None} == {notary.head()}
