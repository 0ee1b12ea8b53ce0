"""`qalta wallet new`: a keystore, an account at a bank, a first certificate (`app.wallets.making`)."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from app.cli.asking import amount_of
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.pin import PinSource, chosen_pin
from app.terminal.status import Status, UsageError
from app.wallets.banking import by_authority_at
from app.wallets.making import (
    FIRST_CATEGORY,
    MakingStep,
    WalletSpec,
    at_real_bank,
    in_sandbox,
    make_wallet,
    sandbox_banks,
)
from app.wallets.opened import close
from app.wallets.places import is_name
from app.wallets.root import root_key
from wallet.protocol.bounds import MAX_NAME_BYTES
from wallet.protocol.codes import Code, Refusal

_SANDBOX_BANK: Final = "alatau"
"""Of the sandbox, where none is named."""
_CATEGORY: Final = re.compile("[0-9]{4}")
_SHOWN: Final = 40


def add(commands: Commands) -> None:
    new = commands.add("wallet new", _new)
    text = commands.words.text
    new.add_argument("name", metavar=text("argument.name"), help=text("help.wallet_name"))
    new.add_argument("--bank", help=text("help.bank"))
    new.add_argument("--url", help=text("help.bank_url"))
    new.add_argument("--root", help=text("help.root_key"))
    new.add_argument("--ca", type=Path, metavar="PEM", help=text("help.wallet_ca"))
    new.add_argument("--enrol-fd", type=int, metavar="N", help=text("help.enrol_fd"))
    new.add_argument("--holder", help=text("help.holder"))
    new.add_argument("--merchant", action="store_true", help=text("help.merchant"))
    new.add_argument("--category", default=str(FIRST_CATEGORY), help=text("help.category"))
    new.add_argument("--opening", default="500000", help=text("help.opening"))


def _new(args: argparse.Namespace, context: Context) -> Status:
    _require_words(args)
    place = context.home.wallet(args.name)
    if place.is_made:
        raise Refusal(Code.WALLET_EXISTS, {"name": args.name})
    pin = chosen_pin(context.pin, context.show)
    wish = _wish(args, context)

    def tell(step: MakingStep) -> None:
        context.show.step(f"wallet.{step.value}", bank=wish.profile.bank)

    opened = make_wallet(place, wish, pin, context.clock, context.random, tell)
    close(opened)
    profile = opened.profile
    context.show.say("wallet.made", name=args.name, holder=wish.profile.name, bank=profile.bank)
    context.show.result(wallet=args.name, bank=profile.bank, account=profile.account)
    return Status.DONE


def _require_words(args: argparse.Namespace) -> None:
    """What can be seen before anything is made. UsageError."""
    if not is_name(args.name):
        raise UsageError("usage.wallet_name", name=args.name[:_SHOWN])
    if len((args.holder or args.name).encode()) > MAX_NAME_BYTES:
        raise UsageError("usage.holder", limit=MAX_NAME_BYTES)
    if not _CATEGORY.fullmatch(args.category):
        raise UsageError("usage.category", written=args.category[:_SHOWN])
    amount_of(args.opening)
    if args.url and args.root:
        _root(args.root)


def _root(written: str) -> str:
    try:
        return root_key(written).hex()
    except (ValueError, OSError):
        raise UsageError("usage.root", written=written[:_SHOWN]) from None


def _wish(args: argparse.Namespace, context: Context) -> WalletSpec:
    """Where the bank is: as given, or as the sandbox of this home says."""
    holder = args.holder or args.name
    kind = "merchant" if args.merchant else "person"
    if args.url:
        return _at_real_bank(args, context, kind, holder)
    from app.wallets.sandbox_desk import network_of

    sandbox = context.home.sandbox
    banks = sandbox_banks(network_of(sandbox))
    bank = args.bank or _SANDBOX_BANK
    if bank not in banks:
        raise UsageError("usage.bank", bank=bank, banks=", ".join(banks))
    opening = amount_of(args.opening)
    return in_sandbox(sandbox, bank, kind, holder, category=int(args.category), opening=opening)


def _at_real_bank(args: argparse.Namespace, context: Context, kind: str, holder: str) -> WalletSpec:
    """The enrolment code lets whoever has it first speak for the account: it is asked for as a PIN is."""
    if not (args.bank and args.root):
        raise UsageError("usage.real_bank")
    by_authority_at(args.ca)
    root = _root(args.root)
    code = PinSource(args.enrol_fd, "enrol").ask(context.show.catalogue.text("ask.enrol", bank=args.bank))
    return at_real_bank(args.bank, args.url, root, code.strip(), kind, holder, args.ca)
