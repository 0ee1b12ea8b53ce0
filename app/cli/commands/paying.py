"""`qalta request`, `pay`, `receive`: the sessions of the SDK, carried by pictures.

`pay` reads whatever code is shown to a payer: a request, or the receipt of what was paid. All checks and every
durable step are the session's and the purse's; here a person is asked and told.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.catalogue.written import written_amount, written_time
from app.cli.codes_in_pictures import read_message, require_room, write_message
from app.cli.commands.money import amount_of
from app.cli.context import Context
from app.cli.parser import Commands
from app.cli.status import Status, UsageError
from app.wallets.opened import OpenWallet
from wallet.protocol.bounds import MAX_MEMO_BYTES
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.purse.reading import EventKind
from wallet.session import events, messages
from wallet.session.ports import Received

if TYPE_CHECKING:
    from wallet.purse.payments import PaymentSummary
    from wallet.session.payer import Payer

_MINUTE: Final = 60
_PRINTED_MINUTES: Final = 30 * 24 * 60


def add(commands: Commands) -> None:
    text = commands.words.text
    request = commands.add("request", _request)
    request.add_argument("amount", help=text("help.amount"))
    request.add_argument("--open", action="store_true", dest="is_open", help=text("help.request_open"))
    request.add_argument("--memo", default="", help=text("help.request_memo"))
    request.add_argument("--printed", action="store_true", help=text("help.request_printed"))
    request.add_argument("--minutes", type=int, help=text("help.request_valid"))
    request.add_argument("--out", type=Path, help=text("help.request_out"))

    pay = commands.add("pay", _pay)
    pay.add_argument("pictures", type=Path, nargs="*", help=text("help.pictures"))
    pay.add_argument("--amount", help=text("help.pay_amount"))
    pay.add_argument("--out", type=Path, help=text("help.pay_out"))
    pay.add_argument("--yes", action="store_true", help=text("help.pay_yes"))
    pay.add_argument("--anew", action="store_true", help=text("help.pay_anew"))
    pay.add_argument("--again", metavar="ID", help=text("help.pay_again"))
    pay.add_argument("--drop", metavar="ID", help=text("help.pay_drop"))

    receive = commands.add("receive", _receive)
    receive.add_argument("pictures", type=Path, nargs="+", help=text("help.pictures"))
    receive.add_argument("--out", type=Path, help=text("help.receive_out"))


def _request(args: argparse.Namespace, context: Context) -> Status:
    minutes = args.minutes if args.minutes is not None else (_PRINTED_MINUTES if args.printed else 60)
    if minutes < 1:
        raise UsageError("usage.minutes")
    if len(args.memo.encode()) > MAX_MEMO_BYTES:
        raise UsageError("usage.memo", limit=MAX_MEMO_BYTES)
    with context.opened() as opened:
        request = opened.wallet.receiving.request(
            amount_of(args.amount),
            is_open=args.is_open,
            memo=args.memo,
            valid_for=minutes * _MINUTE,
            printed=args.printed,
        )
        frames = write_message(messages.encode(messages.RequestMessage(request)), args.out, context.show)
    _say_where(args.out, frames, context)
    context.show.say("pay.requested", until=written_time(request.body.expires))
    context.show.result(request=request.id.hex(), expires=request.body.expires, frames=frames)
    return Status.DONE


def _receive(args: argparse.Namespace, context: Context) -> Status:
    read = read_message(args.pictures, context.show)
    message = messages.decode(read.message)
    if not isinstance(message, messages.PaymentMessage):
        raise Refusal(Code.MESSAGE_UNEXPECTED)
    with context.opened() as opened:
        received, answer = _received(opened, message, read.message)
        _tell_received(received, context)
        if args.out is not None and answer is not None:
            _say_where(args.out, write_message(answer, args.out, context.show), context)
    context.show.result(
        received=0 if received.code is not None else received.amount,
        hop=max(token.hop for token in received.tokens),
        bytes=len(message.raw),
        frames=read.frames,
        repeat_of=received.repeat_of,
        transfers=[txid.hex() for txid in received.receipt.signed.body.transfers],
    )
    if received.code is not None:
        told = context.show.catalogue.tell(received.code.value)
        context.show.result(refused=received.code.value, told=told.lines())
        return Status.REFUSED
    return Status.DONE


def _received(
    opened: OpenWallet, message: messages.PaymentMessage, raw: bytes
) -> tuple[Received, bytes | None]:
    """What the purse says to a payment, and the receipt to show, by way of the session of its request."""
    from wallet.session.payee import Payee

    receiving = opened.wallet.receiving
    purpose = message.payment.newest[-1].body.purpose
    request = receiving.own_request(purpose) if isinstance(purpose, bytes) else None
    if request is None:
        received = receiving.receive(message.raw)
        return received, messages.encode(messages.ReceiptMessage(received.receipt))
    payee = Payee.resume(receiving, request)
    payee.events()
    payee.receive(raw)
    event = payee.events()[-1]
    if isinstance(event, (events.PaymentReceived, events.PaymentRepeated, events.PaymentRefused)):
        return event.received, payee.bytes_to_send()
    raise _refusal_of(event)


def _tell_received(received: Received, context: Context) -> None:
    if received.code is not None:
        context.show.told(context.show.catalogue.tell(received.code.value))
    elif received.repeat_of is not None:
        context.show.say("pay.repeat", time=written_time(received.repeat_of))
    else:
        hop = max(token.hop for token in received.tokens)
        context.show.say("pay.received", amount=written_amount(received.amount), hop=hop)


def _pay(args: argparse.Namespace, context: Context) -> Status:
    if args.drop:
        with context.opened() as opened:
            opened.wallet.paying.drop(_payment_id(args.drop, opened))
        context.show.say("pay.dropped")
        return Status.DONE
    if args.again:
        with context.opened() as opened:
            raw = opened.wallet.paying.show_again(_payment_id(args.again, opened))
            _show_payment(messages.payment_message(raw), args, context)
        return Status.DONE
    if not args.pictures:
        raise UsageError("usage.nothing_to_do")
    read = read_message(args.pictures, context.show)
    message = messages.decode(read.message)
    with context.opened() as opened:
        if isinstance(message, messages.ReceiptMessage):
            return _take_receipt(opened, message, read.message, context)
        return _answer_request(opened, read.message, args, context)


def _take_receipt(
    opened: OpenWallet, message: messages.ReceiptMessage, raw: bytes, context: Context
) -> Status:
    from wallet.session.payer import Payer

    paying = opened.wallet.paying
    before = paying.summary(paying.of_receipt(message.receipt))
    payer = Payer.resume(paying, before.id)
    payer.events()
    payer.receive(raw)
    for event in payer.events():
        if not isinstance(event, events.PaymentAcknowledged | events.PaymentReturned):
            raise _refusal_of(event)
    _tell_answered(before, paying.summary(before.id), context)
    return Status.DONE


def _tell_answered(before: PaymentSummary, payment: PaymentSummary, context: Context) -> None:
    """What the payee said to a payment, now or before."""
    repeat_of = payment.changed if payment.state is before.state else None
    if payment.code is None:
        context.show.say(
            "pay.receipt", payee=_name(payment.payee, context), amount=written_amount(payment.amount)
        )
        context.show.result(acknowledged=payment.id.hex(), repeat_of=repeat_of)
        return
    told = context.show.catalogue.tell(payment.code.value)
    context.show.told(told)
    code = payment.code.value
    context.show.result(returned=payment.id.hex(), code=code, told=told.lines(), repeat_of=repeat_of)


def _answer_request(opened: OpenWallet, raw: bytes, args: argparse.Namespace, context: Context) -> Status:
    from wallet.session.payer import Payer

    payer = Payer(opened.wallet.paying)
    payer.receive(raw)
    event = _only(payer.events())
    if isinstance(event, events.AlreadyPaid):
        event = _again_or_anew(payer, event, args, context)
    if isinstance(event, events.ConfirmationNeeded):
        amount = _asked(event, args, context)
        event = _confirmed(payer, amount, opened, args, context)
    elif isinstance(event, events.SignatureNeeded):
        unsigned = opened.wallet.paying.summary(event.payment.id)
        _say_asked(_who(unsigned.payee, context), unsigned.amount, unsigned.memo, context)
        event = _confirmed(payer, unsigned.amount, opened, args, context)
    elif isinstance(event, events.PaymentFound):
        context.show.say("pay.again")
    if not isinstance(event, events.PaymentReady | events.PaymentFound):
        raise _refusal_of(event)
    sending = payer.bytes_to_send()
    if sending is None and payer.payment_id is not None:
        sending = messages.payment_message(opened.wallet.paying.show_again(payer.payment_id))
    if sending is None:
        raise _refusal_of(event)
    _show_payment(sending, args, context)
    return Status.DONE


def _again_or_anew(
    payer: Payer, event: events.AlreadyPaid, args: argparse.Namespace, context: Context
) -> events.PayerEvent:
    if not args.anew:
        earlier = event.consideration.earlier[-1]
        raise Refusal(Code.ALREADY_PAID, {"payment": earlier.id.hex(), "time": earlier.at})
    payer.pay_anew()
    return _only(payer.events())


def _asked(event: events.ConfirmationNeeded, args: argparse.Namespace, context: Context) -> int:
    """Show who asks for what; the amount to pay (tiyn)."""
    consideration = event.consideration
    body = consideration.request.body
    payee = _who(body.payee.body, context)
    if consideration.amount is not None:
        _say_asked(payee, consideration.amount, body.memo, context)
        return consideration.amount
    context.show.say("pay.asks_open", ceiling=written_amount(body.amount), **payee)
    if not args.amount:
        raise UsageError("usage.amount_open", ceiling=body.amount)
    return amount_of(args.amount)


def _who(payee: Certificate, context: Context) -> dict[str, str]:
    kind = context.show.catalogue.text("pay.shop" if payee.kind is WalletKind.MERCHANT else "pay.person")
    return {"payee": _name(payee, context), "kind": kind, "bank": payee.bank}


def _say_asked(payee: dict[str, str], amount: int, memo: str, context: Context) -> None:
    context.show.say("pay.asks", amount=written_amount(amount), **payee)
    if memo:
        context.show.say("pay.memo", memo=memo)


def _confirmed(
    payer: Payer, amount: int, opened: OpenWallet, args: argparse.Namespace, context: Context
) -> events.PayerEvent:
    """Check the PIN, and let the session reserve and sign. ``--yes``: the PIN that opened the wallet is enough."""
    require_room(args.out, context.show)
    if not (args.yes and context.pin.is_prompt):
        context.confirm_pin(opened)
    payer.confirm(amount)
    event = _only(payer.events())
    if isinstance(event, events.PaymentReady):
        context.show.say("pay.signed", amount=written_amount(amount))
        context.show.result(payment=event.payment_id.hex(), amount=amount)
    return event


def _show_payment(message: bytes, args: argparse.Namespace, context: Context) -> None:
    frames = write_message(message, args.out, context.show)
    _say_where(args.out, frames, context)
    context.show.result(bytes=len(message) - len(messages.payment_message(b"")), frames=frames)


def _name(payee: Certificate, context: Context) -> str:
    if payee.kind is WalletKind.MERCHANT:
        return payee.name
    return context.show.catalogue.text("pay.somebody", wallet=payee.wallet.hex()[:8])


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


def _only(found: list[events.PayerEvent]) -> events.PayerEvent:
    """The event that decides what comes next: the last one."""
    return found[-1]


def _refusal_of(event: object) -> Refusal:
    """What an event that ends things means for a person."""
    match event:
        case events.PurseRefused() | events.MessageRefused() | events.PeerProblem():
            return Refusal(event.code, event.facts)
        case events.PaymentDropped():
            return Refusal(event.code)
        case _:
            return Refusal(Code.MESSAGE_UNEXPECTED)
