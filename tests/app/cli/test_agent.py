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
from app.cli.commands.agent import MAX_BESIDE, MAX_LINE_BYTES, answer, lines
from app.cli.context import Context
from app.cli.parser import build_parser
from app.cli.pin import PinSource
from app.terminal.show import Show
from app.terminal.status import Status
from app.wallets.opened import OpenWallet
from app.wallets.places import Home, Profile, WalletDir
from tests.support.cli import PIN, ROOT, Cli
from tests.support.slow import Slow
from tests.support.wallets import WalletNetwork

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
    net = WalletNetwork(folder)
    wallet = net.wallet("dana", 10_000, 20_000)
    keystore = net.keystores["dana"]
    keystore.create_key("device")
    profile = Profile("alatau", "http://127.0.0.1:1", net.world.root.public.hex(), "a", "person", "Dana")
    opened = OpenWallet(WalletDir("dana", folder / "wallets" / "dana"), profile, keystore, wallet)
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
    kept: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Status:
        raise RuntimeError("secret words")

    found = answer(b'{"argv": ["balance"]}', PARSER, kept, fail)
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


class Agent:
    """A real agent, spoken to line by line."""

    def __init__(self, cli: Cli, wallet: str) -> None:
        reading, writing = os.pipe()
        os.write(writing, PIN.encode() + b"\n")
        os.close(writing)
        self._process = subprocess.Popen(
            [*CLI, "--home", str(cli.home), "--wallet", wallet, "--pin-fd", str(reading), "agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(reading,),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        os.close(reading)
        self.hear()

    def tell(self, **line: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> int:
        self._process.communicate()
        return self._process.returncode


def at_slow_bank(cli: Cli, name: str, url: str) -> None:
    """A wallet, whose bank has another address from now on."""
    cli.must("wallet", "new", name)
    cli.wallet(name, "fund", "1000")
    profile = cli.home / "wallets" / name / "wallet.json"
    profile.write_text(json.dumps({**json.loads(profile.read_text()), "url": url}))


def test_an_agent_goes_on_while_its_slow_bank_keeps_a_command_waiting(cli: Cli) -> None:
    """The bank trickles for ever. Lines without an id are answered meanwhile; the network switch ends the call."""
    with Slow("body") as slow:
        at_slow_bank(cli, "slowly", slow.url)
        agent = Agent(cli, "slowly")
        agent.tell(id=7, argv=["sync"])
        for _ in range(3):
            agent.tell(argv=["balance"])
            found = agent.hear()
            assert "id" not in found
            assert found["result"]["spendable"] == 100_000
        agent.tell(argv=["request", "5", "--out", str(cli.home / "asked.png")])
        assert agent.hear()["status"] == 0
        agent.tell(network="off")
        answers = [agent.hear(), agent.hear()]
        (late,) = [found for found in answers if "id" in found]
        assert (late["id"], late["status"], late["result"]["refused"]) == (7, 3, "unreachable")
        assert agent.end() == 0


def test_the_end_of_input_ends_a_command_that_waits(cli: Cli) -> None:
    with Slow("header") as slow:
        at_slow_bank(cli, "ending", slow.url)
        agent = Agent(cli, "ending")
        agent.tell(id=1, argv=["sync"])
        assert agent.end() == 0


def test_what_is_done_beside_is_bounded_and_each_gets_its_answer(cli: Cli) -> None:
    with Slow("silent") as slow:
        at_slow_bank(cli, "many", slow.url)
        agent = Agent(cli, "many")
        for name in range(MAX_BESIDE + 3):
            agent.tell(id=name, argv=["sync"])
        refused = [agent.hear() for _ in range(3)]
        assert {found["result"]["refused"] for found in refused} == {"busy"}
        agent.tell(network="off")
        answers = [agent.hear() for _ in range(MAX_BESIDE + 1)]
        names = {found["id"] for found in (*refused, *answers) if "id" in found}
        assert names == set(range(MAX_BESIDE + 3))
        assert agent.end() == 0
