"""Which of several codes is meant: all are named, and the person chooses, or `--pick` does.

Rule: what a code says of itself is not verified here, and nothing of it is done. Of several that a command could take
none is taken by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.catalogue.written import written_amount
from app.cli.asking import name_of
from app.cli.codes_in_pictures import Read
from app.cli.context import Context
from app.terminal.status import UsageError
from wallet.protocol.codes import Code, Refusal
from wallet.session import messages

Wanted = tuple[type[messages.Message], ...]
_REQUEST, _PAYMENT, _RECEIPT, _OTHER = "request", "payment", "receipt", "other"


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was read, or the refusal where it is none of ours; ``kind`` and ``amount`` (tiyn) as it says."""

    read: Read
    message: messages.Message | Refusal

    @property
    def kind(self) -> str:
        match self.message:
            case messages.RequestMessage():
                return _REQUEST
            case messages.PaymentMessage():
                return _PAYMENT
            case messages.ReceiptMessage():
                return _RECEIPT
            case _:
                return _OTHER

    @property
    def amount(self) -> int | None:
        match self.message:
            case messages.RequestMessage(request):
                return request.body.amount
            case messages.PaymentMessage(payment=payment):
                return sum(transfer.body.amount for transfer in payment.newest)
            case _:
                return None


def pick(reads: Sequence[Read], wanted: Wanted, args: argparse.Namespace, context: Context) -> Found:
    """The code that the command is about. Raises ``Refusal``: MESSAGE_UNEXPECTED where none is of a kind ``wanted``,
    what reading the only one gives; UsageError where several are and nobody says which."""
    found = [_found(read) for read in reads]
    usable = [item for item in found if isinstance(item.message, wanted)]
    if not usable:
        raise _useless(found[0])
    if len(usable) == 1 and args.pick is None:
        for item in found:
            if item is not usable[0]:
                context.show.step("pick.also", what=_described(item, context), name=item.read.picture)
        return usable[0]
    return usable[_number(usable, args, context) - 1]


def _found(read: Read) -> Found:
    try:
        return Found(read, messages.decode(read.message))
    except Refusal as refusal:
        return Found(read, refusal)


def _useless(found: Found) -> Refusal:
    if isinstance(found.message, Refusal):
        return found.message
    return Refusal(Code.MESSAGE_UNEXPECTED, {"fault": found.kind})


def _number(usable: Sequence[Found], args: argparse.Namespace, context: Context) -> int:
    """1 for the first."""
    if args.pick is None:
        _name_all(usable, context)
    number = _asked(len(usable), context) if args.pick is None else args.pick
    if not 1 <= number <= len(usable):
        raise UsageError("usage.pick_wrong", most=len(usable))
    return int(number)


def _name_all(usable: Sequence[Found], context: Context) -> None:
    for number, item in enumerate(usable, 1):
        context.show.step("pick.one", number=number, what=_described(item, context), name=item.read.picture)
    context.show.choices(
        [
            {"pick": number, "kind": item.kind, "amount": item.amount, "picture": item.read.picture}
            for number, item in enumerate(usable, 1)
        ]
    )


def _asked(most: int, context: Context) -> int:
    if context.show.as_json or sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("usage.pick", most=most)
    context.show.step("pick.which", most=most)
    written = sys.stdin.readline().strip()
    if not written.isascii() or not written.isdigit():
        raise UsageError("usage.pick_wrong", most=most)
    return int(written)


def _described(found: Found, context: Context) -> str:
    """What the code says of itself."""
    say, amount = context.show.catalogue.text, written_amount(found.amount or 0)
    match found.message:
        case messages.RequestMessage(request):
            return say("pick.request", payee=name_of(request.body.payee.body, context), amount=amount)
        case messages.PaymentMessage():
            return say("pick.payment", amount=amount)
        case messages.ReceiptMessage():
            return say("pick.receipt")
        case _:
            return say("pick.other")


PAYABLE: Final[Wanted] = (messages.RequestMessage, messages.ReceiptMessage)
"""What a payer can be shown."""
RECEIVABLE: Final[Wanted] = (messages.PaymentMessage,)
