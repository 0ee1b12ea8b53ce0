"""`qalta operator key|make|follow|root`: an operator's key, and other keys for services, while these run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.catalogue.written import written_time
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.pin import chosen_pin
from app.terminal.status import Status, UsageError
from app.wallets.banking import by_authority_at
from wallet.protocol.bounds import KEY_BYTES
from wallet.protocol.parts import MAX_PREFIX, WHOLE, role_of

if TYPE_CHECKING:
    from ledger_sync.client.key_orders import KeyOrders
    from ledger_sync.http.client import Connect

ALIAS: Final = "operator"
_ROLES: Final = ("notary", "issuing", "policy", "redemption")
_DAY: Final = 86_400
_REST: Final = 7 * _DAY
_SHOWN: Final = 70


def add(commands: Commands) -> None:
    words = commands.words.text
    key = commands.add("operator key", _key)
    key.add_argument(
        "folder", type=Path, metavar=words("argument.folder"), help=words("help.operator_folder")
    )
    make = _ordering(commands, "make")
    make.add_argument(
        "purpose",
        choices=("bank", *_ROLES),
        metavar=words("argument.purpose"),
        help=words("help.operator_purpose"),
    )
    make.add_argument("number", type=int, metavar=words("argument.number"), help=words("help.key_number"))
    follow = _ordering(commands, "follow")
    follow.add_argument("key", metavar=words("argument.key"), help=words("help.operator_next"))
    whose = follow.add_mutually_exclusive_group(required=True)
    whose.add_argument("--bank", metavar=words("argument.id"), help=words("help.operator_bank"))
    whose.add_argument("--role", choices=_ROLES, help=words("help.operator_role"))
    whose.add_argument("--part", metavar=words("argument.bits"), help=words("help.operator_part"))
    follow.add_argument(
        "--ahead", type=int, default=_DAY, metavar=words("argument.number"), help=words("help.operator_ahead")
    )
    follow.add_argument(
        "--rest", type=int, default=_REST, metavar=words("argument.number"), help=words("help.operator_rest")
    )
    root = _ordering(commands, "root")
    root.add_argument(
        "version", type=int, metavar=words("argument.number"), help=words("help.operator_version")
    )


def _ordering(commands: Commands, name: str) -> argparse.ArgumentParser:
    words = commands.words.text
    command = commands.add(
        f"operator {name}", lambda args, context: order(args, context, by_authority_at(args.ca))
    )
    command.set_defaults(order=name)
    command.add_argument("url", metavar=words("argument.url"), help=words("help.operator_url"))
    command.add_argument(
        "--folder",
        type=Path,
        required=True,
        metavar=words("argument.folder"),
        help=words("help.operator_folder"),
    )
    command.add_argument("--ca", type=Path, metavar="PEM", help=words("help.ca"))
    return command


def _key(args: argparse.Namespace, context: Context) -> Status:
    from ledger_sync.client.own_key import make_key

    pin = chosen_pin(context.pin, context.show)
    key = make_key(args.folder, ALIAS, pin, context.clock, context.random).hex()
    context.show.say("operator.key", key=key)
    context.show.result(key=key)
    return Status.DONE


def order(args: argparse.Namespace, context: Context, connect: Connect) -> Status:
    """What ``args`` order, by a line that ``connect`` opens."""
    key, role = (_written_key(args.key), _role(args)) if args.order == "follow" else (b"", None)
    with _orders(args, context, connect) as orders:
        match args.order:
            case "make":
                made = orders.make(args.purpose, args.number).hex()
                context.show.say("operator.made", key=made)
                context.show.result(key=made)
            case "follow":
                _follow(args, context, orders, key, role)
            case _:
                root = orders.hand_over(args.version).hex()
                context.show.say("operator.handed_over", key=root)
                context.show.result(key=root)
    return Status.DONE


def _follow(
    args: argparse.Namespace, context: Context, orders: KeyOrders, key: bytes, role: int | None
) -> None:
    since = context.clock() + args.ahead
    version = orders.follow(key, since, args.rest, bank=args.bank or "", role=role)
    context.show.say("operator.follows", time=written_time(since))
    context.show.result(since=since, policy=version)


@contextmanager
def _orders(args: argparse.Namespace, context: Context, connect: Connect) -> Iterator[KeyOrders]:
    from ledger_sync.client.key_orders import KeyOrders
    from ledger_sync.client.own_key import opened
    from ledger_sync.http.client import ServiceClient

    pin = context.pin.ask(context.show.catalogue.text("operator.pin"))
    with opened(args.folder, pin, context.clock, context.random) as keystore:
        line = ServiceClient(
            args.url,
            keystore.public_key(ALIAS),
            lambda message: keystore.sign(ALIAS, message),
            context.clock,
            context.random,
            connect=connect,
        )
        try:
            yield KeyOrders(line)
        finally:
            line.close()


def _role(args: argparse.Namespace) -> int | None:
    """Whose key it is in the directory; None for a bank's."""
    from ledger_sync.client.key_orders import ROLES

    if args.part is None:
        return ROLES[args.role] if args.role else None
    try:
        role = role_of(args.part)
    except ValueError:
        role = role_of(WHOLE)
    if role == role_of(WHOLE):
        raise UsageError("usage.part", written=args.part[:_SHOWN], limit=MAX_PREFIX)
    return role


def _written_key(written: str) -> bytes:
    try:
        key = bytes.fromhex(written.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError("usage.key", written=written[:_SHOWN])
    return key
