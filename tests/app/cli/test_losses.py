"""What is lost, or may be spent already, is said by every command that would else look well; over a real sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.cli import Cli

PAID = 10_000
WRITTEN = "100\N{NO-BREAK SPACE}₸"


@pytest.fixture(scope="module")
def people(cli: Cli) -> Cli:
    for name in ("ann", "bob", "cat"):
        cli.must("wallet", "new", name)
    cli.wallet("ann", "fund", "500")
    return cli


def folder(cli: Cli, name: str, part: str = "") -> Path:
    return cli.home / "wallets" / name / part


def put_back(copy: Path, there: Path) -> None:
    shutil.rmtree(there)
    shutil.copytree(copy, there)


def pay(cli: Cli, payer: str, payee: str, pictures: Path) -> None:
    """Offline, and received."""
    cli.wallet(payee, "request", "100", "--out", str(pictures / "request.png"))
    cli.wallet(payer, "pay", str(pictures / "request.png"), "--yes", "--out", str(pictures / f"to {payee}"))
    assert cli.wallet(payee, "receive", str(pictures / f"to {payee}"))["received"] == PAID


def test_a_payment_that_was_lost_is_told_at_every_sync_and_stands_in_history(
    people: Cli, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder(people, "ann"), tmp_path / "copy")
    pay(people, "ann", "bob", tmp_path)
    put_back(copy, folder(people, "ann"))
    pay(people, "ann", "cat", tmp_path)
    assert people.wallet("bob", "sync")["losses"] == []
    first = people.wallet("cat", "sync")
    assert first["conflict"] == 1
    for told in (first, people.wallet("cat", "sync")):
        (loss,) = told["losses"]
        assert (loss["amount"], loss["lost"], loss["change"], loss["state"]) == (PAID, PAID, 0, "lost")
        assert loss["claim"]
    said = people.run("--wallet", "cat", "sync").out
    assert f"Lost: {WRITTEN} of" in said
    assert f"against wallet {loss['claim'][:16]}" in " ".join(said.split())
    assert people.wallet("cat", "balance")["spendable"] == 0
    (event,) = people.wallet("cat", "history")["events"]
    assert (event["state"], event["change"]) == ("lost", 0)


def test_an_older_purse_is_said_to_be_one_by_every_command(people: Cli, tmp_path: Path) -> None:
    """Bob has money that is his, and pays; then his purse of before comes back under the keystore of today."""
    copy = shutil.copytree(folder(people, "bob", "purse"), tmp_path / "copy")
    pay(people, "bob", "cat", tmp_path)
    put_back(copy, folder(people, "bob", "purse"))
    out = ("--out", str(tmp_path / "mine.png"))
    for argv in (("balance",), ("risk",), ("history",), ("sync",), ("request", "1", *out)):
        told = people.run("--wallet", "bob", *argv)
        assert told.status == 0, (argv, told.err)
        assert "An older copy" in told.out + told.err, argv
    for command in ("balance", "risk", "history", "sync"):
        assert people.wallet("bob", command)["state"] == "rolled_back", command
    assert people.wallet("bob", "balance")["spendable"] == 0
    refused = people.run("--json", "--wallet", "bob", "pay", str(tmp_path / "request.png"), "--yes")
    assert (refused.status, refused.json["refused"]) == (1, "rollback")
    people.wallet("cat", "sync")
    assert people.wallet("bob", "sync")["state"] == "sound"
    (paid,) = [event for event in people.wallet("bob", "history")["events"] if event["kind"] == "paid"]
    assert (paid["change"], paid["state"]) == (-PAID, "ledger")
