"""`qalta wallet new|list|show`: a keystore, an account at a bank, a first certificate.

Recovery: the folder gets `wallet.json` last. A wallet that was left half-made is made again under the same name:
keys, enrolment and certificate that are already there are used, none is made twice.
"""

from __future__ import annotations

import argparse
from typing import Final

from app.catalogue import Catalogue, harmless
from app.catalogue.written import written_time
from app.cli.banking import DEVICE_ALIAS, bank_line
from app.cli.context import Context, OpenWallet, close
from app.cli.parser import Commands
from app.cli.places import Flaw, Profile, WalletPlace
from app.cli.status import Status, UsageError
from wallet.protocol.bounds import KEY_BYTES
from wallet.protocol.codes import Code, Refusal

_SANDBOX_BANK: Final = "alatau"
"""Of the sandbox, where none is named."""


def add(commands: Commands) -> None:
    new = commands.add("wallet new", _new)
    text = commands.words.text
    new.add_argument("name", help=text("help.wallet_name"))
    new.add_argument("--bank", help=text("help.bank"))
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
    """All there are, each with its state; MISSING where one of them is damaged."""
    show = context.show
    found = [(place.name, place.look()) for place in context.home.folders()]
    rows = [_row(name, held, show.catalogue) for name, held in found]
    show.table("", ("wallet.name", "wallet.holder", "wallet.bank", "wallet.url"), rows)
    for name, held in found:
        if isinstance(held, Flaw):
            show.say(f"wallet.about_{held.value}", name=name)
    show.result(wallets=[_fields(name, held) for name, held in found])
    return Status.MISSING if any(held is Flaw.DAMAGED for _, held in found) else Status.DONE


def _row(name: str, held: Profile | Flaw, words: Catalogue) -> list[str]:
    if isinstance(held, Flaw):
        return [name, words.text(f"wallet.list_{held.value}"), "", ""]
    return [name, *map(harmless, (held.name, held.bank, held.url))]


def _fields(name: str, held: Profile | Flaw) -> dict[str, str | None]:
    if isinstance(held, Flaw):
        return {"name": name, "state": held.value, "holder": None, "bank": None}
    return {"name": name, "state": "finished", "holder": held.name, "bank": held.bank}


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
    if (place.folder / "wallet.json").exists():
        raise Refusal(Code.WALLET_EXISTS, {"name": args.name})
    pin = context.pin.ask(context.show.catalogue.text("ask.pin_new"))
    if context.pin.is_prompt and pin != context.pin.ask(context.show.catalogue.text("ask.pin_again")):
        raise UsageError("usage.pins_differ")
    profile = _profile(args, context)
    context.show.step("wallet.keystore")
    opened = _opened(place, pin, context, profile)
    try:
        _certify(opened, context, args)
    finally:
        close(opened)
    context.show.say("wallet.made", name=args.name, holder=opened.profile.name, bank=opened.profile.bank)
    context.show.result(wallet=args.name, bank=opened.profile.bank, account=place.profile().account)
    return Status.DONE


def _profile(args: argparse.Namespace, context: Context) -> Profile:
    """Where the bank is: as given, or as the sandbox of this home says."""
    holder = args.holder or args.name
    kind = "merchant" if args.merchant else "person"
    if args.url:
        if not (args.bank and args.root and args.enrol and _is_key(args.root)):
            raise UsageError("usage.real_bank")
        return Profile(args.bank, args.url, args.root, "", kind, holder)
    from app.cli.sandbox_desk import network_of

    network = network_of(context.home.sandbox)
    banks = {bank.name: bank.url for bank in network.banks}
    bank = args.bank or _SANDBOX_BANK
    if bank not in banks:
        raise UsageError("usage.bank", bank=bank, banks=", ".join(banks))
    return Profile(bank, banks[bank], network.root.hex(), "", kind, holder)


def _is_key(written: str) -> bool:
    try:
        return len(bytes.fromhex(written)) == KEY_BYTES
    except ValueError:
        return False


def _opened(place: WalletPlace, pin: str, context: Context, profile: Profile) -> OpenWallet:
    from hsm import open_keystore, provision
    from hsm.keystore import KeystoreCode, KeystoreError
    from wallet.wallet import Wallet

    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        provision(place.keystore, pin, clock=context.clock, random=context.random)
    except KeystoreError as error:
        if error.code is not KeystoreCode.ALREADY_PROVISIONED:
            raise
    keystore = open_keystore(place.keystore, pin, clock=context.clock, random=context.random)
    if DEVICE_ALIAS not in keystore.aliases():
        keystore.create_key(DEVICE_ALIAS)
    wallet = Wallet.open(place.purse, keystore, context.clock, context.random)
    return OpenWallet(place, profile, keystore, wallet)


def _certify(opened: OpenWallet, context: Context, args: argparse.Namespace) -> None:
    from ledger_sync.client import certify, set_up

    with bank_line(opened, context) as bank:
        context.show.step("wallet.enrolling", bank=opened.profile.bank)
        code = args.enrol or _sandbox_code(context, args, opened)
        enrolled = bank.enrol(code)
        context.show.step("wallet.certifying")
        set_up(opened.wallet, bank, bytes.fromhex(opened.profile.root))
        certify(opened.wallet, bank)
    profile = opened.profile
    opened.place.write_profile(
        Profile(profile.bank, profile.url, profile.root, enrolled.account, profile.kind, enrolled.name)
    )


def _sandbox_code(context: Context, args: argparse.Namespace, opened: OpenWallet) -> str:
    """The sandbox's bank opens an account and gives an enrolment code; the id makes a repeat the same account."""
    from app.cli.asking import amount_of
    from app.cli.sandbox_desk import network_of, open_account

    return open_account(
        network_of(context.home.sandbox),
        opened.profile.bank,
        opened.keystore.public_key(DEVICE_ALIAS)[-16:],
        opened.profile.name,
        category=args.category if args.merchant else None,
        opening=amount_of(args.opening),
    )
