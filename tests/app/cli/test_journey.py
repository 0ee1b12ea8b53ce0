"""What a newcomer does, command by command, over a real sandbox: make, fund, ask, pay, receive, sync, defund."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import Cli


@pytest.fixture(scope="module")
def people(cli: Cli) -> Cli:
    cli.must("wallet", "new", "dana", "--opening", "30000")
    cli.must("wallet", "new", "bolat", "--bank", "zhibek", "--merchant", "--holder", "Нан дүкені")
    return cli


def books(cli: Cli) -> dict[str, int]:
    found = cli.must("sandbox", "books")
    assert found["balanced"] is True
    return found


def test_money_goes_from_account_to_pocket_to_shop_and_back(people: Cli, tmp_path: Path) -> None:
    cli = people
    before = books(cli)
    funded = cli.wallet("dana", "fund", "20 000")
    assert funded["account"] == 1_000_000
    asked = cli.wallet(
        "bolat", "request", "12500,50", "--memo", "нан", "--out", str(tmp_path / "request.png")
    )
    assert asked["frames"] == 1
    paid = cli.wallet(
        "dana", "pay", str(tmp_path / "request.png"), "--yes", "--out", str(tmp_path / "payment")
    )
    assert paid["amount"] == 1_250_050
    got = cli.wallet("bolat", "receive", str(tmp_path / "payment"), "--out", str(tmp_path / "receipt.png"))
    assert (got["received"], got["hop"], got["repeat_of"]) == (1_250_050, 1, None)
    assert cli.wallet("bolat", "balance")["unsettled"] == 1_250_050

    again = cli.wallet("bolat", "receive", str(tmp_path / "payment"))
    assert again["repeat_of"] is not None
    assert again["transfers"] == got["transfers"]
    assert cli.wallet("bolat", "balance")["spendable"] == 1_250_050

    assert "acknowledged" in cli.wallet("dana", "pay", str(tmp_path / "receipt.png"))
    assert cli.wallet("dana", "balance")["spendable"] == 749_950
    assert cli.wallet("dana", "risk")["amount"] == 749_950

    synced = cli.wallet("bolat", "sync")
    assert (synced["settled"], synced["conflicts"]) == (1, [])
    assert cli.wallet("bolat", "balance")["unsettled"] == 0
    assert cli.wallet("bolat", "sync")["settled"] == 0
    cli.wallet("dana", "sync")
    assert cli.wallet("bolat", "defund", "12500,50")["defunded"] == 1_250_050
    kinds = [event["kind"] for event in cli.wallet("bolat", "history")["events"]]
    assert (kinds[0], kinds[-1]) == ("received", "defunded")
    after = books(cli)
    assert after["outstanding"] - before["outstanding"] == 749_950


def test_a_payment_in_pictures_is_read_once(people: Cli, tmp_path: Path) -> None:
    cli, files = (
        people,
        {name: str(tmp_path / name) for name in ("request.png", "payment", "receipt.png", "counts")},
    )
    counts = Path(files["counts"])

    def counted(wallet: str, *argv: str) -> dict[str, int]:
        done = cli.run("--wallet", wallet, *argv, counts=counts)
        assert done.status == 0, done.err
        read: dict[str, int] = json.loads(counts.read_text())
        return read

    cli.wallet("dana", "fund", "10")
    cli.wallet("bolat", "request", "10", "--out", files["request.png"])
    paid = counted("dana", "pay", files["request.png"], "--yes", "--out", files["payment"])
    assert paid == {"messages": 1, "parsed": 1, "verified": 1}  # the request; and what was signed, checked
    got = counted("bolat", "receive", files["payment"], "--out", files["receipt.png"])
    assert got == {"messages": 1, "parsed": 1, "verified": 1}
    assert counted("dana", "pay", files["receipt.png"]) == {"messages": 1}


def test_a_payment_its_payee_never_saw_is_delivered_by_the_payers_sync(people: Cli, tmp_path: Path) -> None:
    cli = people
    cli.wallet("dana", "fund", "100")
    cli.wallet("bolat", "request", "50", "--out", str(tmp_path / "request.png"))
    before = cli.wallet("bolat", "balance")["spendable"]
    cli.wallet("dana", "pay", str(tmp_path / "request.png"), "--yes", "--out", str(tmp_path / "payment"))
    cli.wallet("dana", "sync")
    cli.wallet("bolat", "sync")
    assert cli.wallet("bolat", "balance")["spendable"] == before + 5_000
    late = cli.wallet("bolat", "receive", str(tmp_path / "payment"))
    assert late["repeat_of"] is not None
    assert cli.wallet("bolat", "balance")["spendable"] == before + 5_000


def test_a_printed_code_asks_before_it_is_paid_twice(people: Cli, tmp_path: Path) -> None:
    cli = people
    cli.wallet("dana", "fund", "100")
    code, first, second = (str(tmp_path / name) for name in ("shop.png", "first", "second"))
    cli.wallet("bolat", "request", "40", "--open", "--printed", "--out", code)
    missing = cli.run("--wallet", "dana", "pay", code, "--yes", "--out", first)
    assert missing.status == 2
    paid = cli.wallet("dana", "pay", code, "--amount", "10", "--yes", "--out", first)
    twice = cli.run("--json", "--wallet", "dana", "pay", code, "--amount", "10", "--yes", "--out", second)
    assert (twice.status, twice.json["refused"]) == (1, "already_paid")
    shown = cli.wallet("dana", "pay", "--again", paid["payment"], "--out", second)
    assert shown["bytes"] == paid["bytes"]
    anew = cli.wallet("dana", "pay", code, "--amount", "10", "--anew", "--yes", "--out", second)
    assert anew["payment"] != paid["payment"]


def test_refusals_say_what_happened_where_the_money_is_and_what_to_do(people: Cli, tmp_path: Path) -> None:
    cli = people
    cli.wallet("bolat", "request", "90000", "--out", str(tmp_path / "much.png"))
    refused = cli.run(
        "--wallet", "dana", "pay", str(tmp_path / "much.png"), "--yes", "--out", str(tmp_path / "p")
    )
    assert refused.status == 1
    assert not (tmp_path / "p").exists()
    told = refused.err.strip().splitlines()
    assert any("90 000 ₸" in line.replace("\N{NO-BREAK SPACE}", " ") for line in told)
    assert told[-1].startswith("(funds_short")
    blank = cli.run("--json", "--wallet", "bolat", "receive", str(tmp_path / "much.png"))
    assert (blank.status, blank.json["refused"]) == (1, "message_unexpected")
