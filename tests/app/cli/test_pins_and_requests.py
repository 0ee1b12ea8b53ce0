"""`wallet pin`: another PIN, by the one rule; `request list` and `cancel`: what is asked for and holds room."""

from __future__ import annotations

from tests.support.cli import PIN, Cli, change_pin, run_module

LETTERS = "қалта 2580"


def test_a_pin_is_changed_to_any_that_the_rule_allows_and_back(cli: Cli) -> None:
    cli.must("wallet", "new", "changed")
    assert change_pin(cli, "changed", PIN, LETTERS).status == 0
    refused = cli.run("--json", "--wallet", "changed", "balance")
    assert (refused.status, refused.json["refused"]) == (1, "pin_wrong")
    assert cli.run("--wallet", "changed", "balance", pin=LETTERS).status == 0
    unfit = change_pin(cli, "changed", LETTERS, "123")
    assert (unfit.status, unfit.json["refused"]) == (1, "pin_unfit")
    wrong = change_pin(cli, "changed", "0000", PIN)
    assert (wrong.status, wrong.json["refused"]) == (1, "pin_wrong")
    assert change_pin(cli, "changed", LETTERS, PIN).status == 0
    assert cli.wallet("changed", "balance")["spendable"] == 0


def test_open_requests_are_seen_and_cancelled(cli: Cli) -> None:
    cli.must("wallet", "new", "asker")
    out = str(cli.home / "codes")
    first = cli.wallet("asker", "request", "100", "--memo", "нан", "--out", out)
    cli.wallet("asker", "request", "50", "--printed", "--out", out)
    assert cli.wallet("asker", "balance")["requested"] == 10_000
    listed = cli.wallet("asker", "request", "list")
    assert listed["requested"] == 10_000
    assert {(item["amount"], item["printed"]) for item in listed["requests"]} == {
        (5_000, True),
        (10_000, False),
    }
    assert "(counts against the limit)  100\xa0₸" in cli.run("--wallet", "asker", "balance").out
    for command in ("fund", "request"):
        over = cli.run("--json", "--wallet", "asker", command, "499950")
        assert (over.status, over.json["refused"]) == (1, "limit_balance")
        assert "Open requests count with 100\xa0₸" in over.json["told"][0]
    cancelled = cli.wallet("asker", "request", "cancel", first["request"][:10])
    assert cancelled["requested"] == 0
    assert [item["amount"] for item in cli.wallet("asker", "request", "list")["requests"]] == [5_000]
    assert cli.wallet("asker", "balance")["requested"] == 0


def test_what_was_not_meant_is_told(cli: Cli) -> None:
    cli.must("wallet", "new", "clumsy")
    for argv in (
        ("request", "cancel"),
        ("request", "list", "ab"),
        ("request", "5", "ab"),
        ("request", "cancel", "ab"),
    ):
        done = cli.run("--json", "--wallet", "clumsy", *argv)
        assert done.status == 2, (argv, done.out, done.err)


def test_a_printed_request_is_good_as_long_as_the_apps_unless_told_otherwise(cli: Cli) -> None:
    """One rule: as long as the certificate."""
    cli.must("wallet", "new", "printer")
    out = str(cli.home / "prints")
    printed = cli.wallet("printer", "request", "5", "--printed", "--out", out)
    days = cli.wallet("printer", "request", "5", "--printed", "--minutes", "1440", "--out", out)
    (longest,) = {
        item["expires"]
        for item in cli.wallet("printer", "request", "list")["requests"]
        if item["expires"] != days["expires"]
    }
    assert printed["expires"] == longest > days["expires"] + 30 * 86_400


def test_ctrl_c_after_a_right_pin_counts_no_try(cli: Cli) -> None:
    cli.must("wallet", "new", "hasty")
    for _ in range(4):
        command = ["tests.e2e.interrupted", "--home", str(cli.home), "--wallet", "hasty"]
        done = run_module(command, {"--pin-fd": PIN}, ["balance"], {"QALTA_FAILPOINT": "keystore.open.login"})
        assert done.status == 4, done.err
    assert cli.wallet("hasty", "balance")["spendable"] == 0
    refused = cli.run("--json", "--wallet", "hasty", "balance", pin="0000")
    assert refused.json["facts"]["tries_left"] == 2
