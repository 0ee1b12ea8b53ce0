"""What was done is status 0, whatever becomes of the words about it; 4 only where the words were a code to show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

import pytest

from app.cli.account import account_afterwards
from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.client.bank import BankClient
from ledger_sync.http.peers import NoAnswer
from tests.support.cli import PIN, ROOT, Cli
from wallet.protocol.codes import Code

CHARSETS = ("ptcp154", "koi8_r", "ascii")


@pytest.fixture(scope="module")
def one(cli: Cli) -> Cli:
    cli.must("wallet", "new", "one", "--holder", "Әйгерім")
    cli.wallet("one", "fund", "100")
    return cli


def run(
    cli: Cli, *argv: str, stdout: IO[Any] | int, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Its status and stderr."""
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    command = [sys.executable, "-m", "app.cli.main", "--home", str(cli.home), "--pin-fd", str(reading)]
    done = subprocess.run(
        [*command, "--wallet", "one", *argv],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en", **(environment or {})},
        check=False,
    )
    os.close(reading)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def spendable(cli: Cli) -> int:
    return int(cli.wallet("one", "balance")["spendable"])


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_money_that_moved_is_status_0_in_any_charset(
    one: Cli, tmp_path: Path, charset: str, language: str
) -> None:
    before = spendable(one)
    surroundings = {"PYTHONIOENCODING": charset, "QALTA_LANG": language}
    with (tmp_path / "out").open("wb") as out:
        status, err = run(one, "fund", "1", stdout=out, environment=surroundings)
    assert (status, "Traceback" in err) == (0, False)
    assert spendable(one) == before + 100
    assert "1" in (tmp_path / "out").read_bytes().decode(charset)


@pytest.mark.parametrize("charset", CHARSETS)
def test_json_is_json_in_any_charset(one: Cli, tmp_path: Path, charset: str) -> None:
    with (tmp_path / "out").open("wb") as out:
        status, _ = run(
            one, "--json", "wallet", "show", stdout=out, environment={"PYTHONIOENCODING": charset}
        )
    assert status == 0
    assert json.loads((tmp_path / "out").read_bytes())["holder"] == "Әйгерім"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_behind_stdout_changes_no_status(one: Cli, form: tuple[str, ...]) -> None:
    before = spendable(one)
    with open("/dev/full", "wb") as full:
        status, err = run(one, *form, "fund", "1", stdout=full)
    assert status == 0
    assert "What was done stands" in " ".join(err.split())
    assert "Traceback" not in err
    assert "Exception" not in err
    assert spendable(one) == before + 100


def test_a_closed_pipe_changes_no_status(one: Cli) -> None:
    before = spendable(one)
    reading, writing = os.pipe()
    os.close(reading)
    status, err = run(one, "fund", "1", stdout=writing)
    os.close(writing)
    assert (status, "Traceback" in err, "Exception" in err) == (0, False, False)
    assert spendable(one) == before + 100


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_code_that_went_lost_is_4_and_says_how_to_go_on(one: Cli, form: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        status, err = run(one, *form, "request", "1", stdout=full)
    assert status == 4
    assert "--out" in err


def test_a_refusal_stays_one_when_it_cannot_be_told(one: Cli) -> None:
    with open("/dev/full", "wb") as full:
        assert run(one, "--json", "fund", "0", stdout=full)[0] == 2
        assert run(one, "--json", "defund", "99999", stdout=full)[0] == 1


def test_json_of_a_request_holds_the_code(one: Cli) -> None:
    from wallet.session import messages
    from wallet.transport.qr import FrameReceiver

    asked = one.wallet("one", "request", "1")
    receiver = FrameReceiver()
    for text in asked["codes"]:
        receiver.add(text)
    assert receiver.message is not None
    message = messages.decode(receiver.message)
    assert isinstance(message, messages.RequestMessage)
    assert message.request.id.hex() == asked["request"]


@pytest.mark.parametrize(
    "trouble", [NoAnswer(Code.UNREACHABLE), KeystoreError(KeystoreCode.TOKEN_FAULT), KeyboardInterrupt()]
)
def test_whatever_keeps_the_account_from_being_asked_for_makes_no_refusal(trouble: BaseException) -> None:
    class Bank:
        def account(self) -> Any:
            raise trouble

    assert account_afterwards(cast(BankClient, Bank())) is None
