"""What a payer is asked before money moves, whatever carries the messages: who asks for what, how much, and the PIN.

Rule: nothing is signed here before a person saw payee and amount and the PIN was checked. The session reserves and
signs.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from app.catalogue.written import read_amount, written_amount, written_time
from app.cli.context import Context
from app.terminal.status import UsageError
from app.wallets.opened import OpenWallet
from wallet.protocol.bounds import MAX_MEMO_BYTES
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.request import Request
from wallet.session.payer_table import PayerState

if TYPE_CHECKING:
    from wallet.flow import PayFlow, PayStatus

_MINUTE: Final = 60
NEEDS_A_PERSON: Final = (PayerState.REQUESTED, PayerState.PAID_BEFORE, PayerState.RESERVED)
"""States in which the person decides."""


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
    flow: PayFlow, status: PayStatus, opened: OpenWallet, args: argparse.Namespace, context: Context
) -> PayStatus:
    """How the payment stands once the person has decided; ``status`` itself where nobody must.

    Raises ``Refusal``: ALREADY_PAID (a printed code, without ``--anew``), and what the purse refuses;
    ``KeystoreError``: PIN_WRONG, PIN_BLOCKED; UsageError.
    """
    status = asked_anew(flow, status, args)
    if status.request is None or status.state not in NEEDS_A_PERSON:
        return status
    if status.state is PayerState.REQUESTED:
        amount = _asked(flow, status, status.request.body, opened, args, context)
    else:
        assert status.amount is not None
        amount = status.amount
        _say_asked(
            _payee(status.request.body, status, opened, context), amount, status.request.body.memo, context
        )
    return flow.confirm(amount, lambda: _check_pin(opened, args, context))


def _check_pin(opened: OpenWallet, args: argparse.Namespace, context: Context) -> None:
    """``--yes``: the PIN that opened the wallet is enough."""
    if not (args.yes and context.pin.is_prompt):
        context.confirm_pin(opened)


def asked_anew(flow: PayFlow, status: PayStatus, args: argparse.Namespace) -> PayStatus:
    """A printed code that was paid before is paid once more with ``--anew``; any other ``status`` as it is.
    ``Refusal``: ALREADY_PAID."""
    if status.state is not PayerState.PAID_BEFORE:
        return status
    if not args.anew:
        earlier = status.earlier[-1]
        raise Refusal(Code.ALREADY_PAID, {"payment": earlier.id.hex(), "time": earlier.at})
    return flow.pay_anew()


def _asked(
    flow: PayFlow,
    status: PayStatus,
    body: Request,
    opened: OpenWallet,
    args: argparse.Namespace,
    context: Context,
) -> int:
    """Show who asks for what; the amount to pay (tiyn)."""
    payee = _payee(body, status, opened, context)
    _say_contact(status, opened, context)
    if status.amount is not None:
        _say_asked(payee, status.amount, body.memo, context)
        _say_alike(status, context)
        return status.amount
    context.show.say("pay.asks_open", ceiling=written_amount(body.amount), **payee)
    if not args.amount:
        raise UsageError("usage.amount_open", ceiling=body.amount)
    amount = amount_of(args.amount)
    _say_alike(flow.consider(amount), context)
    return amount


def _say_alike(status: PayStatus, context: Context) -> None:
    """The payee may ask anew for what was signed a moment ago and never arrived."""
    for payment in status.alike:
        context.show.say("pay.unanswered", time=written_time(payment.at), payment=payment.id.hex()[:8])


def _called(status: PayStatus, opened: OpenWallet) -> str | None:
    """What the payee is called here, by the key that signed beside the request."""
    return None if status.contact is None else opened.wallet.contacts.name(status.contact)


def _say_contact(status: PayStatus, opened: OpenWallet, context: Context) -> None:
    contact = status.contact
    context.show.result(contact=None if contact is None else contact.hex())
    if contact is not None and _called(status, opened) is None:
        context.show.say("contact.may_be_named", key=contact.hex()[:16])


def _payee(body: Request, status: PayStatus, opened: OpenWallet, context: Context) -> dict[str, str]:
    payee, called = body.payee.body, _called(status, opened)
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
