"""`qalta request list`, `request cancel ID`: what is asked for and holds room under the limit, and asking no more."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.catalogue import harmless
from app.catalogue.written import written_amount, written_time
from app.cli.context import Context
from app.terminal.status import Status, UsageError

if TYPE_CHECKING:
    from wallet.purse.receive.requests import OpenRequest

LIST: Final = "list"
CANCEL: Final = "cancel"
_SHOWN: Final = 16
"""Hexadecimal digits of an id that are shown; any beginning of it names it."""


def is_about_open_ones(args: argparse.Namespace) -> bool:
    """Whether `request` was said with one of the two words in place of an amount."""
    return args.amount in (LIST, CANCEL)


def run(args: argparse.Namespace, context: Context) -> Status:
    """UsageError: no id, or none or several that it begins."""
    if (args.amount == CANCEL) is (args.id is None):
        raise UsageError("usage.which_request")
    with context.opened() as opened:
        requests = opened.wallet.requests
        found = requests.open()
        if args.id is not None:
            cancelled = _named(found, args.id)
            requests.cancel(cancelled.ref)
        held = requests.held()
    if args.id is not None:
        context.show.say("requests.cancelled", amount=written_amount(cancelled.request.body.amount))
        context.show.result(cancelled=cancelled.ref.hex(), requested=held)
        return Status.DONE
    context.show.table("", _HEADS, [_row(item, context) for item in found])
    context.show.say("requests.held" if found else "requests.none", amount=written_amount(held))
    context.show.result(requests=[_fields(item) for item in found], requested=held)
    return Status.DONE


_HEADS: Final = ("requests.id", "requests.amount>", "requests.kind", "requests.until", "requests.memo")


def _named(found: Sequence[OpenRequest], asked: str) -> OpenRequest:
    ids = [(item.ref.hex(), item.request.id.hex(), item) for item in found]
    named = [item for *names, item in ids if asked and any(name.startswith(asked.lower()) for name in names)]
    if len(named) != 1:
        raise UsageError("usage.no_such_request", id=asked, count=len(named))
    return named[0]


def _row(item: OpenRequest, context: Context) -> list[str]:
    body, text = item.request.body, context.show.catalogue.text
    kind = "printed" if item.is_printed else "open" if body.is_open else "exact"
    return [
        item.ref.hex()[:_SHOWN],
        written_amount(body.amount),
        text(f"requests.{kind}"),
        written_time(body.expires),
        harmless(body.memo),
    ]


def _fields(item: OpenRequest) -> dict[str, object]:
    body = item.request.body
    return {
        "id": item.ref.hex(),
        "amount": body.amount,
        "is_open": body.is_open,
        "printed": item.is_printed,
        "made": item.at,
        "expires": body.expires,
        "memo": body.memo,
    }
