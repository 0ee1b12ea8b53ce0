"""`qalta fund`, `defund`, `balance`, `risk`: money between the account and the pocket, and what is in it."""

from __future__ import annotations

import argparse
from dataclasses import fields

from app.catalogue.written import written_amount, written_time
from app.cli.account import account_afterwards, tell_account
from app.cli.asking import amount_of
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.rollback import tell_rollback
from app.terminal.status import Status
from app.wallets.banking import bank_line
from app.wallets.doing import doing


def add(commands: Commands) -> None:
    for name, run in (("fund", _fund), ("defund", _defund)):
        commands.add(name, run).add_argument(
            "amount", metavar=commands.words.text("argument.amount"), help=commands.words.text("help.amount")
        )
    commands.add("balance", _balance)
    commands.add("risk", _risk)


def _fund(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.client import fund

    amount = amount_of(args.amount)
    with context.opened() as opened, bank_line(opened, context.random) as bank:
        context.show.step("money.funding", amount=written_amount(amount))
        with doing("fund"):
            tokens = fund(opened.wallet, bank, amount)
        account = account_afterwards(bank)
    context.show.say("money.funded", amount=written_amount(amount), tokens=tokens)
    context.show.result(funded=amount, tokens=tokens)
    tell_account(account, context)
    return Status.DONE


def _defund(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.client import defund

    amount = amount_of(args.amount)
    with context.opened() as opened, bank_line(opened, context.random) as bank:
        context.confirm_pin(opened)
        context.show.step("money.defunding", amount=written_amount(amount))
        with doing("defund"):
            value = defund(opened.wallet, bank, amount)
        account = account_afterwards(bank)
    context.show.say("money.defunded", amount=written_amount(value))
    context.show.result(defunded=value)
    tell_account(account, context)
    return Status.DONE


def _balance(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        balance, state = opened.wallet.balance(), opened.wallet.state
        requested = opened.wallet.requests.held()
    rows = [(part.name, int(getattr(balance, part.name))) for part in fields(balance)]
    words = context.show.catalogue
    shown = [
        [words.text(f"balance.{name}"), written_amount(amount)]
        for name, amount in rows
        if amount or name == "spendable"
    ]
    if requested:
        shown.append([words.text("balance.requested"), written_amount(requested)])
    context.show.table("", ("", "balance.amount>"), shown)
    tell_rollback(state, context)
    context.show.result(**dict(rows), requested=requested, state=state.value)
    return Status.DONE


def _risk(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        risk, state = opened.wallet.risk(), opened.wallet.state
    context.show.say("risk.amount", amount=written_amount(risk.amount))
    if risk.until is not None:
        context.show.say("risk.until", until=written_time(risk.until))
        if risk.unsettled:
            context.show.say("risk.unsettled", amount=written_amount(risk.unsettled))
            context.show.say("risk.advice")
    tell_rollback(state, context)
    context.show.result(amount=risk.amount, until=risk.until, unsettled=risk.unsettled, state=state.value)
    return Status.DONE
