"""Killed at any durable step and started again, a bank comes to the same end: same sums, same transfers.

The process that is killed holds all services, so the others' stores are cut off at the same moment.
"""

from __future__ import annotations

import json
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.sampling import sampled
from tests.support.cli import Done, run_module

POINTS = {
    "bank.customer.opened": 4,
    "bank.enrol.stored": 4,
    "bank.certify.stored": 4,
    "bank.fund.debited": 4,
    "bank.fund.answered": 4,
    "bank.fund.issued": 4,
    "bank.plain.noted": 2,
    "bank.settle.commit": 10,
    "bank.settle.committed": 10,
    "bank.settle.signed": 9,
    "bank.settle.answered": 10,
    "bank.verdict.alone": 2,
    "bank.redeem.ask": 5,
    "bank.redeem.answered": 5,
    "bank.redeem.booked": 5,
    "bank.relay.sent": 4,  # twice as many as there are: each bank asks for them again after its start
    "bank.conflict.brought": 1,
    "bank.revoke.answered": 1,
    "bank.refund.ask": 6,
    "bank.refund.answered": 6,
    "bank.refund.booked": 6,
}
CASES = [f"{name}:{hit}" for name, hits in POINTS.items() for hit in range(1, hits + 1)]


def told(folder: Path, failpoint: str | None, *flags: str) -> Done:
    extra = {} if failpoint is None else {"QALTA_FAILPOINT": failpoint}
    return run_module(["tests.ledger_sync.bank.story", str(folder), *flags], {}, (), extra)


@cache
def undisturbed(folder: Path) -> dict[str, Any]:
    done = told(folder, None, "--count")
    assert done.status == 0, done.err
    ending: dict[str, Any] = json.loads(done.out)
    return ending


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


def test_the_story_passes_every_point(reference: dict[str, Any]) -> None:
    assert reference["hits"] == POINTS


@pytest.mark.parametrize("point", sampled("bank crashes", CASES, 12))
def test_a_kill_changes_nothing_in_the_end(point: str, reference: dict[str, Any], tmp_path: Path) -> None:
    killed = told(tmp_path, point)
    assert killed.status == -signal.SIGKILL, killed.err
    resumed = told(tmp_path, None)
    assert resumed.status == 0, resumed.err
    assert json.loads(resumed.out)["ending"] == reference["ending"]
