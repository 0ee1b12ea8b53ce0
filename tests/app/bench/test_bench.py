"""`qalta bench` end to end, as small as it gets: the numbers are there and positive, and people can read them."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from app.bench import reconcile, wallets
from app.bench.figures import Findings
from app.catalogue import LANGUAGES, catalogue
from app.cli.main import main
from app.terminal.show import Show
from app.terminal.status import Status
from tests.sampling import everything


def numbers(printed: str) -> dict[str, Any]:
    """The one JSON object that was printed."""
    (line,) = printed.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def assert_measured(fields: dict[str, Any], *keys: str) -> None:
    for key in keys:
        figure = fields[key]
        assert 0 < figure["min"] <= figure["median"] <= figure["max"], key


def test_verify_and_qr_give_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "qr", "verify", "--rounds", "1", "--json"]) == Status.DONE
    found = numbers(capsys.readouterr().out)
    assert set(found) == {"machine", "rounds", "verify", "qr"}
    assert found["rounds"] == 1
    assert set(found["machine"]) == {"processor", "cores", "system", "python", "openssl"}
    verify, qr = found["verify"], found["qr"]
    assert (verify["hops"], verify["signatures"]) == (15, 31)
    assert verify["bytes"] <= 6_200
    assert_measured(verify, "bare_ms", "warm_ms", "cold_ms", "warm_ratio", "cold_ratio")
    assert verify["warm_ratio"]["median"] == pytest.approx(
        verify["warm_ms"]["median"] / verify["bare_ms"]["median"]
    )
    assert verify["warm_ratio"]["aim"] == 1.5
    assert_measured(qr, "encode_ms", "pyzbar_ms", "pyzbar_ratio")
    for hops in (1, 5, 10, 15):
        assert_measured(qr, f"frames_{hops}_loss_0", f"frames_{hops}_loss_30")
        assert qr[f"bytes_{hops}"] > 390 * hops - 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_gets_a_table_in_80_columns(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "verify", "qr", "--rounds", "1", "--lang", language]) == Status.DONE
    lines = capsys.readouterr().out.splitlines()
    words = catalogue(language)
    assert max(len(line) for line in lines) <= 80
    assert any(words.text("bench.verify_warm_ratio") in line and "≤ 1,50" in line for line in lines)
    assert any(line.startswith(words.text("bench.qr_encode")) for line in lines)


def test_an_agent_may_measure_beside_its_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """In another thread than the main one, where no signal can be asked for."""
    with ThreadPoolExecutor(1) as beside:
        status = beside.submit(main, ["bench", "verify", "--rounds", "1", "--json"]).result()
    assert status == Status.DONE
    assert "verify" in numbers(capsys.readouterr().out)


@pytest.mark.parametrize("rounds", ["0", "-1", "10001"])
def test_rounds_have_bounds(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "verify", "--rounds", rounds, "--json"]) == Status.USAGE
    assert numbers(capsys.readouterr().out)["error"] == "bench.rounds_wrong"


def test_an_unknown_measure_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "verify", "horses", "--json"]) == Status.USAGE
    found = numbers(capsys.readouterr().out)
    assert found["error"] == "bench.name_unknown"
    assert "horses" in found["told"]


def test_with_no_name_everything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    every = ["verify", "payment", "tap", "reconcile", "qr", "app", "cost", "wallets", "ledger"]

    def measuring(name: str) -> SimpleNamespace:
        def measure(*_given: object, **_options: object) -> Findings:
            asked.append(name)
            return Findings({}, [])

        return SimpleNamespace(measure=measure, Options=lambda *_given, **_named: None)

    for name in every:
        monkeypatch.setitem(sys.modules, f"app.bench.{name}", measuring(name))
    assert main(["bench", "--json"]) == Status.DONE
    assert asked == every
    assert numbers(capsys.readouterr().out)["rounds"] == 20


def test_a_payment_is_measured_on_real_keystores_in_a_process_of_its_own() -> None:
    """A process of its own, since SoftHSM serves one token folder in each."""
    command = [sys.executable, "-m", "app.cli.main", "bench", "payment", "--rounds", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Status.DONE, done.stderr
    payment = numbers(done.stdout)["payment"]
    assert 0 < payment["bytes"] <= 620
    steps = ("whole", "request", "consider", "reserve", "sign", "receive", "acknowledge")
    assert_measured(payment, *(f"{step}_{clock}_ms" for step in steps for clock in ("cpu", "wall")))
    assert payment["whole_cpu_ms"]["aim"] == 30


def test_taps_are_measured_on_real_keystores_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "app.cli.main", "bench", "tap", "--rounds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Status.DONE, done.stderr
    tap = numbers(done.stdout)["tap"]
    for hops in (1, 5, 10, 15):
        parts = ("whole", "link"), ("rest", "rest_cpu", "signing", "verifying")
        assert_measured(
            tap, *(f"{part}_{hops}_s" for part in parts[0]), *(f"{part}_{hops}_ms" for part in parts[1])
        )
        assert tap[f"bytes_{hops}"] <= 620 + 400 * (hops - 1)
    # The link is counted and comes out the same everywhere; what it leaves of the aim is the wallets'.
    assert tap["link_1_s"]["median"] < 0.25 < tap["whole_1_s"]["aim"] == 0.4
    assert tap["rest_1_ms"]["aim"] == 60
    for hops in (1, 5, 10, 15):
        assert tap[f"flushes_{hops}"]["median"] == 7
    assert tap["flushes_1"]["aim"] == 8


@pytest.mark.skipif(not everything(), reason="half a minute; ./test --all")
def test_windows_are_measured_in_every_round_also_those_that_were_cut_off_before() -> None:
    """The second round is the first whose windows come up as the round before left them."""
    command = [sys.executable, "-m", "app.cli.main", "bench", "app", "--rounds", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Status.DONE, done.stderr
    found = numbers(done.stdout)["app"]
    measured = [name for name, figure in found.items() if isinstance(figure, dict)]
    assert len(measured) >= 9
    assert_measured(found, *measured)


def test_reconciling_settles_every_hop_and_the_second_time_all_are_repeats() -> None:
    quiet = Show(catalogue("en"), as_json=True, quiet=True)
    found = reconcile.measure(1, quiet, chains=2).as_fields()
    assert found["hops"] == found["settled"] == found["repeats"] == 30
    assert found["signatures"] == 2 * (1 + 15 + 15) + 15, "the second chain's people are known"
    assert_measured(
        found, "upload_s", "upload_hops_per_s", "upload_call_ms", "repeat_s", "bare_cpu_s", "upload_ratio"
    )


def test_without_the_services_packages_reconciling_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["bench", "reconcile", "--json"]) == Status.MISSING
    assert numbers(capsys.readouterr().out)["error"] == "missing.service"


def test_without_a_decoder_the_qr_measure_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for decoder in ("zxingcpp", "pyzbar"):
        monkeypatch.setitem(sys.modules, decoder, None)
    assert main(["bench", "qr", "--json"]) == Status.MISSING
    assert numbers(capsys.readouterr().out)["error"] == "missing.reader"


def test_wallets_in_memory_take_no_descriptor_no_disk_and_less_memory() -> None:
    """The two places are compared, not bounded: half is what people read as the aim."""
    quiet = Show(catalogue("en"), as_json=True, quiet=True)
    found = wallets.measure(1, quiet).as_fields()
    assert (found["memory_descriptors"], found["memory_disk_kib"]) == (0, 0)
    assert found["folder_descriptors"] == 3
    assert found["folder_disk_kib"] > 100
    assert_measured(
        found, "memory_kib", "folder_kib", "ratio_times", "payment_memory_ms", "payment_folder_ms"
    )
    assert found["ratio_times"]["median"] < 1
    assert found["ratio_times"]["aim"] == 0.5
