"""`qalta wallet list|show`: which wallets there are, and whose this one is."""

from __future__ import annotations

import argparse
from typing import Final

from app.catalogue import Catalogue, harmless
from app.catalogue.written import written_time
from app.cli.context import Context
from app.cli.parser import Commands
from app.terminal.status import Status
from app.wallets.places import Flaw, Profile

_BROKEN: Final = (Flaw.DAMAGED, Flaw.UNREADABLE)


def add(commands: Commands) -> None:
    commands.add("wallet list", _list)
    commands.add("wallet show", _show)


def _list(args: argparse.Namespace, context: Context) -> Status:
    """All there are, each with its state; MISSING where one of them is damaged or cannot be read."""
    show = context.show
    found = [(place.name, place.look()) for place in context.home.folders()]
    rows = [_row(name, held, show.catalogue) for name, held in found]
    show.table("", ("wallet.name", "wallet.holder", "wallet.bank", "wallet.url"), rows)
    for name, held in found:
        if isinstance(held, Flaw):
            show.say(f"wallet.about_{held.value}", name=name)
    show.result(wallets=[_fields(name, held) for name, held in found])
    return Status.MISSING if any(held in _BROKEN for _, held in found) else Status.DONE


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
