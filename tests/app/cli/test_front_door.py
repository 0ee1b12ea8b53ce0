"""Exit statuses, languages, plain text, the PIN: what holds for every command.

Rule: a command over ``bare`` or ``one`` is a Python of its own, from the front door on.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from app.catalogue import LANGUAGES
from app.cli.parser import build_parser
from tests.support.cli import PIN, ROOT, Cli

CLI = (sys.executable, "-m", "app.cli.main")


@pytest.fixture(scope="module")
def one(cli: Cli) -> Cli:
    """With a wallet called ``one``."""
    if cli.run("--wallet", "one", "balance").status:
        cli.must("wallet", "new", "one")
    return Cli(cli.home, anew=True)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A home without a sandbox or wallets."""
    return Cli(tmp_path_factory.mktemp("bare"), anew=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_speaks_every_language(bare: Cli, language: str) -> None:
    helped = bare.run("--lang", language, "--help", pin=None)
    assert helped.status == 0
    assert "sandbox" in helped.out
    assert "\x1b" not in helped.out


def test_status_2_for_words_that_do_not_fit(bare: Cli) -> None:
    assert bare.run("no-such-command").status == 2
    assert bare.run("balance").status == 2
    assert bare.run("wallet", "new", "x", "--url", "http://127.0.0.1:1").status == 2


def test_words_that_are_no_text_are_said_to_be_so(bare: Cli) -> None:
    """Not by the harness, which speaks UTF-8: as a shell hands over what was pasted in another encoding."""
    words = [word.encode() for word in (*CLI, "request", "1", "--memo")] + [b"\xed\xe0\xed"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert "UTF-8" in told.stderr
    assert "Traceback" not in told.stderr


def test_status_3_says_what_is_missing(bare: Cli) -> None:
    without_sandbox = bare.run("wallet", "new", "x")
    assert without_sandbox.status == 3
    assert "qalta sandbox start" in " ".join(without_sandbox.err.split())
    assert bare.run("evidence", "show", str(bare.home / "nothing")).status == 3
    assert bare.run("app").status == 3


def test_status_1_and_a_code_for_a_refusal(one: Cli) -> None:
    cli = one
    again = cli.run("--json", "wallet", "new", "one")
    assert (again.status, again.json["refused"]) == (1, "wallet_exists")
    unknown = cli.run("--json", "--wallet", "nobody", "balance")
    assert (unknown.status, unknown.json["refused"]) == (1, "wallet_unknown")
    wrong = cli.run("--json", "--wallet", "one", "balance", pin="0000")
    assert (wrong.status, wrong.json["refused"]) == (1, "pin_wrong")
    assert cli.wallet("one", "balance")["spendable"] == 0


def test_without_a_terminal_or_a_descriptor_the_pin_is_missing(one: Cli) -> None:
    cli = one
    assert cli.run("--wallet", "one", "balance", pin=None).status == 3


def test_the_pin_is_never_an_option(bare: Cli) -> None:
    from app.catalogue import catalogue

    options = build_parser(catalogue("en")).format_help()
    assert "--pin-fd" in options
    assert "--pin " not in options


def test_a_half_made_wallet_is_finished_under_the_same_name(cli: Cli) -> None:
    for failpoint in ("purse.epoch.created", "purse.epoch.certified", "keystore.create.done"):
        name = failpoint.replace(".", "-")
        killed = cli.run("wallet", "new", name, failpoint=failpoint)
        assert killed.status == -signal.SIGKILL, killed.err
        assert cli.run("--wallet", name, "balance").status == 1
        assert state(cli, name) == "unfinished"
        made = cli.must("wallet", "new", name)
        assert state(cli, name) == "finished"
        assert made["account"]
        assert cli.wallet(name, "balance")["spendable"] == 0


def state(cli: Cli, name: str) -> str:
    listed = cli.run("--json", "wallet", "list").json["wallets"]
    return str(next(item["state"] for item in listed if item["name"] == name))


def test_a_wallet_whose_profile_is_damaged_is_made_again_with_its_keys_and_its_money(cli: Cli) -> None:
    made = cli.must("wallet", "new", "torn")
    cli.wallet("torn", "fund", "300")
    profile = cli.home / "wallets" / "torn" / "wallet.json"
    profile.write_bytes(profile.read_bytes()[:-20])
    assert state(cli, "torn") == "damaged"
    told = cli.run("--wallet", "torn", "balance")
    assert told.status == 3
    assert "qalta wallet list" in " ".join(told.err.split())
    profile.unlink()
    assert cli.must("wallet", "new", "torn")["account"] == made["account"]
    assert state(cli, "torn") == "finished"
    assert cli.wallet("torn", "balance")["spendable"] == 30_000
    assert cli.wallet("torn", "defund", "300")["defunded"] == 30_000


def test_ctrl_c_ends_with_4_and_says_that_it_resumes(one: Cli) -> None:
    cli = one
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*CLI, "--home", str(cli.home), "--wallet", "one", "balance"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", "NO_COLOR": "1"},
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(slave)
    shown = b""
    while b"PIN" not in shown:
        shown += os.read(master, 1_024)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 4
    shown += os.read(master, 4_096)
    os.close(master)
    assert b"Interrupted" in shown


def typed(cli: Cli, answers: list[tuple[bytes, bytes]], *argv: str) -> tuple[int, str]:
    """A command on a terminal: to each prompt, as its words come, what is typed. How it ended, what it said."""
    pid, master = pty.fork()
    if not pid:
        os.environ.update(PYTHONPATH=str(ROOT), QALTA_LANG="en", NO_COLOR="1")
        os.execv(CLI[0], [*CLI, "--home", str(cli.home), *argv])
    said, heard = b"", 0
    for prompt, answer in answers:
        while prompt not in said[heard:]:
            said += os.read(master, 1_024)
        heard = len(said)
        os.write(master, answer + b"\n")
    with suppress(OSError):
        while part := os.read(master, 4_096):
            said += part
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), " ".join(said.decode().split())


FIRST, AGAIN = b"Choose a PIN", b"The same PIN again"


def test_a_second_pin_that_was_mistyped_is_asked_for_again(cli: Cli) -> None:
    once = [(FIRST, b"2580"), (AGAIN, b"2581")]
    status, said = typed(cli, [*once, (FIRST, b"2580"), (AGAIN, b"2580")], "wallet", "new", "fingers")
    assert (status, said.count("The two PINs differ.")) == (0, 1), said
    assert cli.wallet("fingers", "balance")["spendable"] == 0
    open_with = (b"PIN of fingers", b"2580")
    status, said = typed(cli, [open_with, *once, *once, *once], "--wallet", "fingers", "wallet", "pin")
    assert (status, said.count("The two PINs differ.")) == (2, 3), said
    assert cli.wallet("fingers", "balance")["spendable"] == 0


def test_the_agent_answers_json_lines_and_its_network_can_be_cut(one: Cli) -> None:
    cli = one
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    lines = [
        {"argv": ["balance"]},
        {"network": "off"},
        {"argv": ["sync"]},
        {"network": "on"},
        {"argv": ["sync"]},
        7,
    ]
    done = subprocess.run(
        [*CLI, "--home", str(cli.home), "--wallet", "one", "--pin-fd", str(reading), "agent"],
        input="".join(json.dumps(line) + "\n" for line in lines) + "no json\n",
        capture_output=True,
        text=True,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    os.close(reading)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["status"] for answer in answers] == [0, 0, 0, 3, 0, 0, 2, 2]
    assert answers[3]["result"]["refused"] == "unreachable"
