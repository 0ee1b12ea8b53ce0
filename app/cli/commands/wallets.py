"""`qalta wallet new|list|show`: a keystore, an account at a bank, a first certificate (`app.wallets.making`)."""

from __future__ import annotations

import argparse

from app.catalogue.written import written_time
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.status import Status, UsageError
from app.wallets.making import MakingStep, Wish, at_real_bank, in_sandbox, make_wallet, sandbox_banks
from app.wallets.opened import close
from wallet.protocol.codes import Code, Refusal


def add(commands: Commands) -> None:
    new = commands.add("wallet new", _new)
    text = commands.words.text
    new.add_argument("name", help=text("help.wallet_name"))
    new.add_argument("--bank", default="alatau", help=text("help.bank"))
    new.add_argument("--url", help=text("help.bank_url"))
    new.add_argument("--root", help=text("help.root_key"))
    new.add_argument("--enrol", metavar="CODE", help=text("help.enrol"))
    new.add_argument("--holder", help=text("help.holder"))
    new.add_argument("--merchant", action="store_true", help=text("help.merchant"))
    new.add_argument("--category", type=int, default=5499, help=text("help.category"))
    new.add_argument("--opening", default="500000", help=text("help.opening"))
    commands.add("wallet list", _list)
    commands.add("wallet show", _show)


def _list(args: argparse.Namespace, context: Context) -> Status:
    profiles = [(place.name, place.profile()) for place in context.home.wallets()]
    rows = [[name, profile.name, profile.bank, profile.url] for name, profile in profiles]
    context.show.table("", ("wallet.name", "wallet.holder", "wallet.bank", "wallet.url"), rows)
    context.show.result(wallets=[{"name": n, "holder": p.name, "bank": p.bank} for n, p in profiles])
    return Status.DONE


def _show(args: argparse.Namespace, context: Context) -> Status:
    with context.opened() as opened:
        profile, wallet = opened.profile, opened.wallet
        certificate = wallet.reconciling.certificate
        keys = [key.hex() for key in wallet.own_keys()]
        state = wallet.state.value
    words = context.show.catalogue.text
    rows = [
        [words("wallet.holder"), profile.name],
        [words("wallet.bank"), profile.bank],
        [words("wallet.account"), profile.account],
        [words("wallet.state"), words(f"wallet.state_{state}")],
    ]
    if certificate is not None:
        rows.append([words("wallet.expires"), written_time(certificate.body.expires)])
    rows += [[words("wallet.key"), key] for key in keys]
    context.show.table("", ("", ""), rows)
    context.show.result(
        wallet=opened.place.name,
        holder=profile.name,
        bank=profile.bank,
        account=profile.account,
        state=state,
        keys=keys,
    )
    return Status.DONE


def _new(args: argparse.Namespace, context: Context) -> Status:
    place = context.home.wallet(args.name)
    if place.is_made:
        raise Refusal(Code.WALLET_EXISTS, {"name": args.name})
    pin = context.pin.ask(context.show.catalogue.text("ask.pin_new"))
    if context.pin.is_prompt and pin != context.pin.ask(context.show.catalogue.text("ask.pin_again")):
        raise UsageError("usage.pins_differ")
    wish = _wish(args, context)

    def tell(step: MakingStep) -> None:
        context.show.step(f"wallet.{step.value}", bank=wish.profile.bank)

    opened = make_wallet(place, wish, pin, context.clock, context.random, tell)
    close(opened)
    profile = opened.profile
    context.show.say("wallet.made", name=args.name, holder=wish.profile.name, bank=profile.bank)
    context.show.result(wallet=args.name, bank=profile.bank, account=profile.account)
    return Status.DONE


def _wish(args: argparse.Namespace, context: Context) -> Wish:
    """Where the bank is: as given, or as the sandbox of this home says."""
    holder = args.holder or args.name
    kind = "merchant" if args.merchant else "person"
    if args.url:
        return _at_real_bank(args, kind, holder)
    from app.cli.commands.money import amount_of
    from app.wallets.sandbox_desk import network_of

    sandbox = context.home.sandbox
    banks = sandbox_banks(network_of(sandbox))
    if args.bank not in banks:
        raise UsageError("usage.bank", bank=args.bank, banks=", ".join(banks))
    opening = amount_of(args.opening)
    return in_sandbox(sandbox, args.bank, kind, holder, category=args.category, opening=opening)


def _at_real_bank(args: argparse.Namespace, kind: str, holder: str) -> Wish:
    if not (args.root and args.enrol):
        raise UsageError("usage.real_bank")
    try:
        return at_real_bank(args.bank, args.url, args.root, args.enrol, kind, holder)
    except ValueError:
        raise UsageError("usage.real_bank") from None
