"""The table of calls in docs/banks.md, made of the route table: `python -m tools.calls` makes it anew.

The shapes of bodies and answers are told by the node itself at `/v1/openapi.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ledger_sync.bank.api.routes import BankCalls
from ledger_sync.bank.program import ALIAS
from ledger_sync.http.routes import CallerKind, Route
from ledger_sync.service.heads import Heads
from ledger_sync.service.own_keys import making
from tools.drawn import redrawn

PAGE: Final = Path(__file__).parents[1] / "docs" / "banks.md"
_WHO: Final = {
    CallerKind.PUBLIC: "anybody, unsigned",
    CallerKind.NEWCOMER: "a new device",
    CallerKind.CUSTOMER: "a customer's device",
    CallerKind.BANK: "another bank",
    CallerKind.CENTRAL_BANK: "the central bank",
    CallerKind.NOTARY: "the notary",
    CallerKind.AUDITOR: "an auditor",
    CallerKind.OPERATOR: "the operator",
}


def routes() -> tuple[Route, ...]:
    """A node's route table; nothing of it is called."""
    nothing: Any = None
    calls = BankCalls(nothing, nothing, lambda: None, nothing).routes()
    return (*calls, *Heads(nothing, nothing, {}, nothing).routes(), making({ALIAS: nothing}))


def draw() -> str:
    """A row a call, by who may make it."""
    table = sorted(routes(), key=lambda route: min([*_WHO].index(caller) for caller in route.callers))
    lines = ["", "| who | call | what |", "| --- | --- | --- |"]
    for route in table:
        who = ", ".join(told for kind, told in _WHO.items() if kind in route.callers)
        lines.append(f"| {who} | `{route.method} {route.path}` | {route.summary} |")
    return "\n".join([*lines, "", ""])


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text("utf-8"), draw()), "utf-8")
