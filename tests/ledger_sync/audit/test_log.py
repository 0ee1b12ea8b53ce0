"""An auditor finds whatever the notary said twice, hid or made up, and nothing where it did not."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger_sync.audit.log import Audit, Report, Wrong
from ledger_sync.http.reading import READS_ALONE
from ledger_sync.sandbox.in_process import NOTARY
from ledger_sync.service.backup import RESTORED, back_up, restore
from tests.ledger_sync.notary.backends import consumer, ref
from tests.ledger_sync.notary.test_log_routes import AUDITOR, Rig
from tests.support.world import NOW
from wallet.protocol import codec, cose
from wallet.protocol.log import Growth
from wallet.protocol.notary_evidence import TwoConsumers, TwoHistories
from wallet.protocol.settlement import Commit, Consumption2


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.network.close()


def audited(rig: Rig) -> Report:
    return Audit(rig.line(AUDITOR), rig.directory).run()


def wrong(rig: Rig) -> list[tuple[Wrong, int | None]]:
    return [(found.wrong, found.index) for found in audited(rig).findings]


def force(rig: Rig, sql: str, *values: object) -> None:
    """Change what a stopped notary has on its disk."""
    rig.network.stop(NOTARY)
    with closing(sqlite3.connect(rig.network.folder / NOTARY / "notary.db")) as db:
        db.execute(sql, values)
        db.commit()
    rig.network.start(NOTARY)
    rig.network.work(NOTARY)


def make_up(rig: Rig, number: int, body: Consumption2, proof: bytes) -> None:
    """A claim that was never decided, at the log's end."""
    raw = codec.encode(body.to_cbor())
    force(rig, "insert into claims (number, entry, proof) values (?, ?, ?)", number, raw, proof)


def commit_of(rig: Rig, who: str, *names: str) -> bytes:
    refs = tuple(sorted(ref(name) for name in names))
    body = Commit("zhibek", consumer(who), refs, NOW)
    return cose.sign(body, rig.network.signer("zhibek", "bank").sign).encode()


def body(who: str, *names: str) -> Consumption2:
    refs = tuple(sorted(ref(name) for name in names))
    return Consumption2(consumer(who), "zhibek", NOW, refs, b"salt".ljust(16, b"."))


def test_of_an_honest_log_every_reference_is_decided_alike(rig: Rig, rng: random.Random) -> None:
    tokens: set[int] = set()
    for number in range(150):
        names = rng.sample(range(400), 3)
        tokens.update(names)
        rig.commit(("alatau", "zhibek")[number % 2], str(number), *(ref(name) for name in names))
    report = audited(rig)
    assert report.findings == ()
    assert (report.references, report.without_commit) == (len(tokens), 0)
    assert report.entries == report.head.extent.size


def test_a_log_of_more_than_a_page_is_read_to_its_end(rig: Rig) -> None:
    commits = [rig.signed("alatau", str(number), ref(number)) for number in range(130)]
    rig.banks["alatau"].post("/v1/commits", commits)
    report = audited(rig)
    assert (report.entries, report.references, report.findings) == (130, 130, ())


def test_a_notary_that_was_given_two_words_is_found_and_anybody_can_check_it(rig: Rig) -> None:
    rig.commit("alatau", "a", ref("1"), ref("2"))
    make_up(rig, 2, body("b", "1"), commit_of(rig, "b", "1"))
    rig.commit("alatau", "c", ref("3"))
    report = audited(rig)
    assert [(found.wrong, found.index) for found in report.findings] == [
        (Wrong.DECISION, 1),
        (Wrong.TWICE, 1),
    ]
    evidence = report.findings[1].evidence
    assert isinstance(evidence, TwoConsumers)
    assert evidence.check(rig.directory) == ref("1")


def test_what_no_bank_asked_for_is_found(rig: Rig) -> None:
    rig.commit("alatau", "a", ref("1"))
    make_up(rig, 2, body("b", "2"), commit_of(rig, "other", "2"))
    rig.commit("alatau", "c", ref("3"))
    assert wrong(rig) == [(Wrong.COMMIT, 1)]


def test_what_was_given_to_somebody_who_asked_for_less_is_found(rig: Rig) -> None:
    rig.commit("alatau", "a", ref("1"))
    make_up(rig, 2, body("b", "2", "9"), commit_of(rig, "b", "2"))
    make_up(rig, 3, body("c", "4"), commit_of(rig, "c", "4", "5"))
    rig.commit("alatau", "d", ref("6"))
    assert wrong(rig) == [(Wrong.COMMIT, 1), (Wrong.DECISION, 2)]


def test_a_statement_that_says_something_else_than_its_entry_is_found(rig: Rig) -> None:
    rig.commit("alatau", "a", ref("1"), reads=READS_ALONE)
    rig.commit("alatau", "b", ref("2"), reads=READS_ALONE)
    force(
        rig, "update claims set statement = (select statement from claims where number = 2) where number = 1"
    )
    assert wrong(rig) == [(Wrong.STATEMENT, 0)]


def test_entries_that_were_changed_afterwards_are_not_the_tree(rig: Rig) -> None:
    for name in "abc":
        rig.commit("zhibek", name, ref(name), reads=READS_ALONE)
    raw = codec.encode(body("b", "b").to_cbor())
    force(rig, "update claims set entry = ? where number = 2", raw)
    assert wrong(rig) == [(Wrong.ROOT, None)]
    force(rig, "update claims set entry = x'00' where number = 2")
    assert wrong(rig) == [(Wrong.ENTRY, 1), (Wrong.ROOT, None)]


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_notary_made_of_a_copy_is_not_accused_by_the_head_that_only_an_auditor_was_shown(
    rig: Rig, tmp_path: Path, is_marked: bool
) -> None:
    """No bank holds what was lost. One that was put back by hand goes on as if nothing were, and is accused."""
    rig.commit("alatau", "a", ref("1"))
    folder = rig.network.folder / NOTARY
    (folder / "keystore").mkdir()
    back_up(folder, tmp_path / "copy", NOW)
    rig.commit("alatau", "b", ref("2"))
    older = rig.head()
    rig.network.stop(NOTARY)
    shutil.rmtree(folder)
    restore(tmp_path / "copy", folder)
    if not is_marked:
        (folder / RESTORED).unlink()
    rig.network.start(NOTARY)
    rig.network.work()
    for name in "cd":
        rig.commit("zhibek", name, ref(name))
    newer = rig.head()
    assert audited(rig).findings == ()
    assert (newer.extent.size, newer.extent.log == older.extent.log) == (3, not is_marked)
    growth = Growth.from_cbor(rig.auditor.get("/v1/log/growth?first=2&second=3"))
    assert is_marked or TwoHistories.of(older, newer, growth) is not None
    assert not (folder / RESTORED).exists()


def test_what_it_learnt_from_others_has_no_commit_here_and_is_no_finding(rig: Rig, tmp_path: Path) -> None:
    rig.commit("alatau", "a", ref("1"))
    force(rig, "update claims set proof = x''")
    report = audited(rig)
    assert (report.without_commit, report.findings) == (1, ())
