"""`qalta request`, `pay`, `receive`: the sessions of the SDK, carried by pictures; with ``--nfc`` by taps (`tapping`).

`pay` reads whatever code is shown to a payer: a request, or the receipt of what was paid. All checks and every
durable step are the session's and the purse's; here a person is asked and told.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.catalogue.written import written_amount, written_time
from app.cli.asking import amount_of, asked_anew, decided, name_of, require_memo, valid_for
from app.cli.codes_in_pictures import read_messages
from app.cli.commands import requests, tapping
from app.cli.context import Context
from app.cli.outcomes import (
    require_going_on,
    require_heard,
    status_of,
    tell_answered,
    tell_received,
    tell_signed,
)
from app.cli.parser import Commands
from app.cli.picking import PAYABLE, RECEIVABLE, pick
from app.cli.rollback import tell_rollback
from app.terminal.showing import About, Way, way_to_show
from app.terminal.status import Status, UsageError
from app.wallets.doing import doing
from app.wallets.opened import OpenWallet
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.request import request_ref
from wallet.purse.store.payments import OPEN, PaymentSummary
from wallet.purse.view.history import EventKind
from wallet.session import messages
from wallet.session.ports import Received

if TYPE_CHECKING:
    from wallet.flow import PayStatus

_SHOWN: Final = 16
"""Hexadecimal digits of an id that are shown; any beginning of it names it."""


def add(commands: Commands) -> None:
    text = commands.words.text
    request = commands.add("request", _request)
    request.add_argument("amount", metavar=text("argument.amount"), help=text("help.request_amount"))
    request.add_argument("id", nargs="?", metavar=text("argument.id"), help=text("help.request_id"))
    request.add_argument("--open", action="store_true", dest="is_open", help=text("help.request_open"))
    request.add_argument("--memo", default="", help=text("help.request_memo"))
    request.add_argument("--printed", action="store_true", help=text("help.request_printed"))
    request.add_argument("--minutes", type=int, help=text("help.request_valid"))
    request.add_argument("--out", type=Path, help=text("help.request_out"))
    request.add_argument("--introduce", action="store_true", help=text("help.introduce"))

    pay = commands.add("pay", _pay)
    pay.add_argument(
        "pictures", type=Path, nargs="*", metavar=text("argument.pictures"), help=text("help.pictures")
    )
    pay.add_argument("--amount", help=text("help.pay_amount"))
    pay.add_argument("--out", type=Path, help=text("help.pay_out"))
    pay.add_argument("--yes", action="store_true", help=text("help.pay_yes"))
    pay.add_argument("--anew", action="store_true", help=text("help.pay_anew"))
    pay.add_argument("--again", metavar="ID", help=text("help.pay_again"))
    pay.add_argument("--drop", metavar="ID", help=text("help.pay_drop"))
    pay.add_argument("--pick", type=int, metavar="N", help=text("help.pick"))
    tapping.add_options(pay, commands.words)

    receive = commands.add("receive", _receive)
    receive.add_argument(
        "pictures", type=Path, nargs="*", metavar=text("argument.pictures"), help=text("help.pictures")
    )
    receive.add_argument("--out", type=Path, help=text("help.receive_out"))
    receive.add_argument("--pick", type=int, metavar="N", help=text("help.pick"))
    tapping.add_options(receive, commands.words)
    receive.add_argument("--amount", help=text("help.receive_amount"))
    receive.add_argument("--open", action="store_true", dest="is_open", help=text("help.request_open"))
    receive.add_argument("--memo", default="", help=text("help.request_memo"))
    receive.add_argument("--minutes", type=int, help=text("help.request_valid"))
    receive.add_argument("--request", metavar="ID", help=text("help.receive_request"))
    receive.add_argument("--introduce", action="store_true", help=text("help.introduce"))


def _request(args: argparse.Namespace, context: Context) -> Status:
    if requests.is_about_open_ones(args):
        return requests.run(args, context)
    if args.id is not None:
        raise UsageError("usage.which_request")
    seconds = valid_for(args.minutes)
    require_memo(args.memo)
    amount, way = amount_of(args.amount), way_to_show(args.out, context.show, is_long=False)
    with context.opened() as opened, doing("ask"):
        request = opened.wallet.receiving.request(
            amount,
            is_open=args.is_open,
            memo=args.memo,
            valid_for=seconds,
            printed=args.printed,
        )
        beside = (opened.wallet.contacts.introduce(request),) if args.introduce else ()
        tell_rollback(opened.wallet.state, context)
    asked, ref, text = (
        written_amount(amount),
        request_ref(request).hex()[:_SHOWN],
        context.show.catalogue.text,
    )
    until = written_time(request.body.expires)
    context.show.say("pay.requested", amount=asked, request=ref, until=until)
    context.show.result(request=request.id.hex(), expires=request.body.expires)
    message = messages.encode(messages.RequestMessage(request, beside))
    words = text("show.asked", amount=asked), text("show.request", request=ref)
    about = About("show.again_request", words=words, after=text("show.take_in", request=ref))
    frames = way.show(message, context.show, about)
    _say_where(args.out, frames, context)
    context.show.result(frames=frames)
    return Status.DONE


def _receive(args: argparse.Namespace, context: Context) -> Status:
    tapping.check_options(
        args,
        by_picture=("out", "pick"),
        by_tap=("amount", "is_open", "memo", "minutes", "request", "introduce"),
    )
    if args.nfc:
        return tapping.receive(args, context)
    found = pick(read_messages(args.pictures, context.show), RECEIVABLE, args, context)
    read, message = found.read, found.message
    assert isinstance(message, messages.PaymentMessage)
    way = None if args.out is None else way_to_show(args.out, context.show, is_long=False)
    with context.opened() as opened:
        received, answer = _received(opened, message)
        tell_received(received, len(message.raw), context)
    context.show.result(frames=read.frames)
    if way is not None:
        _say_where(args.out, way.show(answer, context.show, About("show.again_receive")), context)
    return status_of(received)


def _received(opened: OpenWallet, message: messages.PaymentMessage) -> tuple[Received, bytes]:
    """What the purse says to a payment, and the receipt to show, by way of the flow of its request."""
    from wallet.flow import ReceiveFlow

    receiving = opened.wallet.receiving
    purpose = message.payment.newest[-1].body.purpose
    request = receiving.own_request(purpose) if isinstance(purpose, bytes) else None
    if request is None:
        received = receiving.receive(message.payment)
        return received, messages.encode(messages.ReceiptMessage(received.receipt))
    flow = ReceiveFlow(opened.wallet, request)
    flow.status()
    status = flow.hear(message)
    if status.came:
        return status.came[-1].received, status.came[-1].receipt
    require_heard(status)
    raise Refusal(Code.MESSAGE_UNEXPECTED)


def _pay(args: argparse.Namespace, context: Context) -> Status:
    tapping.check_options(args, by_picture=("out", "again", "drop", "pick"), by_tap=())
    if args.nfc:
        return tapping.pay(args, context)
    if args.drop:
        with context.opened() as opened:
            opened.wallet.paying.drop(_payment_id(args.drop, opened))
        context.show.say("pay.dropped")
        return Status.DONE
    if args.again:
        way = way_to_show(args.out, context.show, is_long=True)
        with context.opened() as opened:
            payment = opened.wallet.paying.summary(_payment_id(args.again, opened))
            raw = opened.wallet.paying.show_again(payment.id)
        _show_payment(messages.payment_message(raw), payment, way, args, context)
        return Status.DONE
    found = pick(read_messages(args.pictures, context.show), PAYABLE, args, context)
    message = found.message
    with context.opened() as opened:
        if isinstance(message, messages.ReceiptMessage):
            return _take_receipt(opened, message, context)
        assert isinstance(message, messages.RequestMessage)
        return _answer_request(opened, message, args, context)


def _take_receipt(opened: OpenWallet, message: messages.ReceiptMessage, context: Context) -> Status:
    from wallet.flow import PayFlow

    paying = opened.wallet.paying
    before = paying.summary(paying.of_receipt(message.receipt))
    flow = PayFlow.resume(opened.wallet, before.id)
    flow.status()
    require_heard(flow.hear(message))
    payment = paying.summary(before.id)
    if payment.state in OPEN:
        raise Refusal(Code.MESSAGE_UNEXPECTED)
    tell_answered(payment, payment.changed if payment.state is before.state else None, context)
    return Status.DONE


def _answer_request(
    opened: OpenWallet, message: messages.RequestMessage, args: argparse.Namespace, context: Context
) -> Status:
    from wallet.flow import PayFlow

    flow = PayFlow(opened.wallet)
    status = asked_anew(flow, _going_on(flow.hear(message)), args)
    way = way_to_show(args.out, context.show, is_long=True)
    status = _going_on(decided(flow, status, opened, args, context))
    if status.message is None or status.payment is None:
        raise Refusal(Code.MESSAGE_UNEXPECTED)
    if status.is_found:
        context.show.say("pay.again")
    else:
        tell_signed("pay.signed", status.payment, context)
    _show_payment(status.message, status.payment, way, args, context)
    return Status.DONE


def _going_on(status: PayStatus) -> PayStatus:
    require_going_on(status)
    require_heard(status)
    return status


def _show_payment(
    message: bytes, payment: PaymentSummary, way: Way, args: argparse.Namespace, context: Context
) -> None:
    context.show.result(bytes=len(message) - len(messages.payment_message(b"")))
    about = About("show.again_pay", (("payment", payment.id.hex()[:_SHOWN]),), _words(payment, context))
    frames = way.show(message, context.show, about)
    _say_where(args.out, frames, context)
    context.show.result(frames=frames)


def _words(payment: PaymentSummary, context: Context) -> tuple[str, ...]:
    text, payee = context.show.catalogue.text, name_of(payment.payee, context)
    paid = text("show.paid", amount=written_amount(payment.amount), payee=payee)
    return paid, text("show.payment", payment=payment.id.hex()[:_SHOWN])


def _say_where(out: Path | None, frames: int, context: Context) -> None:
    if out is not None:
        context.show.say("pay.written", frames=frames, name=str(out))


def _payment_id(written: str, opened: OpenWallet) -> bytes:
    """The payment whose id begins so; UsageError where none or several do."""
    paid = [event.id for event in opened.wallet.history() if event.kind is EventKind.PAID]
    found = [payment for payment in paid if payment.hex().startswith(written.lower())]
    if len(found) != 1:
        raise UsageError("usage.payment_id", written=written)
    return found[0]
