"""Who has the other transfer of a conflict brings it: the central bank notes that, or that nobody did in time, and what
it noted first it says for good, to every bank."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.central_bank.asking import ATTEMPTS
from tests import sampling
from tests.ledger_sync.central_bank.rig import GRANT
from tests.ledger_sync.central_bank.test_challenges import Case
from tests.ledger_sync.central_bank.test_challenges import case as case
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer


def brought(case: Case, held: Signed[Transfer]) -> Cbor:
    return case.rig.alatau.post("/v1/showings", [held.to_cbor(), case.ann.key.public])


@pytest.mark.parametrize("is_asked_before", [False, True])
def test_who_brings_it_is_believed_and_the_bank_that_took_the_token_is_not_asked(
    case: Case, *, is_asked_before: bool
) -> None:
    other = case.other_spending()
    case.consume(other.id)
    case.rig.banks["zhibek"].failure = Code.UNREACHABLE
    if is_asked_before:
        assert case.rig.code(case.rig.alatau, "/v1/challenges", case.body()) is Code.UNREACHABLE
    assert brought(case, other) == []
    _a_day(case)
    assert case.challenge() == [0, [other.to_cbor(), case.ann.certificate.to_cbor()], 0], (
        "whoever comes without"
    )
    assert brought(case, other) == []
    assert case.positions() == {"alatau": GRANT, "zhibek": GRANT - 500}


def test_once_the_bank_has_failed_it_owes_whoever_brings_what(case: Case) -> None:
    other = case.other_spending()
    case.consume(other.id)
    assert case.challenge() == [500, None, 0]
    case.rig.reopen()
    assert brought(case, other) == [ref.to_cbor() for ref in other.body.inputs]
    assert case.challenge() == [500, None, 0]
    assert case.positions() == {"alatau": GRANT + 500, "zhibek": GRANT - 1000}


def test_what_the_owner_did_not_sign_is_not_noted(case: Case) -> None:
    """So nobody keeps a bank from owing by a transfer of its own making, whoever it says has signed it."""
    own = Key.of("zhibek's own")
    forged = cose.sign(case.other_spending().body, own.sign)
    case.consume(forged.id)
    assert case.rig.code(case.rig.zhibek, "/v1/showings", [forged.to_cbor(), case.ann.key.public]) is (
        Code.EVIDENCE_INVALID
    )
    assert case.rig.zhibek.post("/v1/showings", [forged.to_cbor(), own.public]) == []
    assert case.challenge() == [500, None, 0]


def test_another_transfer_than_the_one_that_took_the_token_is_not_noted(case: Case) -> None:
    case.consume(bytes(32))
    assert brought(case, case.other_spending()) == []
    assert case.challenge() == [500, None, 0]


Step = Callable[[Case, Signed[Transfer]], object]
_STEPS: Final[dict[str, Step]] = {
    "it is brought": brought,
    "somebody asks": lambda case, _other: case.challenge(),
    "the bank has it": lambda case, other: case.show(other),
    "the bank has none": lambda case, _other: case.rig.banks["zhibek"].shown.clear(),
    "the bank is away": lambda case, _other: setattr(case.rig.banks["zhibek"], "failure", Code.UNREACHABLE),
    "the bank is there": lambda case, _other: setattr(case.rig.banks["zhibek"], "failure", None),
    "a day passes": lambda case, _other: _a_day(case),
    "a start": lambda case, _other: case.rig.reopen(),
}


def _was_shown(answer: Any) -> bool | None:
    """Of what either call answers: late tokens, or `[paid, shown, owed]`."""
    if answer is None:
        return None
    return answer[1] is not None if len(answer) == 3 else not answer


def _a_day(case: Case) -> None:
    for _ in range(ATTEMPTS + 1):
        case.rig.now += case.rig.terms.challenge_wait // ATTEMPTS
        case.rig.challenging.follow_up()


@hypothesis.seed(sampling.seed())
@settings(max_examples=100 if sampling.everything() else 15, deadline=None)
@given(steps=st.lists(st.sampled_from(sorted(_STEPS)), max_size=12))
def test_what_was_answered_once_is_answered_for_good(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="qalta-noting-") as folder:
        case = Case(Path(folder))
        try:
            other = case.other_spending()
            case.consume(other.id)
            answers: list[bool] = []
            for step in [*steps, "it is brought", "somebody asks"]:
                try:
                    answer = _was_shown(_STEPS[step](case, other))
                except Refusal as refusal:
                    code = refusal.code
                    answer = None
                    assert (code, answers) == (Code.UNREACHABLE, []), "it is open no longer"
                answers += [] if answer is None else [answer]
            assert answers == [answers[0]] * len(answers)
            owed = 0 if answers[0] else 500
            assert case.positions() == {"alatau": GRANT + owed, "zhibek": GRANT - 500 - owed}
        finally:
            case.rig.close()
