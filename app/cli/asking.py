"""What a payer is asked before money moves, whatever carries the messages: who asks for what, how much, and the PIN.

Rule: nothing is signed here before a person saw payee and amount and the PIN was checked. The session reserves and
signs.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from app.catalogue.written import read_amount, written_amount, written_time
from app.cli.context import Context
from app.cli.status import UsageError
from app.wallets.opened import OpenWallet
from wallet.protocol.bounds import MAX_MEMO_BYTES
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request, request_ref
from wallet.purse.payments import UNANSWERED
from wallet.session import events

if TYPE_CHECKING:
    from wallet.session.payer import Payer

_MINUTE: Final = 60


def amount_of(written: str) -> int:
    """Tiyn of an amount as typed; UsageError."""
    amount = read_amount(written)
    if not amount:
        raise UsageError("usage.amount", written=written)
    return amount


def valid_for(minutes: int | None) -> int | None:
    """Seconds for which a request is good; None: as long as is usual. UsageError."""
    if minutes is not None and minutes < 1:
        raise UsageError("usage.minutes")
    return None if minutes is None else minutes * _MINUTE


def require_memo(memo: str) -> None:
    """UsageError: too many bytes."""
    if len(memo.encode()) > MAX_MEMO_BYTES:
        raise UsageError("usage.memo", limit=MAX_MEMO_BYTES)


def decided(
    payer: Payer,
    event: events.PayerEvent,
    opened: OpenWallet,
    args: argparse.Namespace,
    context: Context,
) -> events.PayerEvent:
    """The event that follows once the person has decided on ``event``; ``event`` itself where nobody must.

    Raises ``Refusal``: ALREADY_PAID (a printed code, without ``--anew``); ``KeystoreError``: PIN_WRONG, PIN_BLOCKED;
    UsageError.
    """
    event = asked_anew(payer, event, args)
    if isinstance(event, events.ConfirmationNeeded):
        amount = _asked(payer, event, opened, args, context)
    elif isinstance(event, events.SignatureNeeded):
        unsigned = opened.wallet.paying.summary(event.payment.id)
        _say_asked(
            _who(unsigned.payee, context, _called(payer, opened)), unsigned.amount, unsigned.memo, context
        )
        amount = unsigned.amount
    else:
        return event
    _check_pin(opened, args, context)
    payer.confirm(amount)
    return payer.events()[-1]


def _check_pin(opened: OpenWallet, args: argparse.Namespace, context: Context) -> None:
    """``--yes``: the PIN that opened the wallet is enough."""
    if not (args.yes and context.pin.is_prompt):
        context.confirm_pin(opened)


def asked_anew(payer: Payer, event: events.PayerEvent, args: argparse.Namespace) -> events.PayerEvent:
    """What there is to decide of a printed code that was paid before, with ``--anew``; ``event`` itself of any other.
    ``Refusal``: ALREADY_PAID."""
    if not isinstance(event, events.AlreadyPaid):
        return event
    if not args.anew:
        earlier = event.consideration.earlier[-1]
        raise Refusal(Code.ALREADY_PAID, {"payment": earlier.id.hex(), "time": earlier.at})
    payer.pay_anew()
    return payer.events()[-1]


def _asked(
    payer: Payer,
    event: events.ConfirmationNeeded,
    opened: OpenWallet,
    args: argparse.Namespace,
    context: Context,
) -> int:
    """Show who asks for what; the amount to pay (tiyn)."""
    consideration = event.consideration
    body = consideration.request.body
    payee = _who(body.payee.body, context, _called(payer, opened))
    _say_contact(payer, opened, context)
    if consideration.amount is not None:
        _say_asked(payee, consideration.amount, body.memo, context)
        _say_unanswered(consideration.request, consideration.amount, opened, context)
        return consideration.amount
    context.show.say("pay.asks_open", ceiling=written_amount(body.amount), **payee)
    if not args.amount:
        raise UsageError("usage.amount_open", ceiling=body.amount)
    return amount_of(args.amount)


def _say_unanswered(request: Signed[Request], amount: int, opened: OpenWallet, context: Context) -> None:
    """The payee may ask anew for what was signed a moment ago and never arrived."""
    paying = opened.wallet.paying
    for payment in paying.pending():
        is_alike = payment.amount == amount and payment.payee.wallet == request.body.payee.body.wallet
        is_another = payment.request != request_ref(request) and payment.state in UNANSWERED
        if is_alike and is_another and paying.request(payment.id).body.expires >= opened.wallet.now():
            context.show.say("pay.unanswered", time=written_time(payment.at), payment=payment.id.hex()[:8])


def _called(payer: Payer, opened: OpenWallet) -> str | None:
    """What the payee is called here, by the key that signed beside the request."""
    return None if payer.contact is None else opened.wallet.contacts.name(payer.contact)


def _say_contact(payer: Payer, opened: OpenWallet, context: Context) -> None:
    contact = payer.contact
    context.show.result(contact=None if contact is None else contact.hex())
    if contact is not None and _called(payer, opened) is None:
        context.show.say("contact.may_be_named", key=contact.hex()[:16])


def _who(payee: Certificate, context: Context, called: str | None) -> dict[str, str]:
    kind = context.show.catalogue.text("pay.shop" if payee.kind is WalletKind.MERCHANT else "pay.person")
    name = name_of(payee, context) if called is None else given_name(called, context)
    return {"payee": name, "kind": kind, "bank": payee.bank}


def _say_asked(payee: dict[str, str], amount: int, memo: str, context: Context) -> None:
    context.show.say("pay.asks", amount=written_amount(amount), **payee)
    if memo:
        context.show.say("pay.memo", memo=memo)


def given_name(called: str, context: Context) -> str:
    """A name that was given here, told apart from a shop's own."""
    return context.show.catalogue.text("contact.as_you_call", name=called)


def name_of(payee: Certificate, context: Context) -> str:
    """A shop's name; of a person the beginning of the wallet id."""
    if payee.kind is WalletKind.MERCHANT:
        return payee.name
    return context.show.catalogue.text("pay.somebody", wallet=payee.wallet.hex()[:8])
