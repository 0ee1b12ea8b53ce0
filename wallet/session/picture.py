"""docs/sessions.md, drawn from the two tables. ``python -m wallet.session.picture docs/sessions.md`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from wallet.session.payee_table import PAYEE
from wallet.session.payer_table import MONEY, PAYER
from wallet.session.table import G, MachineSpec, S, V, Waiting

_HEAD = """# How two wallets talk

Drawn from `wallet/session/payer_table.py` and `payee_table.py` by `wallet/session/picture.py`; a test keeps it current.

Request → payment → receipt. Each role is one machine: messages, time and a person's will go in; events and the bytes
to show come out. An arrow reads `what happens / verb of the purse that is then called`; what a verb gives is what
happens next. What is not drawn changes no state: it is listed below each picture, as taken note of or as refused.
Refused from the other side means a problem message (`message_unexpected`), refused from our own side an error
(`LocalError`); neither harms the payment under way. What happens after a crash stands in `payer.py` and `payee.py`.
"""


def draw() -> str:
    """The whole page."""
    money = [
        f"| {state.value} | {PAYER.waiting[state].value} | {MONEY[state].value} |" for state in PAYER.waiting
    ]
    return "\n".join(
        [
            _HEAD,
            *_section(PAYER, "Payer"),
            "Where the payer's money is:\n",
            "| state | waits | money |",
            "| --- | --- | --- |",
            *money,
            "",
            *_section(PAYEE, "Payee"),
        ]
    )


def _section(role: MachineSpec[S, G, V], title: str) -> list[str]:
    return [
        f"## {title}\n",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {role.start.value}",
        *_arrows(role),
        *_ends(role),
        "```\n",
        "| in state | taken note of | refused |",
        "| --- | --- | --- |",
        *(f"| {state.value} | {_noted(role, state)} | {_refused(role, state)} |" for state in role.waiting),
        "",
    ]


def _arrows(role: MachineSpec[S, G, V]) -> list[str]:
    """One arrow for each pair of states, with all that leads from one to the other."""
    labels: dict[tuple[S, S], list[str]] = {}
    for (state, given), rule in role.table.items():
        if rule.to is state and rule.call is None:
            continue
        call = "" if rule.call is None else f" / {rule.call.value}"
        labels.setdefault((state, rule.to), []).append(given.value + call)
    return [
        f"    {state.value} --> {to.value}: {'<br/>'.join(items)}" for (state, to), items in labels.items()
    ]


def _ends(role: MachineSpec[S, G, V]) -> list[str]:
    return [
        f"    {state.value} --> [*]" for state, waits in role.waiting.items() if waits is Waiting.FOR_NOBODY
    ]


def _noted(role: MachineSpec[S, G, V], state: S) -> str:
    stays = (
        given.value
        for (at, given), rule in role.table.items()
        if at is state and rule.to is state and rule.call is None and given in role.inputs
    )
    return _listed(stays)


def _refused(role: MachineSpec[S, G, V], state: S) -> str:
    return _listed(given.value for at, given in role.refused if at is state)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
