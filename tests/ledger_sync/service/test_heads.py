"""Heads of the notary's log that are seen: kept while they fit, evidence where they do not, whoever brings them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger_sync.database.opening import open_store
from ledger_sync.http.peers import NoAnswer
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, InProcessNetwork
from ledger_sync.service.heads import KIND, MAX_HEADS, Heads
from tests.ledger_sync.notary.backends import consumer, ref
from tests.support.logs import Log
from tests.support.postgres import Cluster
from tests.support.world import NOW, Key, World
from wallet.protocol import cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.handover import Published
from wallet.protocol.log import LogHead
from wallet.protocol.notary_evidence import TwoHistories, read_notary_evidence
from wallet.protocol.settlement import Commit, Consumption2
from wallet.protocol.transfer import TokenRef

WORLD = World()
DIRECTORY = WORLD.directory()


def said(name: str) -> list[Consumption2]:
    return [Consumption2(consumer(name), "alatau", NOW, (ref(name),), b"salt".ljust(16, b"."))]


def log_of(*names: str) -> Log:
    log = Log(Key.of("notary"), 7)
    log.append(*(said(name) for name in names))
    return log


@dataclass
class Speaker:
    """A notary, or a peer, that answers by what it is given."""

    log: Log | None = None
    shown: Cbor = field(default_factory=lambda: [[], []])
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    knows: bool = True
    """What it is asked of single references."""

    def post(self, path: str, value: Cbor) -> Cbor:
        assert path == "/v1/lookups"
        self.asked.append("lookups")
        if self.log is None:
            raise NoAnswer(Code.UNREACHABLE)
        head, log = self.log.head(NOW + 100), self.log
        places = {ref: at for at, group in enumerate(log.groups) for ref in group.bodies[0].refs}
        found = [places.get(TokenRef.from_cbor(ref)) for ref in value]
        return [None if at is None or not self.knows else log.shown(at, head)[0].to_cbor() for at in found]

    def get(self, path: str) -> Cbor:
        self.asked.append(path.split("?")[0].rsplit("/")[-1])
        while self.meanwhile:
            self.meanwhile.pop()()
        if path == "/v1/log/heads":
            return self.shown
        if self.log is None:
            raise NoAnswer(Code.UNREACHABLE)
        if path == "/v1/log/head":
            return self.log.head(NOW).to_cbor()
        first, second = (int(part.split("=")[1]) for part in path.split("?")[1].split("&"))
        return self.log.growth(first, second).to_cbor()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'heads.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.lent("heads", lambda url: open_store(url, KIND, Path("/")).close()) as found:
        yield found


class Rig:
    def __init__(self, url: str) -> None:
        self.notary, self.peer = Speaker(log_of("a", "b")), Speaker()
        store = open_store(url, KIND, Path("/"))
        self.heads = Heads(store, (self.notary,), {"zhibek": self.peer}, lambda: DIRECTORY)


@pytest.fixture
def rig(url: str) -> Iterator[Rig]:
    rig = Rig(url)
    with closing(rig.heads):
        yield rig


def test_the_newest_head_that_continues_those_before_is_kept(rig: Rig) -> None:
    assert rig.notary.log is not None
    rig.heads.round()
    assert [head.extent.size for head in rig.heads.kept()] == [2]
    rig.notary.log.append(said("c"), said("d"))
    rig.heads.round()
    rig.heads.take(rig.notary.log.head(NOW, 3))
    rig.heads.take(rig.notary.log.head(NOW + 5))
    assert [head.extent.size for head in rig.heads.kept()] == [4]
    assert rig.heads.evidence() == []


@pytest.mark.parametrize("names", [("a", "z"), ("z",), ("a", "z", "c")], ids=["same", "shorter", "longer"])
def test_a_head_of_another_history_is_evidence_whoever_brings_it(rig: Rig, names: tuple[str, ...]) -> None:
    rig.heads.round()
    kept = rig.heads.kept()
    other = log_of(*names)
    if len(names) > 2:
        rig.notary.log = other
    rig.peer.shown = [[other.head(NOW).to_cbor()], []]
    rig.heads.round()
    (found,) = rig.heads.evidence()
    assert isinstance(found, TwoHistories)
    assert found.check(DIRECTORY) == (7, min(2, len(names)))
    rig.heads.round()
    assert len(rig.heads.evidence()) == 1
    assert rig.heads.kept() == kept, "what does not fit is no newer head"


def test_the_head_of_a_statement_is_a_head_that_was_seen(rig: Rig) -> None:
    assert rig.notary.log is not None
    log = rig.notary.log
    log.append(said("c"))
    shown = [log.shown(index, log.head(NOW)) for index in range(3)]
    rig.heads.note([statement for (statement,) in shown])
    assert rig.heads.kept() == [], "nobody waits for the notary meanwhile"
    rig.heads.take_noted()
    assert rig.heads.kept() == [log.head(NOW)]
    assert rig.heads.evidence() == []


def test_a_statement_under_a_head_that_does_not_fit_is_evidence(rig: Rig) -> None:
    """Also if it was the notary's only word of that history."""
    rig.heads.round()
    other = log_of("a", "z")
    rig.heads.note(other.shown(1, other.head(NOW)))
    rig.heads.take_noted()
    (found,) = rig.heads.evidence()
    assert isinstance(found, TwoHistories)
    assert found.check(DIRECTORY) == (7, 2)


def note_many(rig: Rig, log: Log, *names: str) -> None:
    for name in names:
        log.append(said(name))
        rig.heads.note(log.shown(log.size - 1, log.head(NOW)))


def test_heads_of_statements_are_asked_about_together(rig: Rig) -> None:
    assert rig.notary.log is not None
    rig.heads.round()
    rig.notary.asked.clear()
    note_many(rig, rig.notary.log, *map(str, range(20)))
    rig.heads.take_noted()
    assert rig.notary.asked == ["lookups", "growth"]
    assert [head.extent.size for head in rig.heads.kept()] == [22]
    rig.heads.take_noted()
    assert rig.notary.asked == ["lookups", "growth"], "nothing is left to be asked"
    assert rig.heads.evidence() == []


@pytest.mark.parametrize("shorter", [True, False])
def test_one_of_many_heads_that_does_not_fit_is_evidence(rig: Rig, shorter: bool) -> None:
    """Whether the notary shows what it was over, elsewhere, or not."""
    assert rig.notary.log is not None
    rig.heads.round()
    other = log_of("a") if shorter else log_of("a", "z")
    note_many(rig, other, "3")
    note_many(rig, rig.notary.log, *map(str, range(10)))
    rig.heads.take_noted()
    (found,) = rig.heads.evidence()
    assert isinstance(found, TwoHistories)
    assert found.check(DIRECTORY) == (7, 2 if shorter else 3)
    assert [head.extent.size for head in rig.heads.kept()] == [12]


def test_heads_of_which_the_notary_shows_nothing_are_taken_one_by_one(rig: Rig) -> None:
    assert rig.notary.log is not None
    rig.heads.round()
    rig.notary.asked.clear()
    rig.notary.knows = False
    note_many(rig, rig.notary.log, "c", "d", "e")
    rig.heads.take_noted()
    assert rig.notary.asked == ["lookups", *["growth"] * 3]
    assert [head.extent.size for head in rig.heads.kept()] == [5]


def test_what_the_notary_did_not_sign_shows_no_beginning(rig: Rig) -> None:
    log = rig.notary.log
    assert log is not None
    rig.heads.round()
    note_many(rig, log, "c", "d")
    rig.notary.log = Log(Key.of("somebody"), 7)
    rig.notary.log.append(*(said(name) for name in "abcd"))
    rig.heads.take_noted()
    assert rig.notary.asked[-3:] == ["lookups", "growth", "growth"]
    assert [head.extent.size for head in rig.heads.kept()] == [4]


def test_heads_of_statements_wait_for_a_notary_that_is_away_and_the_last_are_kept(rig: Rig) -> None:
    log, rig.notary.log = rig.notary.log, None
    assert log is not None
    for number in range(MAX_HEADS + 6):
        log.append(said(str(number)))
        rig.heads.note(log.shown(0, log.head(NOW + number)))
    rig.heads.take_noted()
    assert [head.extent.size for head in rig.heads.kept()] == [2 + 7]
    rig.notary.log = log
    rig.heads.take_noted()
    assert rig.heads.kept() == [log.head(NOW + MAX_HEADS + 5)]
    assert rig.heads.evidence() == []


def test_the_head_of_a_log_that_has_ended_is_asked_about_once(rig: Rig) -> None:
    """Its notary was put back, and leads to it no more."""
    log = rig.notary.log
    assert log is not None
    rig.heads.round()
    log.append(said("c"))
    rig.heads.note(log.shown(0, log.head(NOW)))
    rig.notary.log = Log(Key.of("notary"), 9)
    rig.notary.log.append(said("z"), said("z"), said("z"))
    rig.heads.take_noted()
    rig.notary.log = log
    rig.heads.take_noted()
    assert {head.extent.log: head.extent.size for head in rig.heads.kept()} == {7: 2, 9: 3}
    assert rig.heads.evidence() == []


def test_another_log_is_another_and_both_are_kept(rig: Rig) -> None:
    rig.heads.round()
    rig.notary.log = Log(Key.of("notary"), 9)
    rig.notary.log.append(said("z"))
    rig.heads.round()
    assert [(head.extent.log, head.extent.size) for head in rig.heads.kept()] == [(7, 2), (9, 1)]
    assert rig.heads.evidence() == []


def test_what_the_notary_did_not_sign_or_does_not_answer_proves_nothing(rig: Rig) -> None:
    rig.heads.round()
    forged = Log(Key.of("somebody"), 7)
    forged.append(said("z"), said("z"))
    with pytest.raises(Refusal) as refused:
        rig.heads.take(forged.head(NOW))
    assert refused.value.code is Code.NOTARY_SIGNATURE
    longer = log_of("a", "b", "c").head(NOW)
    rig.notary.log = None
    with pytest.raises(Refusal) as silent:
        rig.heads.take(longer)
    assert silent.value.code is Code.UNREACHABLE
    rig.notary.log = log_of("a", "b", "x")
    with pytest.raises(Refusal) as unproved:
        rig.heads.take(longer)
    assert unproved.value.code is Code.LOG_UNPROVED
    assert rig.heads.evidence() == []
    assert [head.extent.size for head in rig.heads.kept()] == [2]


def test_a_peers_evidence_is_checked_and_kept(rig: Rig) -> None:
    one, other = log_of("a").head(NOW), log_of("z").head(NOW)
    evidence = TwoHistories.of(one, other)
    assert evidence is not None
    forged = Log(Key.of("somebody"), 7)
    forged.append(said("z"))
    lie = TwoHistories.of(one, forged.head(NOW))
    assert lie is not None
    rig.peer.shown = [[], [lie.to_cbor()]]
    rig.heads.round()
    assert rig.heads.evidence() == []
    rig.peer.shown = [[], [evidence.to_cbor()]]
    rig.heads.round()
    assert rig.heads.evidence() == [evidence]


def test_two_histories_that_come_at_once_are_compared(rig: Rig) -> None:
    """Whoever keeps a head looks whether what it was compared with is what is kept still."""
    one, other = log_of("a", "b", "c"), log_of("a", "b", "x", "y")
    rig.heads.round()

    def first() -> None:
        rig.notary.log = one
        rig.heads.take(one.head(NOW))
        rig.notary.log = other

    rig.notary.meanwhile.append(first)
    rig.heads.take(other.head(NOW))
    assert [head.root for head in rig.heads.kept()] == [one.head(NOW).root]
    assert [found.check(DIRECTORY) for found in rig.heads.evidence()] == [(7, 3)]


def test_a_log_that_ended_keeps_nobody_from_hearing_of_the_next(rig: Rig) -> None:
    """The notary begins another log when it was put back; of the one before it proves nothing any more."""
    rig.heads.round()
    ended = log_of("a").head(NOW)
    rig.notary.log = Log(Key.of("notary"), 9)
    rig.notary.log.append(said("z"), said("y"))
    rig.heads.round()
    fork = Log(Key.of("notary"), 9)
    fork.append(said("x"))
    fork.append(said("w"))
    shown = TwoHistories.of(log_of("c").head(NOW), log_of("d").head(NOW))
    assert shown is not None
    rig.peer.shown = [[ended.to_cbor(), fork.head(NOW).to_cbor()], [shown.to_cbor()]]
    rig.heads.round()
    found = [evidence.check(DIRECTORY) for evidence in rig.heads.evidence()]
    assert sorted(found, key=repr) == [(7, 1), (9, 2)]


def test_a_notary_that_goes_on_with_two_histories_fills_no_table(rig: Rig) -> None:
    rig.heads.round()
    other = log_of("x")
    rig.notary.log = other
    for number in range(2 * MAX_HEADS):
        other.append(said(str(number)))
        rig.peer.shown = [[other.head(NOW).to_cbor()], []]
        rig.heads.round()
    assert len(rig.heads.evidence()) == 1
    count = MAX_HEADS + 5
    for number in range(count):
        one, two = (Log(Key.of("notary"), 100 + number) for _ in range(2))
        one.append(said("a"))
        two.append(said("b"))
        shown = TwoHistories.of(one.head(NOW), two.head(NOW))
        assert shown is not None
        rig.heads.take_evidence(shown)
    assert len(rig.heads.evidence()) == MAX_HEADS


def test_what_was_seen_outlasts_a_restart(url: str) -> None:
    for _ in range(2):
        with closing(Rig(url).heads) as heads:
            heads.round()
            assert [head.extent.size for head in heads.kept()] == [2]


class Network(InProcessNetwork):
    def commit(self, bank: str, name: str) -> None:
        body = Commit(bank, consumer(name), (ref(name),), NOW)
        signer = self.signer(bank, "bank")
        self.line(bank, NOTARY, signer).post("/v1/commits", [cose.sign(body, signer.sign).to_cbor()])

    def seen(self, name: str) -> tuple[list[LogHead], list[Cbor]]:
        signer = self.signer("alatau", "bank")
        heads, evidence = self.line("alatau", name, signer).get("/v1/log/heads")
        return [LogHead.from_cbor(value) for value in heads], evidence


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    chance = random.Random(1).randbytes
    network = Network(tmp_path / "net", lambda: NOW, lambda _name: chance)
    network.found()
    yield network
    network.close()


def ask_anew(network: Network, name: str) -> None:
    """A service that was just started asks for heads in its first round."""
    network.stop(name)
    network.start(name)
    network.work(name)


def test_a_notary_that_forgets_is_found_out_by_all(network: Network, tmp_path: Path) -> None:
    """It is put back, nobody is asked, and it goes on under the old number."""
    network.commit("alatau", "a")
    network.back_up(NOTARY, tmp_path / "backup")
    network.commit("alatau", "b")
    ask_anew(network, "alatau")
    assert [head.extent.size for head in network.seen("alatau")[0]] == [2]
    with network.offline("alatau", "zhibek", CENTRAL_BANK):
        network.put_back(NOTARY, tmp_path / "backup")
        for name in ("alatau", "zhibek", ""):
            network.operate(NOTARY, "/v1/witnesses/absent", [name])
    network.commit("zhibek", "c")
    for name in ("zhibek", "alatau", CENTRAL_BANK):
        ask_anew(network, name)
    directory = Directory.of(
        Published.from_cbor(
            network.line("x", CENTRAL_BANK, network.signer("alatau", "bank")).get("/v1/directories")
        ).forms[0],
        network.root,
    )
    for name in ("alatau", CENTRAL_BANK):
        (found,) = network.seen(name)[1]
        log, size = read_notary_evidence(found).check(directory)
        assert size == 2
        assert log == network.seen("alatau")[0][0].extent.log


def test_a_notary_that_was_put_back_and_asks_its_witnesses_is_not_accused(
    network: Network, tmp_path: Path
) -> None:
    network.commit("alatau", "a")
    network.back_up(NOTARY, tmp_path / "backup")
    network.commit("alatau", "b")
    ask_anew(network, "alatau")
    network.put_back(NOTARY, tmp_path / "backup")
    network.work(NOTARY)
    network.commit("zhibek", "c")
    for name in ("alatau", "zhibek", CENTRAL_BANK, "alatau"):
        ask_anew(network, name)
    for name in ("alatau", "zhibek", CENTRAL_BANK):
        heads, evidence = network.seen(name)
        assert evidence == []
        assert heads
    assert len(network.seen("alatau")[0]) == 2
