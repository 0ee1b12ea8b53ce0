"""`qalta sync` and `history`: what the ledger says, and what happened here."""

from __future__ import annotations

import argparse
from typing import Any, Final

from app.catalogue import harmless
from app.catalogue.written import written_amount, written_time
from app.cli.account import account_afterwards, tell_account
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.status import Status
from app.wallets.banking import bank_line

_ID_DIGITS: Final = 12
"""Of an id, as it stands in a table: enough to tell payments apart, and what `--again` and `--drop` take."""


def add(commands: Commands) -> None:
    commands.add("sync", _sync)
    commands.add("history", _history)


def _sync(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.client.reconcile import Step, reconcile

    def tell(step: Step, count: int) -> None:
        context.show.step(f"sync.{step.value}", count=count)

    with context.opened() as opened, bank_line(opened, context.random) as bank:
        report = reconcile(opened.wallet, bank, tell)
        account = account_afterwards(bank)
    words = context.show.catalogue
    rows = [[words.text(f"sync.{name}"), str(count)] for name, count in report.verdicts().items() if count]
    if rows:
        context.show.table("", ("sync.verdict", "sync.count>"), rows)
    conflicts = [_conflict(item) for item in report.evidence]
    for found in conflicts:
        context.show.say("sync.found", code=found["code"], key=found["culprit"][:16])
    context.show.say("sync.done")
    if report.clock_wrong_by:
        here = context.clock()
        context.show.say("sync.clock", time=here, now=here - report.clock_wrong_by)
    context.show.result(
        **report.verdicts(),
        conflicts=conflicts,
        refreshed=report.refreshed,
        clock_wrong_by=report.clock_wrong_by,
    )
    tell_account(account, context)
    return Status.DONE


def _conflict(evidence: Any) -> dict[str, str]:
    body = evidence.certificate.body
    return {
        "code": evidence.kind.name.lower(),
        "culprit": body.key.hex(),
        "wallet": body.wallet.hex(),
        "bank": body.bank,
    }


def _history(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        events = opened.wallet.history()
    words = context.show.catalogue
    rows = [
        [
            written_time(event.at),
            words.text(f"history.{event.kind.value}") + (f" {harmless(event.who)}" if event.who else ""),
            written_amount(event.amount),
            words.text(f"history.state_{event.state}") if event.state else "",
            event.id.hex()[:_ID_DIGITS],
        ]
        for event in events
    ]
    columns = ("history.time", "history.what", "history.amount>", "history.state", "history.id")
    context.show.table("", columns, rows, folds=("history.what", "history.state"))
    context.show.result(
        events=[
            {
                "kind": event.kind.value,
                "at": event.at,
                "amount": event.amount,
                "id": event.id.hex(),
                "state": event.state,
                "who": event.who,
                "code": None if event.code is None else event.code.value,
            }
            for event in events
        ]
    )
    return Status.DONE
