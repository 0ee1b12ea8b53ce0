"""`qalta contact list|name|forget|renew`: what people are called here, and how others recognise this wallet."""

from __future__ import annotations

import argparse
from typing import Final

from app.catalogue import harmless
from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import Status, UsageError
from app.wallets.opened import OpenWallet
from wallet.protocol.bounds import MAX_NAME_BYTES

_SHOWN: Final = 16
"""Hexadecimal digits of a contact key that are shown; any beginning of it names it."""
_HEADS: Final = ("contact.name", "contact.key")


def add(commands: Commands) -> None:
    text = commands.words.text
    commands.add("contact list", _list)
    name = commands.add("contact name", _name)
    name.add_argument("key", metavar=text("argument.id"), help=text("help.contact_key"))
    name.add_argument("name", metavar=text("argument.name"), help=text("help.contact_called"))
    forget = commands.add("contact forget", _forget)
    forget.add_argument("key", metavar=text("argument.id"), help=text("help.contact_key"))
    commands.add("contact renew", _renew)


def _list(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        names, own = opened.wallet.contacts.names(), opened.wallet.contacts.own()
    rows = [[harmless(name), key.hex()[:_SHOWN]] for key, name in names.items()]
    context.show.table("", _HEADS, rows)
    if not names:
        context.show.say("contact.none")
    listed = [{"key": key.hex(), "name": name} for key, name in names.items()]
    context.show.result(contacts=listed, own=None if own is None else own.hex())
    return Status.DONE


def _name(args: argparse.Namespace, context: Context) -> Status:
    """UsageError: none or several that the key begins, or a name that is empty or too long."""
    if not 1 <= len(args.name.strip().encode()) <= MAX_NAME_BYTES:
        raise UsageError("usage.contact_name", limit=MAX_NAME_BYTES)
    with context.opened() as opened:
        key = _known(args.key, opened)
        opened.wallet.contacts.call(key, args.name)
    context.show.say("contact.called", name=args.name.strip())
    context.show.result(key=key.hex(), name=args.name.strip())
    return Status.DONE


def _forget(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        key = _known(args.key, opened)
        opened.wallet.contacts.forget(key)
    context.show.say("contact.forgotten")
    context.show.result(key=key.hex())
    return Status.DONE


def _renew(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        opened.wallet.contacts.be_forgotten()
    context.show.say("contact.renewed")
    return Status.DONE


def _known(asked: str, opened: OpenWallet) -> bytes:
    """The key that ``asked`` begins, of those that have a name or were paid. UsageError."""
    paid = {event.contact for event in opened.wallet.history() if event.contact}
    keys = {
        key for key in paid | opened.wallet.contacts.names().keys() if key.hex().startswith(asked.lower())
    }
    if not asked or len(keys) != 1:
        raise UsageError("usage.no_such_contact", key=asked, count=len(keys))
    return keys.pop()
