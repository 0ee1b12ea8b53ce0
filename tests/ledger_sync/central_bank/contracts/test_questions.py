"""The contract of questions and claims: each ends once, a token is claimed once, and no debt is paid twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger_sync.central_bank.ports.claims import Debt
from ledger_sync.central_bank.ports.questions import Question
from ledger_sync.central_bank.ports.storage import Storage
from tests.support.world import NOW, World
from wallet.protocol.transfer import TokenRef

CONSUMER, OWNER = b"c" * 32, b"\x02" * 33
REF, SECOND = TokenRef(bytes(32), 0), TokenRef(bytes(32), 1)
TRANSFER = World().chain(1).transfers[0]
WAIT, PAUSE = 240, 10


def ask(storage: Storage, ref: TokenRef = REF, consumer: bytes = CONSUMER, now: int = NOW) -> Question:
    return storage.questions.ask(ref, consumer, "alatau", OWNER, now)


def test_the_first_question_about_a_token_stands(storage: Storage, other: Storage) -> None:
    first = ask(storage)
    assert first == Question(REF, CONSUMER, OWNER, NOW, None, failed=False)
    assert ask(other, consumer=b"d" * 32, now=NOW + 1) == first
    assert other.questions.open(CONSUMER) == [first]
    assert other.questions.open(b"d" * 32) == []


@pytest.mark.parametrize("first", ["show", "fail"])
def test_a_question_ends_once(storage: Storage, other: Storage, first: str) -> None:
    ask(storage)
    ask(storage, SECOND)
    ends: dict[str, Callable[[Storage], bool]] = {
        "show": lambda of: of.questions.show(REF, TRANSFER),
        "fail": lambda of: of.questions.fail(REF, NOW),
    }
    assert ends[first](storage)
    for end in ends.values():
        assert not end(other)
    ended = ask(other)
    assert (ended.shown, ended.failed) == ((TRANSFER, False) if first == "show" else (None, True))
    assert [question.ref for question in storage.questions.open(CONSUMER)] == [SECOND]
    assert not storage.questions.fail(TokenRef(bytes(32), 7), NOW), "nobody asked"


def test_what_is_due_is_asked_one_bank_or_all_and_the_first_due_at_first(storage: Storage) -> None:
    storage.questions.ask(REF, b"a" * 32, "zhibek", OWNER, NOW + 5)
    storage.questions.ask(SECOND, b"b" * 32, "alatau", OWNER, NOW)
    assert storage.questions.due(None, NOW + 5, WAIT, 9) == [("alatau", b"b" * 32), ("zhibek", b"a" * 32)]
    assert storage.questions.due(None, NOW + 5, WAIT, 1) == [("alatau", b"b" * 32)]
    assert storage.questions.due("zhibek", NOW + 5, WAIT, 9) == [("zhibek", b"a" * 32)]
    assert storage.questions.due("zhibek", NOW + 4, WAIT, 9) == []
    assert storage.questions.due("zhibek", NOW - WAIT, WAIT, 9) == [("zhibek", b"a" * 32)], "a wrong clock's"


def test_a_bank_has_failed_that_left_it_unanswered_often_and_long_enough(storage: Storage) -> None:
    ask(storage)
    for attempt in range(1, 4):
        storage.questions.give_up(CONSUMER, NOW + WAIT, 2, WAIT)
        assert not ask(storage).failed, attempt
        now = NOW + attempt * PAUSE
        storage.questions.put_off(CONSUMER, now, PAUSE, WAIT)
        storage.questions.put_off(CONSUMER, now + PAUSE - 1, PAUSE, WAIT)
        assert storage.questions.due(None, now + PAUSE - 1, WAIT, 9) == []
        assert storage.questions.due(None, now + PAUSE, WAIT, 9) == [("alatau", CONSUMER)]
    storage.questions.give_up(CONSUMER, NOW + WAIT - 1, 2, WAIT)
    assert not ask(storage).failed
    storage.questions.give_up(CONSUMER, NOW + WAIT, 2, WAIT)
    assert ask(storage).failed


def test_a_token_is_claimed_once_and_only_if_it_was_asked_about(storage: Storage, other: Storage) -> None:
    assert storage.claims.of(REF) is None
    assert not storage.claims.claim(REF, b"claim")
    ask(storage)
    assert storage.claims.of(REF) is None
    assert storage.claims.claim(REF, b"claim")
    assert not other.claims.claim(REF, b"later")
    assert other.claims.of(REF) == b"claim"


def owe(storage: Storage, value: int, place: int = 0, time: int = NOW, claim: bytes = b"claim") -> None:
    storage.claims.owe(claim, CONSUMER, place, OWNER, "alatau", value, time)


def test_nothing_is_owed_before_somebody_speaks_and_the_first_who_does_stands(
    storage: Storage, other: Storage
) -> None:
    owe(storage, 30)
    owe(storage, 20, place=1)
    assert (storage.claims.open(None), storage.claims.owed_by("alatau")) == ([], 0)
    assert storage.claims.speak_for(b"claim", CONSUMER, OWNER, "zhibek")
    assert not other.claims.speak_for(b"claim", CONSUMER, OWNER, "alatau")
    assert (other.claims.owed_by("alatau"), other.claims.owed_by("zhibek")) == (50, 0)
    assert other.claims.paid(b"claim", CONSUMER, "zhibek", OWNER) == (0, 50)
    assert other.claims.paid(b"claim", CONSUMER, "alatau", OWNER) == (0, 0)


def test_what_is_owed_grows_and_is_paid_once(storage: Storage, other: Storage) -> None:
    owe(storage, 30)
    owe(other, 5)
    storage.claims.speak_for(b"claim", CONSUMER, OWNER, "zhibek")
    (debt,) = storage.claims.open("alatau")
    assert debt == Debt(b"claim", CONSUMER, 0, "alatau", 35, "zhibek")
    assert not storage.claims.pay(debt, 36)
    assert storage.claims.pay(debt, 10)
    assert not other.claims.pay(debt, 10), "the same debt, as it was seen before"
    (rest,) = other.claims.open(None)
    assert (rest.lacking, other.claims.owed_by("alatau")) == (25, 25)
    assert other.claims.pay(rest, 25)
    assert storage.claims.open(None) == []
    assert storage.claims.paid(b"claim", CONSUMER, "zhibek", OWNER) == (35, 35)


def test_the_oldest_debt_comes_first_of_one_bank_or_all(storage: Storage) -> None:
    owe(storage, 1, time=NOW + 1, claim=b"late")
    owe(storage, 2, time=NOW, claim=b"early")
    storage.claims.owe(b"other", CONSUMER, 0, OWNER, "zhibek", 3, NOW - 1)
    for claim in (b"late", b"early", b"other"):
        storage.claims.speak_for(claim, CONSUMER, OWNER, "alatau")
    assert [debt.claim for debt in storage.claims.open("alatau")] == [b"early", b"late"]
    assert [debt.claim for debt in storage.claims.open(None)] == [b"other", b"early", b"late"]
