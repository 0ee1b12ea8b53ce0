"""`qalta app`: where a window can open, how it is started, how it ends; and the pair: made once, and nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.camera.devices import open_camera
from app.camera.ports import CameraError, CameraTrouble
from app.catalogue import LANGUAGES, catalogue
from app.cli import main as front_door
from app.launch.display import DisplayTrouble, display_trouble
from app.launch.pair import PAIR_MEMBERS, PairStep
from app.launch.window import WindowSpec
from app.terminal.status import Status
from ledger_sync import sandbox
from ledger_sync.sandbox import State
from tests.support.cli import PIN, ROOT, Cli, Done, change_pin

LONG = 60


@dataclass(frozen=True)
class Stage:
    """A home, and what the stand-ins of its windows wrote down."""

    home: Path

    @property
    def cli(self) -> Cli:
        return Cli(self.home)

    def start(self, *argv: str, **environment: str) -> subprocess.Popen[str]:
        folder = self.home / "told"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        return subprocess.Popen(
            [sys.executable, "-m", "tests.app.cli.app_with_stand_ins", "--home", str(self.home), *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=surroundings(
                **{"SDL_VIDEODRIVER": "offscreen", "STAND_IN_FOLDER": str(folder), **environment}
            ),
        )

    def run(self, *argv: str, **environment: str) -> Done:
        process = self.start(*argv, **environment)
        out, err = process.communicate(timeout=LONG)
        return Done(process.returncode, " ".join(out.split()), " ".join(err.split()))

    def told(self, wallet: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "told" / wallet).read_text("utf-8"))
        return found

    def options(self, wallet: str) -> Mapping[str, str]:
        argv = [word for word in self.told(wallet)["argv"] if word != "--developer"]
        return dict(zip(argv[::2], argv[1::2], strict=True))


def surroundings(**changes: str) -> dict[str, str]:
    """Without a display, unless one is given."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**kept, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", **changes}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("app"))


# where a window can open


@pytest.mark.parametrize(
    ("environment", "is_open", "trouble"),
    [
        ({}, True, DisplayTrouble.NO_DISPLAY),
        ({"DISPLAY": ""}, True, DisplayTrouble.NO_DISPLAY),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, DisplayTrouble.WAYLAND_ONLY),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, True, None),
        ({"DISPLAY": ":0"}, True, None),
        ({"DISPLAY": ":0"}, False, DisplayTrouble.DISPLAY_CLOSED),
        ({"DISPLAY": ":0"}, None, DisplayTrouble.X11_MISSING),
        ({"SDL_VIDEODRIVER": "offscreen"}, False, None),
        ({"SDL_VIDEODRIVER": "x11"}, True, DisplayTrouble.NO_DISPLAY),
    ],
)
def test_a_window_opens_where_a_display_lets_it_in(
    environment: dict[str, str], is_open: bool | None, trouble: DisplayTrouble | None
) -> None:
    assert display_trouble(environment, opens=lambda: is_open, platform="linux") is trouble


def test_elsewhere_there_is_always_a_desktop() -> None:
    assert display_trouble({}, platform="darwin") is None


def test_a_display_is_really_tried(tmp_path: Path) -> None:
    """A virtual one that is there; and one that is not."""
    tried = "from app.launch.display import x11_opens; print(x11_opens())"
    command = ["xvfb-run", "-a", sys.executable, "-c", tried]
    there = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=surroundings(), check=True)
    assert there.stdout == "True\n"
    absent = surroundings(DISPLAY=":4711")
    done = subprocess.run(command[2:], capture_output=True, text=True, cwd=ROOT, env=absent, check=True)
    assert done.stdout == "False\n"


def test_without_a_display_it_says_so_and_how_it_could_be_had(stage: Stage) -> None:
    for argv in (("app",), ("app", "--pair")):
        done = stage.run(*argv, SDL_VIDEODRIVER="")
        assert done.status == Status.MISSING
        assert "There is no display here" in done.err
    assert not (stage.home / "pair").exists()


def test_or_the_demo_is_played_where_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played = []
    demo = SimpleNamespace(
        add=lambda commands: None, play=lambda context: played.append(context) or Status.DONE
    )
    monkeypatch.setitem(sys.modules, "app.cli.commands.demo", demo)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    argv = ["--lang", "en", "--home", str(tmp_path), "app", "--pair", "--or-demo"]
    assert front_door.main(argv) == Status.DONE
    assert len(played) == 1
    assert "There is no display here, so no window can open." in capsys.readouterr().out


def test_the_run_script_asks_for_just_that() -> None:
    assert "set -- app --pair --or-demo\n" in (ROOT / "run").read_text("utf-8")


# one window


def test_a_window_is_told_what_was_asked_and_nothing_else(tmp_path: Path) -> None:
    plain = WindowSpec(tmp_path, "dana")
    assert plain.arguments() == ["--home", str(tmp_path), "--wallet", "dana"]
    full = WindowSpec(tmp_path, "dana", "kk", "0", "auto", tmp_path / "pixels", (1, 2), True)
    assert full.arguments()[4:] == [
        *("--lang", "kk", "--camera", "0", "--reader", "auto"),
        *("--publish", str(tmp_path / "pixels"), "--position", "1,2", "--developer"),
    ]


def test_one_window_gets_its_options_a_session_of_its_own_and_no_developers_switch(stage: Stage) -> None:
    argv = ("--wallet", "dana", "--lang", "ru", "app", "--camera", "film.avi", "--reader", "usb")
    assert stage.run(*argv, STAND_IN="dana=0").status == Status.DONE
    told = stage.told("dana")
    assert told["session"] == told["pid"]
    assert "--developer" not in told["argv"]
    assert stage.options("dana") == {
        "--home": str(stage.home),
        "--wallet": "dana",
        "--lang": "ru",
        "--camera": "film.avi",
        "--reader": "usb",
    }


def test_where_there_is_no_wallet_the_window_makes_one(stage: Stage) -> None:
    assert stage.run("app", STAND_IN="wallet=0").status == Status.DONE
    assert stage.options("wallet")["--wallet"] == "wallet"


@pytest.mark.parametrize("status", [1, 3, 4])
def test_the_windows_exit_status_is_the_commands(stage: Stage, status: int) -> None:
    assert stage.run("--wallet", "dana", "app", STAND_IN=f"dana={status}").status == status


def test_a_window_that_crashes_is_told(stage: Stage) -> None:
    done = stage.run("--wallet", "dana", "app", STAND_IN="dana=77")
    assert done.status == Status.REFUSED
    assert "ended unexpectedly (status 77)" in done.err


def until_started(stage: Stage, process: subprocess.Popen[str], *wallets: str) -> None:
    while not all((stage.home / "told" / wallet).exists() for wallet in wallets):
        assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_window_and_ends_with_4(stage: Stage, how: signal.Signals) -> None:
    process = stage.start("--wallet", "dana", "app")
    until_started(stage, process, "dana")
    process.send_signal(how)
    process.communicate(timeout=LONG)
    assert process.returncode == Status.INTERRUPTED
    assert not is_alive(stage.told("dana")["pid"])


def test_a_window_that_does_not_close_is_ended(stage: Stage) -> None:
    process = stage.start("--wallet", "dana", "app", STUBBORN="1")
    until_started(stage, process, "dana")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG)
    assert process.returncode == Status.INTERRUPTED
    assert not is_alive(stage.told("dana")["pid"])


# the pair


def test_the_pair_cannot_be_wired_by_hand(stage: Stage) -> None:
    for argv in (("app", "--pair", "--camera", "0"), ("--wallet", "dana", "app", "--pair")):
        assert stage.run(*argv).status == Status.USAGE


def nothing_is_left(stage: Stage) -> None:
    folder = stage.home / "pair"
    assert {found.state for found in sandbox.status(folder / "sandbox")} == {State.STOPPED}
    assert not list(folder.glob("pixels-*"))
    for seat in PAIR_MEMBERS:
        if (stage.home / "told" / seat.wallet).exists():  # else it was ended before it had begun
            assert not is_alive(stage.told(seat.wallet)["pid"])


def test_the_pair_is_made_funded_wired_to_each_other_and_put_away(stage: Stage) -> None:
    done = stage.run("app", "--pair", STAND_IN="aigerim=0 bread=0")
    assert done.status == Status.DONE, done.err
    assert "PIN of both: 2580" in done.out
    first, second = (stage.options(seat.wallet) for seat in PAIR_MEMBERS)
    assert first["--camera"] == f"window:{second['--publish']}"
    assert second["--camera"] == f"window:{first['--publish']}"
    assert first["--reader"] == second["--reader"]
    assert first["--reader"].startswith("udp:127.0.0.1:")
    assert first["--position"] != second["--position"]
    assert all("--developer" in stage.told(seat.wallet)["argv"] for seat in PAIR_MEMBERS)
    with pytest.raises(CameraError) as caught:
        open_camera(first["--camera"])
    assert caught.value.trouble is CameraTrouble.WINDOW_CLOSED
    nothing_is_left(stage)
    pair = Cli(stage.home / "pair")
    assert {pair.wallet(seat.wallet, "balance")["spendable"] for seat in PAIR_MEMBERS} == {2_000_000}


def test_the_next_time_the_same_wallets_come_back_and_one_crash_closes_the_other(stage: Stage) -> None:
    pair = Cli(stage.home / "pair")
    before = pair.wallet("bread", "wallet", "show")["keys"]
    done = stage.run("app", "--pair", STAND_IN="bread=77")
    assert done.status == Status.REFUSED
    assert "ended unexpectedly (status 77)" in done.err
    nothing_is_left(stage)
    assert pair.wallet("bread", "wallet", "show")["keys"] == before
    assert pair.wallet("bread", "balance")["spendable"] == 2_000_000, "it was full, and was not filled again"


def test_ctrl_c_closes_both_windows_and_the_sandbox_and_only_one_pair_is_open_at_a_time(stage: Stage) -> None:
    process = stage.start("app", "--pair")
    until_started(stage, process, "aigerim", "bread")
    again = Cli(stage.home).run("app", "--pair", environment={"SDL_VIDEODRIVER": "offscreen"}, pin=None)
    assert again.status == Status.REFUSED
    assert "The two windows are open already" in again.err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG)
    assert process.returncode == Status.INTERRUPTED
    nothing_is_left(stage)


def test_a_pin_that_its_owner_changed_is_the_owners_and_the_pair_opens_all_the_same(stage: Stage) -> None:
    pair = Cli(stage.home / "pair")
    assert change_pin(pair, "aigerim", PIN, "1379").status == 0
    for _ in range(2):
        done = stage.run("app", "--pair", STAND_IN="aigerim=0 bread=0")
        assert done.status == Status.DONE, done.err
        assert "PIN of Әйгерім: the one that was chosen in its settings" in done.out
        assert "PIN of Нан дүкені: 2580" in done.out
        assert "making two wallets" not in done.out + done.err
    tries = json.loads((pair.home / "wallets" / "aigerim" / "keystore" / "tries.json").read_text())
    assert tries[0] == 1, "the demo's PIN was tried once, and never again"
    assert pair.run("--wallet", "aigerim", "balance", pin="1379").status == 0
    nothing_is_left(stage)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trouble_and_step_has_its_sentence(language: str) -> None:
    words = catalogue(language)
    assert all(words.text(f"app_run.{each.value}") for each in (*DisplayTrouble, *PairStep))
