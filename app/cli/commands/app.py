"""`qalta app`: the app's window, in a process of its own; `qalta app --pair`: two of them, ready to pay each other."""

from __future__ import annotations

import argparse
import os
from typing import Final

from app.cli.context import Context
from app.cli.extras import require_extras
from app.cli.parser import Commands
from app.launch.display import DisplayTrouble, display_trouble, missing_parts
from app.terminal.status import MissingPart, Status, UsageError
from app.wallets.places import WalletDir

FIRST_NAME: Final = "wallet"
"""Of the wallet that the first start makes, where no name was given."""
PAIR: Final = "pair"
"""The folder of the pair below the home: its wallets and its sandbox are apart from the others."""


def add(commands: Commands) -> None:
    command = commands.add("app", _app)
    text = commands.words.text
    command.add_argument("--camera", metavar="CAMERA", help=text("help.app_camera"))
    command.add_argument("--reader", metavar="READER", help=text("help.app_reader"))
    command.add_argument("--pair", action="store_true", help=text("help.app_pair"))
    command.add_argument("--or-demo", action="store_true", help=text("help.app_or_demo"))


def _app(args: argparse.Namespace, context: Context) -> Status:
    if args.pair and (args.camera or args.reader or context.wallet_name):
        raise UsageError("usage.app_pair")
    trouble = display_trouble(os.environ)
    if trouble is not None and args.or_demo:
        context.show.say(f"app_run.{trouble.value}")
        context.show.say("app_run.demo_instead")
        return _demo(context)
    _require(trouble)
    if args.pair:
        require_extras("service")
    return _pair(args, context) if args.pair else _one(args, context)


def _require(trouble: DisplayTrouble | None) -> None:
    if missing := missing_parts():
        raise MissingPart("app_run.extra_missing", names=", ".join(missing))
    if trouble is not None:
        raise MissingPart(f"app_run.{trouble.value}")


def _demo(context: Context) -> Status:
    from app.cli.commands.demo import play

    return play(context)


def _one(args: argparse.Namespace, context: Context) -> Status:
    from app.launch.window import AppWindow, WindowSpec, interruptible, open_windows

    wanted = WindowSpec(
        context.home.folder, _place(context).name, language=args.lang, camera=args.camera, reader=args.reader
    )
    with interruptible(), open_windows([AppWindow(wanted)]) as ended:
        return _status(context, next(ended))


def _place(context: Context) -> WalletDir:
    """The wallet that was named, the only one, or the one to make."""
    if context.wallet_name or context.home.wallets():
        return context.place()
    return context.home.wallet(FIRST_NAME)


def _pair(args: argparse.Namespace, context: Context) -> Status:
    from app.launch.pair import PairIsOpen

    try:
        return _open_pair(args, context)
    except PairIsOpen:
        context.show.say_error("app_run.pair_open")
        return Status.REFUSED


def _open_pair(args: argparse.Namespace, context: Context) -> Status:
    from app.launch.actors import PIN
    from app.launch.pair import PAIR_MEMBERS, has_own_pin, pair_stage, pair_windows
    from app.launch.window import interruptible, open_windows

    folder, show = context.home.folder / PAIR, context.show
    with (
        interruptible(),
        pair_stage(folder, lambda step: show.step(f"app_run.{step.value}")),
        pair_windows(folder, language=args.lang) as windows,
        open_windows(windows) as ended,
    ):
        show.say("app_run.opened", first=PAIR_MEMBERS[0].holder, second=PAIR_MEMBERS[1].holder)
        own = [seat for seat in PAIR_MEMBERS if has_own_pin(folder, seat.wallet)]
        if not own:
            show.say("app_run.pin", pin=PIN)
        for seat in PAIR_MEMBERS if own else ():
            show.say("app_run.pin_own" if seat in own else "app_run.pin_of", name=seat.holder, pin=PIN)
        show.say("app_run.how")
        show.say("app_run.end")
        for status in ended:
            if status:
                return _status(context, status)
    return Status.DONE


def _status(context: Context, ended: int) -> Status:
    """A window's exit statuses are those of the command line; any other end is told."""
    if ended in tuple(Status):
        return Status(ended)
    context.show.say_error("app_run.crashed", status=ended)
    return Status.REFUSED
