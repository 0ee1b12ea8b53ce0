"""`qalta agent`: one wallet kept open, driven by JSON lines, for test benches and programs in other languages.

A line in: ``{"argv": ["pay", "request.png", ...]}`` or ``{"network": "off"}`` / ``{"network": "on"}``, in UTF-8.
A line out: ``{"status": 0, "result": {...}}``; the result is what `--json` prints. The end of input ends it, and calls
to the bank that are under way.

A command with an ``"id"`` of its own, ``{"id": 7, "argv": ["sync"]}``, is done beside the others: the next line is
obeyed at once, and the answer, which has the same ``"id"``, comes when it comes. So a wallet pays while its reconciling
waits, and ``{"network": "off"}`` ends that.

Rule: every line in gets one line out, whatever it holds, and nothing in a line ends the agent. Its length is bounded
before it is read, and so is how much is done beside. Without an ``"id"`` answers come in the order of the lines.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import IO, Any, Final, Literal

from app.cli.context import Context
from app.cli.interrupts import INTERRUPTS
from app.cli.parser import Commands, build_parser
from app.cli.running import run_beside, run_command
from app.terminal.show import Show
from app.terminal.sink import Sink
from app.terminal.status import Status, UsageError
from app.wallets.offline import NETWORK
from app.wallets.opened import close
from wallet.protocol.codes import Code

Run = Callable[[argparse.Namespace, Context], Status]
MAX_BESIDE: Final = 8
"""Commands done beside the others at a time."""
MAX_ID: Final = 2**53
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
    parser = build_parser(context.show.catalogue, stays_open=True)
    beside = Beside(parser, context, answers.buffer)
    try:
        beside.say({"status": int(Status.DONE), "result": {"wallet": context.kept.place.name}})
        for line in lines(sys.stdin.buffer):
            if not beside.takes(line):
                beside.say(answer(line, parser, context))
            INTERRUPTS.check()
    except BrokenPipeError:
        Sink(answers).let_go()
        return Status.INTERRUPTED
    finally:
        NETWORK.turn(off=True)
        beside.end()
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


class Beside:
    """Commands that are done beside the others, each in a thread; and the one way out for all answers."""

    def __init__(self, parser: argparse.ArgumentParser, context: Context, out: IO[bytes]) -> None:
        self._parser = parser
        self._context = context
        self._out = out
        self._writing = threading.Lock()
        self._room = threading.Semaphore(MAX_BESIDE)
        self._threads = ThreadPoolExecutor(MAX_BESIDE, "beside")

    def say(self, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._writing:
            self._out.write(raw)
            self._out.flush()

    def takes(self, line: bytes) -> bool:
        """Whether a line is a command of its own, which is begun; or refused, where too many are under way."""
        name = _name(line)
        if name is None:
            return False
        if self._room.acquire(blocking=False):
            self._threads.submit(self._do, name, line)
        else:
            show = Show(self._context.show.catalogue, as_json=True, quiet=True)
            show.refusal(Code.BUSY.value, show.catalogue.tell(Code.BUSY.value), {})
            self.say({"id": name, "status": int(Status.REFUSED), "result": show.fields})
        return True

    def _do(self, name: int, line: bytes) -> None:
        try:
            found = answer(line, self._parser, replace(self._context), run_beside)
        finally:
            self._room.release()
        with contextlib.suppress(BrokenPipeError):
            self.say({"id": name, **found})

    def end(self) -> None:
        """When all that was begun has ended."""
        self._threads.shutdown()


def answer(
    line: bytes, parser: argparse.ArgumentParser, context: Context, run: Run = run_command
) -> dict[str, Any]:
    """What the agent says to a line: its command's status and result. Raises nothing; what was not foreseen is
    INTERNAL, with its traceback on stderr."""
    context.show = Show(context.show.catalogue, as_json=True, quiet=True)
    try:
        status = _done(line, parser, context, run)
    except UsageError as error:
        context.show.say_error(error.name, **error.facts)
        status = Status.USAGE
    except Exception:  # noqa: BLE001 - the next line is another command
        traceback.print_exc()
        code = Code.INTERNAL.value
        context.show.refusal(code, context.show.catalogue.tell(code), {})
        status = Status.REFUSED
    return {"status": int(status), "result": context.show.fields}


def _done(line: bytes, parser: argparse.ArgumentParser, context: Context, run: Run) -> Status:
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
            return run(args, context)


@dataclass(frozen=True, slots=True)
class Switch:
    """The process's network on or off."""

    state: Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Words:
    """A command."""

    argv: list[str]


def _name(line: bytes) -> int | None:
    """The id of a command that is to be done beside the others; None for any other line."""
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        asked = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    match asked:
        case {"id": int(name), "argv": [*_]} if type(name) is int and 0 <= name < MAX_ID:
            return name
        case _:
            return None


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
