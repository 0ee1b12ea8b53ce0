"""`qalta agent`: one wallet kept open, driven by JSON lines, for test benches and programs in other languages.

A line in: ``{"argv": ["pay", "request.png", ...]}`` or ``{"network": "off"}`` / ``{"network": "on"}``, in UTF-8.
A line out: ``{"status": 0, "result": {...}}``; the result is what `--json` prints. The end of input ends it.

Rule: every line in gets one line out, whatever it holds, and nothing in a line ends the agent. Its length is bounded
before it is read.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from app.cli.context import Context
from app.cli.interrupts import INTERRUPTS
from app.cli.parser import Commands, build_parser
from app.cli.running import run_command
from app.cli.show import Show
from app.cli.sink import Sink
from app.cli.status import Status, UsageError
from app.wallets.offline import NETWORK
from app.wallets.opened import close
from wallet.protocol.codes import Code

MAX_LINE_BYTES: Final = 65_536
"""Of a line, its end included."""


def add(commands: Commands) -> None:
    commands.add("agent", _agent)


def _agent(args: argparse.Namespace, context: Context) -> Status:
    if context.kept is not None:
        raise UsageError("usage.agent_in_agent")
    answers = sys.stdout
    sys.stdout = sys.stderr
    context.kept = context.open(context.place())
    parser = build_parser(context.show.catalogue)
    try:
        _say(answers.buffer, {"status": int(Status.DONE), "result": {"wallet": context.kept.place.name}})
        for line in lines(sys.stdin.buffer):
            _say(answers.buffer, answer(line, parser, context))
            INTERRUPTS.check()
    except BrokenPipeError:
        Sink(answers).let_go()
        return Status.INTERRUPTED
    finally:
        close(context.kept)
        sys.stdout = answers
    return Status.DONE


def lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream, each cut after ``MAX_LINE_BYTES`` + 1 bytes; what is longer is read over."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
        yield line


def _say(out: IO[bytes], answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    out.flush()


def answer(line: bytes, parser: argparse.ArgumentParser, context: Context) -> dict[str, Any]:
    """What the agent says to a line: its command's status and result. Raises nothing; what was not foreseen is
    INTERNAL, with its traceback on stderr."""
    context.show = Show(context.show.catalogue, as_json=True, quiet=True)
    try:
        status = _done(line, parser, context)
    except UsageError as error:
        context.show.say_error(error.name, **error.facts)
        status = Status.USAGE
    except Exception:  # noqa: BLE001 - the next line is another command
        traceback.print_exc()
        code = Code.INTERNAL.value
        context.show.refusal(code, context.show.catalogue.tell(code), {})
        status = Status.REFUSED
    return {"status": int(status), "result": context.show.fields}


def _done(line: bytes, parser: argparse.ArgumentParser, context: Context) -> Status:
    match _asked(line):
        case Switch(state):
            NETWORK.turn(off=state == "off")
            context.show.result(network=state)
            return Status.DONE
        case Words(argv):
            try:
                args = parser.parse_args(argv)
            except SystemExit:  # the help, which went to stderr
                return Status.DONE
            return run_command(args, context)


@dataclass(frozen=True, slots=True)
class Switch:
    """The process's network on or off."""

    state: Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Words:
    """A command."""

    argv: list[str]


def _asked(line: bytes) -> Switch | Words:
    """UsageError for a line that is too long or no command."""
    if len(line) > MAX_LINE_BYTES:
        raise UsageError("usage.agent_long", limit=MAX_LINE_BYTES)
    try:
        asked = json.loads(line.decode())
    except (ValueError, RecursionError):
        asked = None
    match asked:
        case {"network": "on" | "off" as state}:
            return Switch(state)
        case {"argv": [*argv]} if "network" not in asked and all(map(_is_word, argv)):
            return Words([str(word) for word in argv])
        case _:
            raise UsageError("usage.agent_line")


def _is_word(word: object) -> bool:
    """Whether it could stand on a command line: a whole number, or text without the zero that ends a word there."""
    match word:
        case bool():
            return False
        case int():
            return True
        case str():
            return "\0" not in word and not any("\ud800" <= sign <= "\udfff" for sign in word)
        case _:
            return False
