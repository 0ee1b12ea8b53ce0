"""What app, command line and JSON show of a wallet, held to what it knows: history sums to the balance, and each token
has its lines."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any, cast

from app.catalogue import catalogue
from app.catalogue.written import read_amount
from app.cli.commands.ledger import _history
from app.cli.commands.money import _balance
from app.cli.context import Context
from app.presenters.history import line_of
from app.terminal.show import Show
from app.wallets.opened import OpenWallet
from app.wallets.places import Home
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import Payments
from wallet.purse.store.tokens import TokenState
from wallet.purse.view.history import Lines
from wallet.wallet import Wallet

_SIGNED = re.compile(r"(?<![\w,−+])([+−])([\d\N{NO-BREAK SPACE}]+(?:,\d\d)?)\N{NO-BREAK SPACE}₸")


def check_sums(wallet: Wallet) -> None:
    """The SDK's history and the app's lines sum to what is held; each token came with one line and went with one."""
    events, balance = wallet.history(), wallet.balance()
    assert sum(event.change for event in events) == balance.held
    lines = [line_of(event, None) for event in events]
    assert sum(line.sign * line.amount for line in lines) == balance.held
    ids = [event.id for event in events]
    assert len(set(ids)) == len(ids)
    purse = wallet._purse
    named = Lines(purse).lines
    assert set(named) <= set(ids)
    for own in purse.tokens.all():
        if own.state is not TokenState.REFUSED:
            assert sum(own in line.came for line in named.values()) == 1
            gone = own.state in (TokenState.SPENT, TokenState.LOST, TokenState.EXPIRED)
            assert sum(own in line.went for line in named.values()) == gone
    if wallet.state is PurseState.ROLLED_BACK:
        assert balance.spendable == 0
    payments = Payments(purse.store, purse.objects)
    assert not any(payments.is_decided(event.id) for event in events if event.state == "shown")


def check_shown(wallet: Wallet) -> None:
    """The same of what the command line prints, for a person and as JSON."""
    held = wallet.balance().held
    fields, said = _run(wallet, as_json=True), _run(wallet, as_json=False)[""]
    events = cast(list[dict[str, Any]], fields["events"])
    assert sum(event["change"] for event in events) == fields["held"] == held
    assert fields["spendable"] + fields["waiting"] + fields["reserved"] == held
    amounts = [
        (1 if sign == "+" else -1) * (read_amount(written) or 0) for sign, written in _SIGNED.findall(said)
    ]
    assert sum(amounts) == held
    assert len(amounts) == sum(event["change"] != 0 for event in events)


def _run(wallet: Wallet, *, as_json: bool) -> dict[str, Any]:
    """The fields of `qalta history` and `qalta balance`, or under "" what `history` prints."""
    opened = OpenWallet(cast(Any, None), cast(Any, None), cast(Any, None), wallet)
    out, found = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(out):
        show = Show(catalogue("en"), as_json=as_json)
        context = Context(Home(Path()), None, show, cast(Any, None), kept=opened)
        _history(argparse.Namespace(), context)
        if as_json:
            _balance(argparse.Namespace(), context)
            show.finish()
    if as_json:
        found = json.loads(out.getvalue())
    else:
        found[""] = out.getvalue()
    return found
