"""`qalta agent`: one wallet kept open, driven by JSON lines, for test benches and programs in other languages.

A line in: ``{"argv": ["pay", "request.png", ...]}`` or ``{"network": "off"}`` / ``{"network": "on"}``.
A line out: ``{"status": 0, "result": {...}}``; the result is what `--json` prints. The end of input ends it.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from app.cli.context import Context
from app.cli.main import run_command
from app.cli.parser import Commands, build_parser
from app.cli.show import Show
from app.cli.status import Status
from app.wallets.offline import NETWORK
from app.wallets.opened import close


def add(commands: Commands) -> None:
    commands.add("agent", _agent)


def _agent(args: argparse.Namespace, context: Context) -> Status:
    answers = sys.stdout
    sys.stdout = sys.stderr
    context.kept = context.open(context.place())
    parser = build_parser(context.show.catalogue)
    _say(answers, {"status": int(Status.DONE), "result": {"wallet": context.kept.place.name}})
    try:
        for line in sys.stdin:
            _say(answers, _answer(line, parser, context))
    finally:
        close(context.kept)
        sys.stdout = answers
    return Status.DONE


def _say(out: Any, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer, ensure_ascii=False) + "\n")
    out.flush()


def _answer(line: str, parser: argparse.ArgumentParser, context: Context) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        words = [str(word) for word in asked.get("argv", ())]
        network = asked.get("network")
    except (ValueError, AttributeError, TypeError):
        return {"status": int(Status.USAGE), "result": {}}
    if network in ("on", "off"):
        NETWORK.turn(off=network == "off")
        return {"status": int(Status.DONE), "result": {"network": network}}
    try:
        args = parser.parse_args(words)
    except SystemExit:
        return {"status": int(Status.USAGE), "result": {}}
    context.show = Show(context.show.catalogue, as_json=True, quiet=True)
    status = run_command(args, context)
    return {"status": int(status), "result": context.show.fields}
