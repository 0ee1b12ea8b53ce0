"""`request --introduce` and `contact`: who wants to be recognised is, by the name that the payer gave."""

from __future__ import annotations

import pytest

from tests.support.cli import Cli


@pytest.fixture(scope="module")
def people(cli: Cli) -> Cli:
    cli.must("wallet", "new", "aigul")
    cli.must("wallet", "new", "berik", "--bank", "zhibek")
    cli.wallet("aigul", "fund", "3000")
    return cli


def asked(cli: Cli, amount: str, *options: str) -> str:
    out = str(cli.home / f"asked {amount} {len(options)}.gif")
    cli.wallet("berik", "request", amount, "--out", out, *options)
    return out


def test_a_friend_is_named_once_and_recognised_from_then_on(people: Cli) -> None:
    paid = str(people.home / "paid.gif")
    first = people.wallet("aigul", "pay", asked(people, "100", "--introduce"), "--yes", "--out", paid)
    contact = first["contact"]
    assert contact == people.wallet("berik", "contact", "list")["own"]
    named = people.wallet("aigul", "contact", "name", contact[:8], "Берік ағай")
    assert named == people.wallet("aigul", "contact", "name", contact, "Берік ағай")
    told = people.run("--wallet", "aigul", "pay", asked(people, "200", "--introduce"), "--yes", "--out", paid)
    assert told.status == 0, told.err
    assert "Берік ағай" in told.out
    assert "contact name" not in told.out
    quiet = people.wallet("aigul", "pay", asked(people, "300"), "--yes", "--out", paid)
    assert quiet["contact"] is None
    events = people.wallet("aigul", "history")["events"]
    known = {
        event["amount"]: (event["contact"], event["called"]) for event in events if event["kind"] == "paid"
    }
    assert known == {
        10_000: (contact, "Берік ағай"),
        20_000: (contact, "Берік ағай"),
        30_000: (None, None),
    }
    assert people.run("--wallet", "aigul", "history").out.count("Берік ағай") == 2
    assert people.wallet("aigul", "contact", "list")["contacts"] == [{"key": contact, "name": "Берік ағай"}]
    people.wallet("aigul", "contact", "forget", contact[:8])
    assert people.wallet("aigul", "contact", "list") == {
        **people.wallet("aigul", "contact", "list"),
        "contacts": [],
        "own": None,
    }


def test_who_wants_to_be_known_no_more_introduces_itself_as_somebody_new(people: Cli) -> None:
    asked(people, "5", "--introduce")
    before = people.wallet("berik", "contact", "list")["own"]
    people.wallet("berik", "contact", "renew")
    assert people.wallet("berik", "contact", "list")["own"] is None
    asked(people, "6", "--introduce")
    assert people.wallet("berik", "contact", "list")["own"] not in (None, before)


def test_what_was_not_meant_is_told(people: Cli) -> None:
    for argv in (
        ("contact", "name", "ab", "Berik"),
        ("contact", "name", "", "Berik"),
        ("contact", "name", "ab", ""),
        ("contact", "name", "ab", "x" * 65),
        ("contact", "forget", "ab"),
        ("receive", "x.gif", "--introduce"),
    ):
        done = people.run("--json", "--wallet", "aigul", *argv)
        assert done.status == 2, (argv, done.out, done.err)
