"""The agent: whatever bytes a line holds, one line of JSON with a status comes back, and the next line is obeyed."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue import catalogue
from app.cli.commands.agent import MAX_LINE_BYTES, answer, lines
from app.cli.context import Context, OpenWallet
from app.cli.parser import build_parser
from app.cli.pin import PinSource
from app.cli.places import Home, Profile, WalletPlace
from app.cli.show import Show
from tests.support.cli import PIN, ROOT, Cli
from tests.support.wallets import Town

CLI = (sys.executable, "-m", "app.cli.main")
PARSER: argparse.ArgumentParser = build_parser(catalogue("en"))
NESTED = b"[" * (MAX_LINE_BYTES - 1) + b"\n"
COMMANDS = ("balance", "risk", "history", "request", "pay", "receive", "wallet", "evidence", "fund", "sync")
WORDS = st.one_of(
    st.sampled_from(
        (*COMMANDS, "show", "list", "new", "--memo", "--minutes", "--printed", "--open", "--yes")
    ),
    st.sampled_from(
        ("--amount", "--again", "--drop", "--help", "--lang", "--json", "--pin-fd", "agent", "app")
    ),
    st.text(st.characters(exclude_characters="/"), max_size=12),
    st.integers(),
)
ARGV = st.lists(WORDS, max_size=5) | st.tuples(st.sampled_from(COMMANDS), WORDS, WORDS, WORDS).map(list)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))
OBJECTS = st.dictionaries(st.sampled_from(("argv", "network", "more")), VALUES | ARGV, max_size=3)
LINES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [
            NESTED,
            b'{"argv":' * 9_000 + b"\n",
            b"",
            b"\n",
            b"\0\0\0\n",
            b"\xff\xfe{\0}\0\n",
            b"9" * 5_000,
            b'{"argv": ["balance\\u0000"]}',
            b'{"argv": ["request", "5", "--memo", "\\ud800"]}',
            b'{"argv": ["balance"], "network": "maybe"}',
            b"x" * (MAX_LINE_BYTES + 1),
        ]
    ),
    VALUES.map(lambda value: json.dumps(value).encode()),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    ARGV.map(lambda argv: json.dumps({"argv": argv}).encode()),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """What an agent keeps, over a keystore in memory and a bank that is not there."""
    folder = tmp_path_factory.mktemp("agent")
    town = Town(folder)
    wallet = town.wallet("dana", 10_000, 20_000)
    keystore = town.keystores["dana"]
    keystore.create_key("device")
    profile = Profile("alatau", "http://127.0.0.1:1", town.world.root.public.hex(), "a", "person", "Dana")
    opened = OpenWallet(WalletPlace("dana", folder / "wallets" / "dana"), profile, keystore, wallet)
    show = Show(catalogue("en"), as_json=True, quiet=True)
    context = Context(Home(folder), "dana", show, PinSource(None), kept=opened)
    here = Path.cwd()
    os.chdir(folder)
    yield context
    os.chdir(here)
    wallet.close()


def said(line: bytes, context: Context) -> dict[str, Any]:
    """As the other side reads it."""
    found: dict[str, Any] = json.loads(json.dumps(answer(line, PARSER, context)))
    return found


@given(line=LINES)
def test_any_line_is_answered_and_the_next_is_obeyed(kept: Context, line: bytes) -> None:
    found = said(line, kept)
    assert set(found) == {"status", "result"}
    assert found["status"] in range(4)
    assert found["status"] == 0 or {"error", "refused"} & set(found["result"])
    assert found["result"].get("refused") != "internal"
    assert said(b'{"argv": ["balance"]}', kept)["result"]["spendable"] == 30_000


def test_what_was_not_foreseen_is_internal_and_the_next_line_is_obeyed(
    kept: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret words")

    with monkeypatch.context() as broken:
        broken.setattr("app.cli.commands.agent.run_command", fail)
        found = said(b'{"argv": ["balance"]}', kept)
    assert (found["status"], found["result"]["refused"]) == (1, "internal")
    assert "secret" not in json.dumps(found)
    assert "secret" in capsys.readouterr().err
    assert said(b'{"argv": ["balance"]}', kept)["status"] == 0


@given(content=st.lists(st.sampled_from((b"\n", b"ab", b"c" * MAX_LINE_BYTES, b"d" * (MAX_LINE_BYTES - 1)))))
def test_a_stream_gives_each_of_its_lines_once_and_holds_no_more_than_the_bound(content: list[bytes]) -> None:
    whole = b"".join(content)
    found = list(lines(io.BytesIO(whole)))
    assert len(found) == len(whole.splitlines())
    for cut, line in zip(found, whole.splitlines(keepends=True), strict=True):
        assert cut == line[: MAX_LINE_BYTES + 1]


def test_a_real_agent_that_was_fed_rubbish_still_does_what_it_is_told(cli: Cli) -> None:
    cli.must("wallet", "new", "fed")
    rubbish = [
        b"no json",
        b"7",
        b"",
        b"[" * 60_000,
        b"\xff\x00\xfe",
        b'{"argv": "balance"}',
        b'{"argv": ["agent"]}',
        b'{"argv": ["no-such-command"]}',
        b'{"argv": ["request", "5", "--out", "a\\u0000b"]}',
        b'{"argv": ["pay", "\\ud83d"]}',
        b"z" * (3 * MAX_LINE_BYTES),
        b'{"network": "sideways"}',
    ]
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    done = subprocess.run(
        [*CLI, "--home", str(cli.home), "--wallet", "fed", "--pin-fd", str(reading), "agent"],
        input=b"\n".join([*rubbish, b'{"argv": ["balance"]}', b'{"argv": ["sync"]}']),
        capture_output=True,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    os.close(reading)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item["status"] for item in answers] == [0, *(2 for _ in rubbish), 0, 0], done.stderr
    assert answers[-2]["result"]["spendable"] == 0
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
