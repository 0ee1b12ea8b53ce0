"""How a payment ended, told to a person and to `--json`, whatever carried the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalogue.written import written_amount, written_time
from app.cli.asking import name_of
from app.cli.context import Context
from app.terminal.status import Status
from wallet.protocol.codes import Code, Refusal
from wallet.purse.store.payments import PaymentSummary
from wallet.session.payer_table import PayerState
from wallet.session.ports import Received

if TYPE_CHECKING:
    from wallet.flow import PayStatus, ReceiveStatus


def tell_signed(sentence: str, payment: PaymentSummary, context: Context) -> None:
    """The payer has signed; ``sentence`` says how it is handed over now."""
    context.show.say(sentence, amount=written_amount(payment.amount))
    context.show.result(payment=payment.id.hex(), amount=payment.amount)


def tell_answered(payment: PaymentSummary, repeat_of: int | None, context: Context) -> None:
    """What the payee said to a payment; ``repeat_of``: when it was heard before (unix seconds), if it was."""
    if payment.code is None:
        context.show.say(
            "pay.receipt", payee=name_of(payment.payee, context), amount=written_amount(payment.amount)
        )
        context.show.result(acknowledged=payment.id.hex(), repeat_of=repeat_of)
        return
    told = context.show.catalogue.tell(payment.code.value)
    context.show.told(told)
    code = payment.code.value
    context.show.result(returned=payment.id.hex(), code=code, told=told.lines(), repeat_of=repeat_of)


def say_received(received: Received, context: Context) -> None:
    """What the payee's purse says to a payment, to a person."""
    if received.code is not None:
        context.show.told(context.show.catalogue.tell(received.code.value))
    elif received.repeat_of is not None:
        context.show.say("pay.repeat", time=written_time(received.repeat_of))
    else:
        hop = max(token.hop for token in received.tokens)
        context.show.say("pay.received", amount=written_amount(received.amount), hop=hop)


def tell_received(received: Received, size: int | None, context: Context) -> None:
    """The same, and for `--json`. ``size``: bytes of the payment; None where it did not come now."""
    say_received(received, context)
    code = None if received.code is None else received.code.value
    context.show.result(
        received=0 if code is not None else received.amount,
        hop=max(token.hop for token in received.tokens),
        repeat_of=received.repeat_of,
        transfers=[txid.hex() for txid in received.receipt.signed.body.transfers],
    )
    if size is not None:
        context.show.result(bytes=size)
    if code is not None:
        context.show.result(refused=code, told=context.show.catalogue.tell(code).lines())


def status_of(received: Received) -> Status:
    return Status.DONE if received.code is None else Status.REFUSED


def require_going_on(status: PayStatus) -> None:
    """That nothing has ended the payment here. Raises ``Refusal``: what this wallet did not do, or why it was
    dropped."""
    if status.refused is not None:
        raise status.refused
    if status.state is PayerState.DROPPED:
        raise Refusal(status.ended or Code.DECLINED)


def require_heard(status: PayStatus | ReceiveStatus) -> None:
    """That the message that was just heard was understood, and in its turn. Raises ``Refusal``."""
    for objection in status.objections:
        raise objection
