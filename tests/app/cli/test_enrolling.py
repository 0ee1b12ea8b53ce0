"""The enrolment code lets whoever has it first speak for an account: it is no argument, which all users can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ledger_sync import sandbox
from tests.support.cli import PIN, ROOT, Cli, Done


def descriptor(words: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, words.encode() + b"\n")
    os.close(writing)
    return reading


def enrol(cli: Cli, name: str, *more: str, code: str | None) -> tuple[Done, bytes]:
    """`qalta wallet new` at a real bank; how it ended, and the arguments that the machine showed of it meanwhile."""
    network = sandbox.read_network(cli.home / "sandbox")
    station = network.station("alatau")
    pin = descriptor(PIN)
    kept = [pin] if code is None else [pin, descriptor(code)]
    command = [sys.executable, "-m", "app.cli.main", "--home", str(cli.home), "--json", "--pin-fd", str(pin)]
    command += ["wallet", "new", name, "--bank", "alatau", "--url", station.url, "--root", network.root.hex()]
    command += [*more, *(["--enrol-fd", str(kept[1])] if code is not None else [])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=kept,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QALTA_LANG": "en"},
    )
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    for each in kept:
        os.close(each)
    out, err = process.communicate()
    return Done(process.returncode, out, err), arguments


def test_a_code_from_a_descriptor_enrols_and_shows_nowhere(cli: Cli) -> None:
    network = sandbox.read_network(cli.home / "sandbox")
    code = sandbox.open_account(network, "alatau", os.urandom(16), "Nurlan", category=None, opening=1_000)
    done, arguments = enrol(cli, "nurlan", code=code)
    assert (done.status, done.json["wallet"]) == (0, "nurlan"), (done.out, done.err)
    assert code.encode() not in arguments
    assert code not in done.out + done.err


def test_without_a_terminal_it_has_to_be_given(cli: Cli) -> None:
    done, _ = enrol(cli, "codeless", code=None)
    assert (done.status, done.json["error"]) == (3, "missing.enrol")
    assert not (cli.home / "wallets" / "codeless").exists()


def test_it_is_no_argument(cli: Cli) -> None:
    done, _ = enrol(cli, "careless", "--enrol", "AB12-CD34", code=None)
    assert done.status == 2
    assert not (cli.home / "wallets" / "careless").exists()
