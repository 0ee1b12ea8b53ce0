"""Everyday mistakes are called what they are, and leave nothing half-made behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.catalogue import catalogue
from app.cli.main import main
from app.terminal.show import Show
from app.wallets.places import Flaw, WalletDir
from tests.support.cli import PIN, ROOT, Cli
from tests.support.small_disk import fill, let_be_written, small_disk

LONG = "x" * 300


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(tmp_path_factory.mktemp("bare"))


@pytest.mark.parametrize("name", ["дана", "a.b", "a b", LONG, "-"])
def test_a_name_that_is_none_is_said_to_be_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "wallet", "new", "--", name]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "usage.wallet_name"


WRONG_WORDS = {
    ("new", "t", "--holder", LONG): "usage.holder",
    ("new", "t", "--holder", "ә" * 33): "usage.holder",
    ("new", "t", "--merchant", "--category", "12"): "usage.category",
    ("new", "t", "--opening", "much"): "usage.amount",
    ("new", "t", "--bank", "b", "--url", "http://x", "--root", "zz"): "usage.root",
}


@pytest.mark.parametrize("words", WRONG_WORDS)
def test_what_can_be_seen_before_anything_is_made_is_refused_then(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", "--home", str(tmp_path), "wallet", *words]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == WRONG_WORDS[words]
    assert list(tmp_path.iterdir()) == []


def test_a_bank_that_refuses_leaves_no_wallet_and_speaks_of_itself(cli: Cli) -> None:
    refused = cli.run("--json", "wallet", "new", "rich", "--opening", "99999999999")
    assert (refused.status, refused.json["refused"]) == (1, "account_short")
    assert "bank" in refused.json["told"][0]
    assert not (cli.home / "wallets" / "rich").exists()


@pytest.mark.parametrize("pin", ["1", "x" * 129])
def test_a_pin_that_is_none_leaves_no_wallet(cli: Cli, pin: str) -> None:
    assert cli.run("--json", "wallet", "new", "pinless", pin=pin).json["refused"] == "pin_unfit"
    assert not (cli.home / "wallets" / "pinless").exists()


def test_a_descriptor_that_is_not_open_is_named(bare: Cli) -> None:
    told = bare.run("--json", "--pin-fd", "87", "wallet", "new", "x", "--bank", "b", "--url", "http://x",
                    "--root", "02" * 33, pin=None)  # fmt: skip
    assert (told.status, told.json["error"]) == (3, "missing.pin_fd")
    assert "87" in told.json["told"]


def test_a_full_disk_is_a_full_disk_for_wallets_and_for_the_sandbox(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        cli = Cli(disk)
        fill(disk, leave=0)
        for words in (("sandbox", "start"), ("demo", "--keep", str(disk / "demo"))):
            told = cli.run("--json", *words)
            assert (told.status, told.json["refused"]) == (3, "storage_full"), words


def test_a_read_only_home_is_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        let_be_written(disk, is_so=False)
        cli = Cli(disk)
        told = cli.run("--json", "sandbox", "start")
        assert (told.status, told.json["refused"]) == (3, "storage_read_only")


def test_a_wallet_on_a_full_disk_says_so_at_every_size_and_goes_on_with_room(
    cli: Cli, tmp_path: Path
) -> None:
    cli.must("wallet", "new", "small")
    with small_disk(tmp_path / "disk", 2048) as disk:
        home = Cli(disk)
        subprocess.run(["cp", "-r", str(cli.home / "wallets"), str(disk)], check=True)
        for leave in (0, 8, 24, 60):
            stuffing = fill(disk, leave=leave)
            told = home.run("--json", "--wallet", "small", "request", "1")
            stuffing.unlink()
            assert told.status in (0, 3), told.out
            assert "damaged" not in told.out
            assert told.status == 0 or told.json["refused"] == "storage_full", told.out
            assert "Traceback" not in told.err
            assert home.run("--wallet", "small", "balance").status == 0


def test_an_agent_goes_on_once_there_is_room_again(cli: Cli, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2048) as disk:
        subprocess.run(["cp", "-r", str(cli.home / "wallets"), str(disk)], check=True)
        reading, writing = os.pipe()
        os.write(writing, PIN.encode() + b"\n")
        os.close(writing)
        agent = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "--home", str(disk), "--wallet", "small", "--pin-fd",
             str(reading), "agent"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(reading,), text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        os.close(reading)
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdout.readline()

        def ask() -> dict[str, Any]:
            assert agent.stdin is not None
            assert agent.stdout is not None
            agent.stdin.write('{"argv": ["request", "1"]}\n')
            agent.stdin.flush()
            found: dict[str, Any] = json.loads(agent.stdout.readline())
            return found

        stuffing = fill(disk, leave=0)
        refused = ask()
        while refused["status"] == 0:
            refused = ask()
        assert (refused["status"], refused["result"]["refused"]) == (3, "storage_full")
        stuffing.unlink()
        assert ask()["status"] == 0
        agent.stdin.close()
        assert agent.wait(60) == 0


def test_another_file_is_no_evidence_and_a_root_may_be_given_either_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, key = str(ROOT / "README.md"), "02" * 33
    (tmp_path / "root.hex").write_text(key)
    for root in (key, str(tmp_path / "root.hex")):
        assert main(["--json", "evidence", "check", "--root", root, readme]) == 1
        assert "no evidence file" in json.loads(capsys.readouterr().out)["told"][0]
    assert main(["--json", "evidence", "show", str(tmp_path)]) == 1
    assert "no evidence file" in json.loads(capsys.readouterr().out)["told"][0]
    assert main(["--json", "evidence", "show", str(tmp_path / "nothing")]) == 3


def test_money_to_and_from_ones_own_account_is_no_matter_of_a_payer(cli: Cli) -> None:
    cli.must("wallet", "new", "limits", "--opening", "900000")
    over = cli.run("--json", "--wallet", "limits", "fund", "600000").json
    asked = cli.run("--json", "--wallet", "limits", "request", "600000").json
    out = cli.run("--json", "--wallet", "limits", "defund", "1000").json
    assert [told["refused"] for told in (over, asked, out)] == [
        "limit_balance",
        "limit_balance",
        "funds_short",
    ]
    for told in (over, asked, out):
        assert not [line for line in told["told"] if "payer" in line]
        assert "Fund the wallet" not in told["told"][2]


HIDDEN = """
    import sys

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {names!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
            return None

    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else found(name, package)
    sys.meta_path.insert(0, Hidden())
    from app.cli.main import main
    sys.exit(main())
"""


def without(names: tuple[str, ...], home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    import textwrap

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HIDDEN.format(names=names)), "--home", str(home), *argv],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en"},
    )


@pytest.mark.parametrize(
    ("missing", "argv", "extra"),
    [
        (("uvicorn", "starlette"), ("sandbox", "start"), "qalta[service]"),
        (("uvicorn",), ("demo",), "qalta[service]"),
        (("uvicorn", "nfc"), ("demo",), "qalta[service,nfc]"),
        (("nfc",), ("demo",), "qalta[nfc]"),
    ],
)
def test_a_missing_extra_is_one_line(
    tmp_path: Path, missing: tuple[str, ...], argv: tuple[str, ...], extra: str
) -> None:
    done = without(missing, tmp_path, *argv)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("· ")]
    assert (done.returncode, done.stdout) == (3, "")
    assert extra in " ".join(lines)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "sandbox").exists()


OUT = {
    "r.pdf": "usage.out_kind",
    "taken": "usage.out_taken",
    "nowhere/r.png": "usage.out_parent",
    "nowhere/frames": "usage.out_parent",
    "folder.png": "usage.out_is_folder",
    "file": "usage.out_kind",
}


@pytest.mark.parametrize("name", OUT)
def test_where_a_code_cannot_be_written_is_said_before_anything_is_asked_for(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "holiday.jpg").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    assert main(["--json", "--home", str(tmp_path), "request", "5", "--out", str(tmp_path / name)]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == OUT[name]
    assert sorted(tmp_path.rglob("*")) == before


def test_frames_of_an_earlier_code_do_not_stay_among_those_of_a_later_one(tmp_path: Path) -> None:
    from app.terminal.showing import About, InFolder
    from wallet.transport.qr import FrameReceiver, Outcome
    from wallet.transport.qr.reader import best_reader, read_pictures

    show = Show(catalogue("en"), as_json=True, quiet=True)
    way = InFolder(tmp_path / "code")
    assert way.show(bytes(range(256)) * 8, show, About("show.again_receive")) > 2
    way.show(b"short", show, About("show.again_receive"))
    receiver = FrameReceiver()
    outcomes = [receiver.add(text).outcome for text in read_pictures(tmp_path / "code", best_reader())]
    assert outcomes == [Outcome.COMPLETE]
    assert receiver.message == b"short"


def test_a_wide_history_keeps_its_ids_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(catalogue("en"), as_json=False)
    columns = ("history.time", "history.what", "history.amount>", "history.state", "history.id")
    row = ["29.11.2026 17:23", "received Алматы жеміс-жидек дүкені", "1 234 567,89 ₸", "confirmed by the payee",
           "0123456789ab"]  # fmt: skip
    show.table("", columns, [row], folds=("history.what", "history.state"))
    said = capsys.readouterr().out
    assert all(len(line.rstrip()) <= 80 for line in said.splitlines())
    assert "0123456789ab" in said
    assert "29.11.2026 17:23" in said


def test_hints_name_the_command_as_it_was_called(tmp_path: Path) -> None:
    cli, called = Cli(tmp_path), {"QALTA_COMMAND": "./run"}
    done = cli.run("balance", pin=None, environment=called)
    assert "`./run wallet new NAME`" in " ".join(done.err.split())
    assert "qalta" not in done.err
    wrong = cli.run("wallet", "bogus", pin=None, environment=called)
    assert "`./run wallet --help`" in " ".join(wrong.err.split())


def test_what_was_not_foreseen_is_one_sentence_and_names_the_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import argparse
    from types import SimpleNamespace

    from app.cli.running import run_command

    def fail(args: object, context: object) -> None:
        raise RuntimeError(f"the PIN is {PIN}")

    context = SimpleNamespace(show=Show(catalogue("en"), as_json=False))
    assert run_command(argparse.Namespace(run=fail), context) == 1  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert PIN not in said.out + said.err
    assert "Traceback" not in said.err
    assert "RuntimeError" in said.err


def test_a_profile_that_may_not_be_read_is_not_damaged(tmp_path: Path) -> None:
    place = WalletDir("one", tmp_path)
    (tmp_path / "wallet.json").symlink_to("wallet.json")
    assert place.look() is Flaw.UNREADABLE
    with pytest.raises(OSError, match="symbolic links"):
        place.profile()
