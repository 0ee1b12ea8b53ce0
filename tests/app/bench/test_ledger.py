"""`qalta bench ledger`, as small as it gets: services on both engines settle every hop, and what is counted adds up.

No time is judged here: figures are for people to read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.bench import ledger
from app.bench.figures import Figure, Findings, Unit, spread
from app.bench.ledger_load import Load, Post
from app.bench.ledger_meter import Process, Reading, by_database, processes, tree
from app.bench.ledger_stage import made, workers_on
from app.bench.ledger_uploads import batches_on
from app.bench.throwaway import SoftKey
from app.catalogue import catalogue
from app.cli.main import main
from app.terminal.show import Show
from app.terminal.status import Status
from ledger_sync.http.problems import busy, encode_problem
from tests.sampling import everything
from tests.support.answering import answering, said
from wallet.protocol.codes import Code, Refusal

PEOPLE = 16
QUIET = Show(catalogue("en"), as_json=True, quiet=True)


@pytest.mark.parametrize("engine", ledger.ENGINES if everything() else ledger.ENGINES[:1])
def test_every_hop_is_settled_and_the_second_time_all_are_repeats(engine: str, kept: Path) -> None:
    options = ledger.Options(1, kept, [engine], people=PEOPLE, consumed=1_000)
    found: dict[str, Any] = ledger.measure(1, QUIET, options).as_fields()
    assert found["settled"] == found["repeats"] == 15 * len(ledger.IN_FLIGHT)
    has_server = engine == "postgres"
    assert found[f"{engine}_memory_mib"]["median"] > 10
    assert found[f"{engine}_memory_mib"]["aim"] == 150
    assert {f"{engine}_memory_{part}_mib" for part in ("quarter", "half", "grown")} <= found.keys()
    assert ({"consumed_rate", "consumed_clock"} <= found.keys()) is has_server
    for in_flight in ledger.IN_FLIGHT:
        key = f"{engine}_{in_flight}"
        parts = {
            name: found[name]["median"] for name in found if name.startswith(key) and name.endswith("_us")
        }
        services, bare = parts.pop(f"{key}_services_us"), parts.pop(f"{key}_bare_us")
        assert parts.pop(f"{key}_idle_us") >= 0
        assert sum(parts.values()) == pytest.approx(services)
        assert found[f"{key}_ratio"]["median"] == pytest.approx(bare / services)
        assert found[f"{key}_hops_per_s"]["median"] > 0
        assert {f"{key}_alatau_us", f"{key}_notary_us"} <= parts.keys()
        assert found[f"{key}_peer"]["median"] == pytest.approx(5_500 / services)
        assert ({f"{key}_postgresql_alatau_us", f"{key}_postgresql_notary_us"} <= parts.keys()) is has_server
        assert ("floor" in found[f"{key}_ratio"]) is has_server


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is made beforehand, for all runs of this file."""
    return tmp_path_factory.mktemp("kept")


def test_what_was_made_is_used_again_while_it_is_enough(kept: Path) -> None:
    first = made(kept, PEOPLE, PEOPLE + 2, QUIET)
    again = made(kept, PEOPLE, PEOPLE, QUIET)
    assert [raw for _, raw in again.uploads] == [raw for _, raw in first.uploads]
    assert [device.public for device, _ in again.uploads] == [device.public for device, _ in first.uploads]
    known: set[bytes] = set()
    assert len(first.signatures(first.uploads[:1], known)) == 15 + 15 + 1 + 15
    assert len(first.signatures(first.uploads[1:2], known)) == 15 + 1 + 15 + 1, "one certificate is new"
    assert first.signatures(first.uploads[:2], known) == []


def test_a_floor_below_its_aim_is_the_least_and_one_above_it_the_most() -> None:
    def figure(value: float, floor: float | None, aim: float | None) -> Figure:
        return Figure("one", "one", Unit.TIMES, spread([value]), aim, floor=floor)

    assert [figure(value, 0.4, 0.5).misses_floor for value in (0.39, 0.4, 0.6)] == [True, False, False]
    assert [figure(value, 0.10, 0.07).misses_floor for value in (0.11, 0.1, 0.01)] == [True, False, False]
    assert not figure(9, None, 1).misses_floor
    assert figure(1, 0.4, 0.5).as_numbers()["floor"] == 0.4
    assert "floor" not in figure(1, None, 0.5).as_numbers()


def test_a_tree_is_a_process_and_all_that_descend_from_it() -> None:
    every = {
        1: Process(0, 1, 0),
        2: Process(1, 1, 0),
        3: Process(2, 1, 0),
        4: Process(1, 1, 0),
        5: Process(9, 1, 0),
    }
    assert tree(2, every) == {2, 3}
    assert tree(1, every) == {1, 2, 3, 4}
    assert tree(7, every) == set()


def test_what_a_child_took_counts_after_its_end() -> None:
    """A child that works for a while and is waited for: the reading has it, though no process of its is left."""
    own = os.getpid()
    before = Reading.take({"own": own})
    took = subprocess.run(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True, timeout=60
    )
    spent = Reading.take({"own": own}).since(before)["own"]
    assert took.returncode == 0
    assert spent[own] >= 0.18
    assert own in processes()


def test_a_servers_time_is_split_by_whom_its_processes_serve() -> None:
    assert by_database({1: 1.0, 2: 2.0, 3: 4.0, 4: 8.0}, {2: "a", 3: "b", 4: "a"}) == {
        "": 1.0,
        "a": 10.0,
        "b": 4.0,
    }


def test_a_call_that_is_told_to_come_back_or_loses_its_line_is_signed_and_made_again() -> None:
    device = SoftKey()

    def answer(number: int) -> bytes | None:
        again = {1: None, 2: said(503, encode_problem(busy(1)))}
        return again[number] if number in again else said(200, b"%d" % number)

    with answering(answer) as (url, signed):
        loaded = Load(url, 1).run(
            [Post(device, "/v1/uploads", b"first"), Post(device, "/v1/uploads", b"second")]
        )
    assert loaded.answers == [b"3", b"4"]
    assert loaded.again == 2
    assert len(signed) == len(set(signed)) == 4, "each is a call of its own"


def test_what_a_service_refuses_ends_the_load() -> None:
    with (
        answering(lambda _: said(422, encode_problem(Refusal(Code.TIME_INVALID)))) as (url, _),
        pytest.raises(Refusal) as refused,
    ):
        Load(url, 1).run([Post(SoftKey(), "/v1/uploads", b"")])
    assert refused.value.code is Code.TIME_INVALID


def test_batches_are_read_of_a_page_that_tells_of_all_processes() -> None:
    page = (
        "# TYPE qalta_batch_size histogram\n"
        'qalta_batch_size_bucket{le="16.0",process="1",what="upload"} 2.0\n'
        'qalta_batch_size_count{process="1",what="upload"} 2.0\nqalta_batch_size_sum{process="1",what="upload"} 30.0\n'
        'qalta_batch_size_count{process="2",what="upload"} 1.0\nqalta_batch_size_sum{process="2",what="upload"} 15.0\n'
        'qalta_batch_size_count{what="commit"} 1.0\nqalta_batch_size_sum{what="commit"} 1.2e+02\n'
    )
    assert batches_on(page) == {"upload": (45.0, 3.0), "commit": (120.0, 1.0)}
    assert workers_on(page) == 2


@pytest.mark.skipif(not everything(), reason="a cluster takes a minute to start; ./test --all")
def test_three_nodes_settle_what_one_settles(kept: Path) -> None:
    found = ledger.measure(1, QUIET, ledger.Options(1, kept, people=PEOPLE, nodes=3)).as_fields()
    assert found["settled"] == 15 * len(ledger.IN_FLIGHT) * 2
    for in_flight in ledger.IN_FLIGHT:
        key = f"nodes_{in_flight}"
        rates = [found[f"{key}_{which}_hops_per_s"]["median"] for which in ("three", "one")]
        assert found[f"{key}_ratio"]["median"] == pytest.approx(rates[0] / rates[1])
        assert found[f"{key}_three_services_us"]["median"] > 0


WRONG = {
    ("--payments", "60"): "bench.payments_wrong",
    ("--payments", "61001"): "bench.payments_wrong",
    ("--nodes", "2"): "usage.choice",
    ("--pilot", "--consumed", "1"): "bench.options_apart",
    ("--nodes", "3", "--statements"): "bench.options_apart",
}


@pytest.mark.parametrize("options", WRONG)
def test_options_that_do_not_fit_are_told(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "ledger", *options, "--json"]) == Status.USAGE
    assert json.loads(capsys.readouterr().out)["error"] == WRONG[options]


def test_the_options_of_the_command_are_those_of_the_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ledger.Options] = []

    def measure(_rounds: int, _show: Show, options: ledger.Options) -> Findings:
        asked.append(options)
        return Findings({"uploads": 0, "hops": 0}, [])

    stand_in = SimpleNamespace(measure=measure, Options=ledger.Options)
    monkeypatch.setitem(sys.modules, "app.bench.ledger", stand_in)
    for words in (["--pilot", "--payments", "610"], ["--nodes", "3", "--uploads", "2"], []):
        assert main(["bench", "ledger", *words, "--json"]) == Status.DONE
    assert [(one.pilot, one.nodes, one.uploads) for one in asked] == [(610, 1, 256), (0, 3, 2), (0, 1, 256)]
