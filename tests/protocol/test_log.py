"""The notary's log: what it grew to contains what it was, whatever way it grew; and every way of saying two things is
evidence, which an honest notary never leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.logs import Log
from tests.support.world import NOW, Key
from tests.vectors.good import WORLD
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code
from wallet.protocol.log import Growth, LogHead, check_head, continues, ends
from wallet.protocol.notary_evidence import (
    NotaryEvidence,
    TwoConsumers,
    TwoEntries,
    TwoHistories,
    between,
    parse_notary_evidence,
)
from wallet.protocol.settlement import Consumption, Consumption2, check_consumption, read_consumption
from wallet.protocol.transfer import TokenRef

DIRECTORY = WORLD.directory()
NOTARY = WORLD.notary


def said(number: int, consumer: int | None = None, bank: str = "alatau", salt: bytes = b"") -> Consumption2:
    """That ``consumer`` consumed reference ``number``."""
    name = sha256(b"%d" % number).digest()
    by = sha256(b"by %d" % (number if consumer is None else consumer)).digest()
    return Consumption2(by, bank, NOW, (TokenRef(name, 0),), sha256(b"salt" + name + salt).digest()[:16])


def log_of(leaves: int, salt: bytes = b"", number: int = 0, key: Key = NOTARY) -> Log:
    log = Log(key, number)
    log.append(
        *([said(2 * at, salt=salt), said(2 * at + 1, salt=salt)][: 1 + at % 2] for at in range(leaves))
    )
    return log


def forked(common: int, own: int, other: int) -> tuple[Log, Log]:
    """Two logs of one notary with the same beginning."""
    one, two = log_of(common), log_of(common)
    one.append(*([said(1000 + at)] for at in range(own)))
    two.append(*([said(2000 + at)] for at in range(other)))
    return one, two


def checked(evidence: NotaryEvidence) -> NotaryEvidence:
    """The same, read from bytes and checked."""
    again = parse_notary_evidence(codec.encode(evidence.to_cbor()))
    assert again == evidence
    again.check(DIRECTORY)
    return again


def is_refused(evidence: NotaryEvidence) -> bool:
    return refusal_of(lambda: evidence.check(DIRECTORY)) is Code.EVIDENCE_INVALID


# An honest log.


@given(st.integers(1, 40), st.data())
def test_what_an_honest_log_shows_is_signed_and_continues(size: int, data: st.DataObject) -> None:
    log = log_of(size)
    first = data.draw(st.integers(1, size))
    older, newer = log.head(NOW + 1, first), log.head(NOW + 2)
    for head in (older, newer):
        check_head(head, DIRECTORY)
        assert LogHead.from_cbor(codec.decode(codec.encode(head.to_cbor()), 1 << 10)) == head
    growth = log.growth(first, size)
    assert Growth.from_cbor(codec.decode(codec.encode(growth.to_cbor()), 1 << 12)) == growth
    assert continues(older, newer, growth)
    assert TwoHistories.of(older, newer, growth) is None
    assert is_refused(TwoHistories(older, newer, growth))
    index = data.draw(st.integers(0, first - 1))
    for early, late in zip(log.shown(index, older), log.shown(index, newer), strict=True):
        assert LogHead.of(early) == older
        assert LogHead.of(late) == newer
        assert early.id == late.id
        assert between(early, late) is None
        for statement in (early, late):
            assert read_consumption(codec.decode(statement.encode(), 1 << 14)) == statement
            check_consumption(statement, DIRECTORY)


@given(st.integers(1, 70), st.data())
def test_the_last_entry_of_a_head_shows_that_a_later_one_goes_on_from_it(
    size: int, data: st.DataObject
) -> None:
    log, fork = log_of(size), log_of(size, salt=b"another")
    first = data.draw(st.integers(1, size))
    older, newer = log.head(NOW + 1, first), log.head(NOW + 2)
    index = data.draw(st.integers(0, size - 1))
    for statement in log.shown(index, newer):
        assert ends(older, statement) == (index == first - 1)
        assert not ends(fork.head(NOW, first), statement)
    (alone,) = log.shown(first - 1, newer)[:1]
    assert not ends(replace(older, extent=replace(older.extent, log=8)), alone)
    assert not ends(replace(older, root=bytes(32)), alone)


@given(st.integers(1, 20), st.data())
def test_no_two_statements_of_an_honest_log_are_evidence(size: int, data: st.DataObject) -> None:
    log = log_of(size)
    shown = [
        statement
        for index in range(size)
        for statement in log.shown(index, log.head(NOW + 1, data.draw(st.integers(index + 1, size))))
    ]
    one, other = data.draw(st.sampled_from(shown)), data.draw(st.sampled_from(shown))
    assert between(one, other) is None
    first, second = sorted((one, other), key=lambda statement: statement.id)
    assert is_refused(TwoEntries(first, second))
    assert is_refused(TwoConsumers(first, second))


def test_a_first_version_beside_the_second_says_the_same() -> None:
    log = log_of(3)
    (second,) = log.shown(2, log.head(NOW))
    body = second.body
    first = cose.sign(Consumption(body.consumer, body.bank, body.time, body.refs), NOTARY.sign)
    assert between(first, second) is None
    with pytest.raises(ValueError, match="in no log"):
        LogHead.of(first)


# Two things said.


def test_one_reference_for_two_consumers_is_evidence_in_any_versions_and_logs() -> None:
    log, later = log_of(4), log_of(1, number=1)
    later.append([said(0, consumer=7)], [said(0, bank="zhibek")])
    (one,) = log.shown(0, log.head(NOW))
    (other,), (of_another_bank,) = (later.shown(at, later.head(NOW)) for at in (1, 2))
    alone = cose.sign(Consumption(bytes(32), "alatau", NOW, said(0).refs), NOTARY.sign)
    for contradicting in (other, of_another_bank, alone):
        found = between(one, contradicting)
        assert isinstance(found, TwoConsumers)
        assert found == between(contradicting, one)
        assert checked(found).check(DIRECTORY) == said(0).refs[0]
        assert is_refused(TwoConsumers(found.second, found.first))


def test_who_did_not_sign_is_not_blamed() -> None:
    forger = log_of(2, key=Key.of("forger"))
    forger.append([said(0, consumer=9)])
    log = log_of(2)
    (one,), (forged,) = log.shown(0, log.head(NOW)), forger.shown(2, forger.head(NOW))
    for evidence in (
        between(one, forged),
        TwoHistories.of(log.head(NOW, 2), forger.head(NOW, 2)),
        TwoEntries(*sorted((log.shown(0, log.head(NOW))[0], forged), key=lambda item: item.id)),
    ):
        if evidence is not None:
            assert refusal_of(lambda found=evidence: found.check(DIRECTORY)) is Code.NOTARY_SIGNATURE  # type: ignore[misc]


@given(st.integers(0, 12), st.integers(1, 8), st.integers(1, 8), st.data())
def test_a_fork_is_evidence_by_any_two_statements_of_one_place(
    common: int, own: int, other: int, data: st.DataObject
) -> None:
    one, two = forked(common, own, other)
    at = data.draw(st.integers(0, common + min(own, other) - 1))
    mine = one.shown(at, one.head(NOW, data.draw(st.integers(at + 1, one.size))))[0]
    others = two.shown(at, two.head(NOW, data.draw(st.integers(at + 1, two.size))))[0]
    found = between(mine, others)
    if at < common:
        assert found is None
    else:
        assert isinstance(found, TwoEntries)
        assert checked(found).check(DIRECTORY) == (0, at)


@given(st.integers(0, 12), st.integers(1, 8), st.integers(0, 8), st.data())
def test_a_fork_is_evidence_by_two_heads_and_the_notarys_own_answer(
    common: int, own: int, more: int, data: st.DataObject
) -> None:
    """Whatever it answers truthfully of either log accuses it; what does not lead to its own head is no answer."""
    one, two = forked(common, own, own + more)
    older, newer = one.head(NOW), two.head(NOW + 9)
    answer = two.growth(one.size, two.size)
    found = TwoHistories.of(newer, older, answer if more else None)
    assert found is not None
    assert checked(found).check(DIRECTORY) == (0, one.size)
    lie = replace(answer, root=older.root)
    if more:
        assert refusal_of(lambda: continues(older, newer, lie)) is Code.LOG_UNPROVED
        assert is_refused(TwoHistories(older, newer, lie))
    before = data.draw(st.integers(0, common))
    if before:
        assert TwoHistories.of(one.head(NOW, before), newer, two.growth(before, two.size)) is None


def test_heads_of_two_logs_are_no_evidence() -> None:
    one, two = log_of(5), log_of(5, salt=b"other", number=1)
    assert one.head(NOW).root != two.head(NOW).root
    with_answer = (one.head(NOW), two.head(NOW), two.growth(5, 5))
    assert refusal_of(lambda: continues(*with_answer)) is Code.LOG_UNPROVED
    assert is_refused(TwoHistories(*with_answer))
    (mine,), (theirs,) = one.shown(0, one.head(NOW)), two.shown(0, two.head(NOW))
    assert between(mine, theirs) is None


def test_an_order_that_is_not_the_one_is_refused() -> None:
    """So that evidence has one form."""
    one, two = forked(3, 1, 1)
    found = TwoHistories.of(one.head(NOW), two.head(NOW))
    assert found is not None
    other_way = TwoHistories(found.newer, found.older, Growth(found.older.root, 4, 4, ()))
    assert is_refused(other_way)


# What is hidden.


def test_beside_hashes_nobody_learns_what_others_said() -> None:
    """The same words under another salt are another leaf: who knows what might stand there cannot try it."""
    one, two = log_of(2), log_of(2, salt=b"other")
    (here,), (there,) = one.shown(0, one.head(NOW)), two.shown(0, two.head(NOW))
    assert plain(here.body) == plain(there.body)
    assert here.leaf is not None
    assert there.leaf is not None
    assert here.leaf.leaf_hash(here.payload) != there.leaf.leaf_hash(there.payload)


def plain(body: Consumption) -> Sequence[object]:
    return (body.consumer, body.bank, body.time, body.refs)
