"""Kill at every durable step, with SIGKILL, on a real SoftHSM token; then go on: same sums, same transactions.

A sample by default, everything with QALTA_TEST_ALL=1. QALTA_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

import hsm
from hsm.failpoint import VARIABLE
from tests.purse.day import PIN
from tests.support.cli import Done, run_module
from tests.support.world import NOW
from wallet.purse.store.transitions import failpoints

HITS = {"purse.redeem_signed": 3, "purse.redeem": 2, "purse.answer": 4, "purse.epoch": 2, "purse.receipt": 2}
"""How often a day passes there, where it is more than once."""
SAMPLE = 6


def seed() -> str:
    """The same in every worker of one run; the names of the tests say what was chosen."""
    return os.environ.get("QALTA_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())


def every_kill() -> list[str]:
    """Each failpoint, and its later hits."""
    kills = []
    for name in failpoints():
        hits = HITS.get(name.rpartition(".")[0], 1)
        kills += [name] + [f"{name}:{nth}" for nth in range(2, hits + 1)]
    return [kill for kill in kills if not kill.startswith(NEVER)]


RECOVERING = tuple(
    f"purse.{transition}.{step}"
    for transition in ("deliver", "resume", "expire")
    for step in ("stored", "recorded")
)
"""Where a purse passes that was lost; leaving a rollback and a grace that ends are on no ordinary day."""
NEVER = ("purse.resume.", "purse.expire.")


def kills() -> list[str]:
    found = every_kill()
    if os.environ.get("QALTA_TEST_ALL") == "1":
        return found
    return random.Random(seed()).sample(found, SAMPLE)


def run(folder: Path, failpoint: str = "", what: str = "live") -> Done:
    extra = {VARIABLE: failpoint} if failpoint else {}
    return run_module(["tests.purse.day", what, str(folder)], {}, (), extra)


def finished(result: Done) -> Mapping[str, object]:
    assert result.status == 0, result.err
    sums: Mapping[str, object] = json.loads(result.out)
    return sums


def signed_transactions(folder: Path) -> set[bytes]:
    """What a dead wallet's store says it has signed, or is going to."""
    path = folder / "purse" / "purse.db"
    if not path.exists():
        return set()
    with sqlite3.connect(path) as store:
        if store.execute("PRAGMA user_version").fetchone()[0] == 0:
            return set()
        final = "SELECT txid FROM outgoing o LEFT JOIN payment p ON p.id = o.payment"
        rows = store.execute(f"{final} WHERE o.state = 'signed' OR o.payment IS NULL").fetchall()
    return {row[0] for row in rows}


@pytest.fixture(scope="module")
def fresh_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provisioned token that no wallet has used yet; copied for every test."""
    folder = tmp_path_factory.mktemp("fresh") / "keys"
    hsm.provision(folder, PIN, random=os.urandom, clock=lambda: NOW, cost=hsm.RANDOM_PIN_COST)
    return folder


@pytest.fixture(scope="module")
def whole_day(fresh_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    """What a day comes to when nobody is killed."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(fresh_keys, folder / "keys")
    sums = finished(run(folder))
    assert finished(run(folder)) == sums
    return sums


@pytest.fixture
def home(fresh_keys: Path, tmp_path: Path) -> Path:
    shutil.copytree(fresh_keys, tmp_path / "keys")
    return tmp_path


def test_the_day_is_what_we_think(whole_day: Mapping[str, object]) -> None:
    assert whole_day == {
        "state": "sound",
        "spendable": 40_000,
        "held": 40_000,
        "away": [0, 0, 0, 30_000],
        "numbers": [1, 2, 3, 4],
        "keys": 1,
    }


@pytest.mark.parametrize("kill", kills())
def test_killed_there_and_run_again(kill: str, home: Path, whole_day: Mapping[str, object]) -> None:
    killed = run(home, kill)
    assert killed.status == -signal.SIGKILL, killed.err
    before = signed_transactions(home)
    assert finished(run(home)) == whole_day
    assert before <= signed_transactions(home)


def test_killed_again_and_again_on_the_way(home: Path, whole_day: Mapping[str, object]) -> None:
    chance = random.Random(seed())
    chosen = chance.sample(every_kill(), 4)
    for kill in chosen:
        run(home, kill)
    assert finished(run(home)) == whole_day, chosen


@pytest.mark.parametrize("kill", RECOVERING)
def test_a_lost_purse_is_killed_while_it_recovers(
    kill: str, home: Path, whole_day: Mapping[str, object]
) -> None:
    finished(run(home, what="young"))
    shutil.rmtree(home / "purse")
    killed = run(home, kill, "recover")
    assert killed.status == -signal.SIGKILL, killed.err
    found = finished(run(home, what="recover"))
    assert (found["state"], found["numbers"], found["held"]) == ("sound", whole_day["numbers"], 0)
