"""`qalta wallet pin`: another PIN for the wallet, by the same rule that the app and the keystore go by (`hsm.pin`)."""

from __future__ import annotations

import argparse

from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.pin import PinSource, chosen_pin
from app.terminal.status import Status


def add(commands: Commands) -> None:
    command = commands.add("wallet pin", _change)
    command.add_argument("--new-pin-fd", type=int, metavar="N", help=commands.words.text("help.new_pin_fd"))


def _change(args: argparse.Namespace, context: Context) -> Status:
    """The PIN as it is opens the wallet first, so that nobody chooses a new one in vain."""
    from hsm import open_keystore
    from hsm.pin import check_fit

    place = context.place()
    place.profile()
    present = context.pin.ask(context.show.catalogue.text("ask.pin_open", name=place.name))
    if context.kept is not None:
        context.kept.keystore.confirm_pin(present)
        context.kept.keystore.change_pin(present, check_fit(_new(args, context)))
    else:
        keystore = open_keystore(place.keystore, present, clock=context.clock, random=context.random)
        try:
            keystore.change_pin(present, check_fit(_new(args, context)))
        finally:
            keystore.lock()
    context.show.say("wallet.pin_changed", name=place.name)
    context.show.result(wallet=place.name)
    return Status.DONE


def _new(args: argparse.Namespace, context: Context) -> str:
    return chosen_pin(PinSource(args.new_pin_fd), context.show)
