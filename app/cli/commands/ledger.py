"""`qalta sync` and `history`: what the ledger says, and what happened here."""

from __future__ import annotations

import argparse
from typing import Any, Final

from app.catalogue import Catalogue, harmless
from app.catalogue.written import written_amount, written_time
from app.cli.account import account_afterwards, tell_account
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.rollback import tell_rollback
from app.terminal.status import Status
from app.wallets.banking import bank_line
from wallet.purse.view.history import Event

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
        policy = opened.wallet.reconciling.policy_version
        state, losses = opened.wallet.state, [event for event in opened.wallet.history() if event.lost]
    words = context.show.catalogue
    rows = [[words.text(f"sync.{name}"), str(count)] for name, count in report.verdicts().items() if count]
    if rows:
        context.show.table("", ("sync.verdict", "sync.count>"), rows)
    conflicts = [_conflict(item) for item in report.evidence]
    for found in conflicts:
        context.show.say("sync.found", code=found["code"], key=found["culprit"][:16])
    for event in losses:
        context.show.say("sync.lost", **_loss_facts(event, context))
    if report.expired:
        context.show.say("sync.expired", amount=report.expired)
    context.show.say("sync.done")
    tell_rollback(state, context)
    if report.clock_wrong_by:
        here = context.clock()
        context.show.say("sync.clock", time=here, now=here - report.clock_wrong_by)
    context.show.result(
        **report.verdicts(),
        conflicts=conflicts,
        refreshed=report.refreshed,
        losses=[_event(event) for event in losses],
        expired=report.expired,
        policy=policy,
        state=state.value,
        clock_wrong_by=report.clock_wrong_by,
    )
    tell_account(account, context)
    return Status.DONE


def _loss_facts(event: Event, context: Context) -> dict[str, int | str]:
    """What a person must know of a loss to claim it."""
    words = context.show.catalogue
    facts: dict[str, int | str] = {"amount": event.lost, "time": event.at}
    facts["what"] = words.text(f"history.{event.kind.value}")
    if event.who or event.wallet:
        facts["who"] = harmless(event.who) or words.text("pay.somebody", wallet=event.wallet.hex()[:8])
    if event.claim:
        facts["claim"] = event.claim.hex()[:16]
    return facts


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
        events, state = opened.wallet.history(), opened.wallet.state
    words = context.show.catalogue
    rows = [
        [
            written_time(event.at),
            words.text(f"history.{event.kind.value}")
            + (f" {harmless(event.called or event.who)}" if event.called or event.who else ""),
            _moved(event),
            _state(event, words),
            event.id.hex()[:_ID_DIGITS],
        ]
        for event in events
    ]
    columns = ("history.time", "history.what", "history.amount>", "history.state", "history.id")
    context.show.table("", columns, rows, folds=("history.what", "history.state"))
    held = sum(event.change for event in events)
    context.show.say("history.sum", amount=held)
    tell_rollback(state, context)
    context.show.result(events=[_event(event) for event in events], held=held, state=state.value)
    return Status.DONE


def _other(event: Event) -> str:
    """The other side, by the name that was given here or by its own."""
    name = event.called or event.who
    return f" {harmless(name)}" if name else ""


def _moved(event: Event) -> str:
    """What the pocket holds more or less for it, so that the signed ones sum to the balance; or else the amount."""
    if event.change > 0:
        return f"+{written_amount(event.change)}"
    return written_amount(event.change or event.amount)


def _state(event: Event, words: Catalogue) -> str:
    parts = [words.text(f"history.state_{event.state}")] if event.state else []
    if event.lost:
        facts: dict[str, int | str] = {"claim": event.claim.hex()[:16]} if event.claim else {}
        parts.append(words.text("history.lost_to", amount=event.lost, **facts))
    return "; ".join(parts)


def _event(event: Event) -> dict[str, int | str | None]:
    return {
        "kind": event.kind.value,
        "at": event.at,
        "amount": event.amount,
        "change": event.change,
        "lost": event.lost,
        "claim": event.claim.hex() or None,
        "id": event.id.hex(),
        "state": event.state,
        "who": event.who,
        "contact": event.contact.hex() or None,
        "called": event.called or None,
        "wallet": event.wallet.hex() or None,
        "code": None if event.code is None else event.code.value,
    }
