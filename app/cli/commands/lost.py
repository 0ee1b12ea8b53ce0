"""`qalta lost`: report the account's other devices as lost, from the one that is still there or is new."""

from __future__ import annotations

import argparse

from app.catalogue.written import written_amount, written_time
from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import Status
from app.wallets.banking import bank_line


def add(commands: Commands) -> None:
    command = commands.add("lost", _lost)
    command.add_argument("--report", action="store_true", help=commands.words.text("help.lost_report"))


def _lost(args: argparse.Namespace, context: Context) -> Status:
    """What lies there and when it comes back; with ``--report``, and the PIN again, they are shut out. Where there is
    no other, nothing is reported."""
    show = context.show
    with context.opened() as opened, bank_line(opened, context.random) as bank:
        loss = bank.loss()
        show.say("lost.known", amount=written_amount(loss.amount))
        if loss.until is not None:
            show.say("lost.back", until=written_time(loss.until))
        show.result(amount=loss.amount, until=loss.until, devices=loss.devices, reported=False)
        if loss.devices == 0:
            show.say("lost.none")
            return Status.DONE
        show.say("lost.unknown")
        if not args.report:
            show.say("lost.how")
            return Status.DONE
        context.confirm_pin(opened)
        bank.report_loss(is_here=True)
    show.say("lost.reported")
    show.result(reported=True)
    return Status.DONE
