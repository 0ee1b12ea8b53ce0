"""The tables are whole, the pictures are theirs, and the machines do what the tables say, in every state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.holders import Holder, MemoryHolder, PowerCut
from tests.session.pairs import AMOUNT, LATE, Pair
from wallet.protocol.codes import Code
from wallet.protocol.payment import parse_payment
from wallet.session import LocalError, PayeeState, Payer, PayerState, messages
from wallet.session.events import MessageRefused
from wallet.session.messages import ProblemMessage, RequestMessage
from wallet.session.payee_table import PAYEE, PayeeInput
from wallet.session.payer_table import MONEY, PAYER, Money, PayerInput
from wallet.session.picture import draw

ROLES: list[Any] = [PAYER, PAYEE]
PAGE = Path(__file__).parents[2] / "docs" / "sessions.md"


# the tables themselves


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_pair_is_named_or_refused(role: Any) -> None:
    product = {(state, given) for state in role.waiting for given in role.inputs}
    named = {pair for pair in role.table if pair[1] in role.inputs}
    assert named | role.refused == product
    assert not named & role.refused


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_outcome_has_a_row_and_every_row_a_cause(role: Any) -> None:
    wanted = {
        (rule.to, outcome)
        for rule in role.table.values()
        if rule.call is not None
        for outcome in role.outcomes[rule.call]
    }
    assert wanted == {pair for pair in role.table if pair[1] not in role.inputs}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_state_can_be_reached(role: Any) -> None:
    assert reachable(role, role.start) == set(role.waiting) == set(type(role.start).__members__.values())


def reachable(role: Any, start: Any) -> set[Any]:
    reached, fresh = set(), {start}
    while fresh:
        reached |= fresh
        fresh = {rule.to for (state, _), rule in role.table.items() if state in fresh} - reached
    return reached


def test_signed_is_final() -> None:
    for state in (PayerState.SIGNED, PayerState.SHOWN, PayerState.ACKNOWLEDGED, PayerState.REFUSED):
        assert all(MONEY[after] in (Money.PAID, Money.RETURNING) for after in reachable(PAYER, state))


def test_stored_is_final() -> None:
    assert reachable(PAYEE, PayeeState.STORED) == {PayeeState.STORED, PayeeState.ACKNOWLEDGED}


def test_the_picture_is_current() -> None:
    assert PAGE.read_text() == draw(), "write it anew: python -m wallet.session.picture docs/sessions.md"


# the machines: a pair in each state, and every input given to it


def dying(pair: Pair, holder: Holder, point: str, act: Callable[[], object]) -> None:
    holder.cut_at(point)
    with pytest.raises(PowerCut):
        act()
    pair.hear()


def payer_in(state: PayerState) -> Pair:
    pair = Pair.of(printed=state is PayerState.PAID_BEFORE)
    if state is PayerState.IDLE:
        return pair
    pair.ask()
    if state is PayerState.REQUESTED:
        return pair
    if state is PayerState.DROPPED:
        pair.payer.decline()
        return pair
    if state in (PayerState.CONFIRMED, PayerState.RESERVED):
        point = "reserve" if state is PayerState.CONFIRMED else "-sign"
        dying(pair, pair.alia, point, lambda: pair.payer.confirm(AMOUNT))
        return pair
    if state is PayerState.REFUSED:
        pair.shop.run_ahead(LATE)
    pair.agree()
    if state is PayerState.PAID_BEFORE:
        pair.payer = Payer(pair.alia.paying)
        pair.ask()
    elif state is not PayerState.SIGNED:
        pair.pay()
    if state in (PayerState.ACKNOWLEDGED, PayerState.REFUSED):
        pair.to_payer(pair.payee.reply())
    return pair


def intents(pair: Pair) -> list[bytes]:
    assert isinstance(pair.alia, MemoryHolder)
    return list(pair.alia.purse.intents)


def receipt_for(pair: Pair) -> bytes:
    """The payee's receipt of whatever the payer signed."""
    assert isinstance(pair.alia, MemoryHolder)
    assert isinstance(pair.shop, MemoryHolder)
    receipt = pair.shop.purse.receive(parse_payment(pair.alia.purse.show_again(intents(pair)[-1]))).receipt
    return messages.encode(messages.ReceiptMessage(receipt))


def other() -> Pair:
    """Another exchange, done."""
    pair = Pair.of(amount=AMOUNT // 2)
    pair.ask()
    pair.agree(AMOUNT // 2)
    pair.pay()
    return pair


PAYER_ACTS: dict[PayerInput, Callable[[Pair], object]] = {
    PayerInput.REQUEST: lambda pair: pair.payer.receive(messages.encode(RequestMessage(pair.request))),
    PayerInput.OTHER_REQUEST: lambda pair: pair.payer.receive(
        messages.encode(RequestMessage(other().request))
    ),
    PayerInput.RECEIPT: lambda pair: pair.payer.receive(receipt_for(pair)),
    PayerInput.OTHER_RECEIPT: lambda pair: pair.payer.receive(receipt_for(other())),
    PayerInput.PAYMENT: lambda pair: pair.payer.receive(other().payer.bytes_to_send() or b""),
    PayerInput.PROBLEM: lambda pair: pair.payer.receive(messages.encode(ProblemMessage(Code.DECLINED))),
    PayerInput.UNREADABLE: lambda pair: pair.payer.receive(b"\x9f noise"),
    PayerInput.CONFIRM: lambda pair: pair.payer.confirm(AMOUNT),
    PayerInput.DECLINE: lambda pair: pair.payer.decline(),
    PayerInput.SHOW_AGAIN: lambda pair: pair.payer.show_again([*intents(pair), b""][0]),
    PayerInput.PAY_ANEW: lambda pair: pair.payer.pay_anew(),
    PayerInput.SEND: lambda pair: pair.payer.bytes_to_send(),
    PayerInput.EXPIRY: lambda pair: pair.payer.tick(pair.request.body.expires + 1),
}
"""RESUME is not here: only ``Payer.resume`` gives it, to a session that was just made."""

PAYER_CANNOT_BE = {
    # a first request is never another one, and without a signed payment there is no receipt for it
    (PayerState.IDLE, PayerInput.OTHER_REQUEST),
    *(
        (state, PayerInput.RECEIPT)
        for state in PayerState
        if state in ("idle", "requested", "confirmed", "reserved")
    ),
    (PayerState.PAID_BEFORE, PayerInput.RECEIPT),
    (PayerState.DROPPED, PayerInput.RECEIPT),
}

WHERE_IT_ENDS: dict[tuple[PayerState, PayerInput], PayerState] = {
    (PayerState.IDLE, PayerInput.REQUEST): PayerState.REQUESTED,
    (PayerState.REQUESTED, PayerInput.CONFIRM): PayerState.SIGNED,
    (PayerState.REQUESTED, PayerInput.DECLINE): PayerState.DROPPED,
    (PayerState.REQUESTED, PayerInput.EXPIRY): PayerState.DROPPED,
    (PayerState.PAID_BEFORE, PayerInput.SHOW_AGAIN): PayerState.SIGNED,
    (PayerState.PAID_BEFORE, PayerInput.PAY_ANEW): PayerState.REQUESTED,
    (PayerState.PAID_BEFORE, PayerInput.DECLINE): PayerState.DROPPED,
    (PayerState.CONFIRMED, PayerInput.CONFIRM): PayerState.SIGNED,
    (PayerState.RESERVED, PayerInput.CONFIRM): PayerState.SIGNED,
    (PayerState.RESERVED, PayerInput.DECLINE): PayerState.DROPPED,
    (PayerState.RESERVED, PayerInput.EXPIRY): PayerState.DROPPED,
    (PayerState.SIGNED, PayerInput.SEND): PayerState.SHOWN,
    (PayerState.SIGNED, PayerInput.RECEIPT): PayerState.ACKNOWLEDGED,
    (PayerState.SHOWN, PayerInput.RECEIPT): PayerState.ACKNOWLEDGED,
}
"""Where the whole chain of an input ends if the purse says yes; every other pair ends where it began."""

VERBS = {
    "payment": "summary request sign show_again transfers",
    "reserve": "reserve summary",
    "sign": "sign transfers",
}
"""Calls that are more than the one verb of their name: reading is free."""
FROM_OUTSIDE = set(list(PayerInput)[:7])


@pytest.mark.parametrize("state", PayerState)
@pytest.mark.parametrize("given", PAYER_ACTS)
def test_payer_does_what_its_table_says(state: PayerState, given: PayerInput) -> None:
    if (state, given) in PAYER_CANNOT_BE:
        assert (state, given) in PAYER.refused
        return
    pair = payer_in(state)
    assert pair.payer.state is state
    already = len(pair.alia.verbs)
    if (state, given) in PAYER.refused:
        if given not in FROM_OUTSIDE:
            with pytest.raises(LocalError):
                PAYER_ACTS[given](pair)
        else:
            PAYER_ACTS[given](pair)
            assert [item.code for item in pair.payer.events() if isinstance(item, MessageRefused)] == [
                Code.MESSAGE_UNEXPECTED
            ]
            assert_problem(pair.payer.reply(), Code.MESSAGE_UNEXPECTED)
        assert pair.alia.verbs[already:] == []
        assert pair.payer.state is state
        return
    PAYER_ACTS[given](pair)
    assert pair.payer.state is WHERE_IT_ENDS.get((state, given), state)
    assert set(pair.alia.verbs[already:]) <= calls(PAYER, state, given)


def calls(role: Any, state: Any, given: Any) -> set[str]:
    """Every verb that the table may call from here until nothing follows."""
    rule = role.table[state, given]
    if rule.call is None:
        return set()
    named = set(VERBS.get(rule.call.value, rule.call.value).split())
    for outcome in role.outcomes[rule.call]:
        following = role.table[rule.to, outcome]
        if following != rule:
            named |= calls(role, rule.to, outcome)
    return named


def assert_problem(raw: bytes | None, code: Code) -> None:
    assert raw is not None
    message = messages.decode(raw)
    assert isinstance(message, ProblemMessage)
    assert message.code is code


def payee_in(state: PayeeState) -> Pair:
    pair = Pair.of()
    pair.ask()
    pair.agree()
    if state is PayeeState.RECEIVING:
        dying(pair, pair.shop, "-receive", pair.pay)
    elif state is PayeeState.REFUSED:
        pair.shop.run_ahead(LATE)
        pair.pay()
    elif state in (PayeeState.STORED, PayeeState.ACKNOWLEDGED):
        pair.pay()
    elif state is PayeeState.EXPIRED:
        pair.payee.tick(pair.request.body.expires + 1)
    elif state is PayeeState.CANCELLED:
        pair.payee.cancel()
    if state is PayeeState.ACKNOWLEDGED:
        pair.payee.bytes_to_send()
    pair.hear()
    return pair


def payment_to_another_request(pair: Pair) -> bytes:
    request = pair.shop.ask(10_000)
    payment = pair.alia.paying.reserve(request, 10_000)
    return messages.payment_message(pair.alia.paying.sign(payment))


PAYEE_ACTS: dict[PayeeInput, Callable[[Pair], object]] = {
    PayeeInput.PAYMENT: lambda pair: pair.payee.receive(pair.payer.bytes_to_send() or b""),
    PayeeInput.OTHER_PAYMENT: lambda pair: pair.payee.receive(payment_to_another_request(pair)),
    PayeeInput.REQUEST: lambda pair: pair.payee.receive(messages.encode(RequestMessage(pair.request))),
    PayeeInput.RECEIPT: lambda pair: pair.payee.receive(receipt_for(other())),
    PayeeInput.PROBLEM: lambda pair: pair.payee.receive(messages.encode(ProblemMessage(Code.DECLINED))),
    PayeeInput.UNREADABLE: lambda pair: pair.payee.receive(b""),
    PayeeInput.CANCEL: lambda pair: pair.payee.cancel(),
    PayeeInput.SEND: lambda pair: pair.payee.bytes_to_send(),
    PayeeInput.EXPIRY: lambda pair: pair.payee.tick(pair.request.body.expires + 1),
}

PAYEE_ENDS = {
    **{(state, PayeeInput.PAYMENT): PayeeState.STORED for state in PayeeState},
    (PayeeState.REFUSED, PayeeInput.PAYMENT): PayeeState.REFUSED,
    (PayeeState.ACKNOWLEDGED, PayeeInput.PAYMENT): PayeeState.ACKNOWLEDGED,
    (PayeeState.REQUESTING, PayeeInput.CANCEL): PayeeState.CANCELLED,
    (PayeeState.EXPIRED, PayeeInput.CANCEL): PayeeState.CANCELLED,
    (PayeeState.REQUESTING, PayeeInput.EXPIRY): PayeeState.EXPIRED,
    (PayeeState.STORED, PayeeInput.SEND): PayeeState.ACKNOWLEDGED,
}
PAYEE_FROM_OUTSIDE = set(list(PayeeInput)[:6])


@pytest.mark.parametrize("state", PayeeState)
@pytest.mark.parametrize("given", PAYEE_ACTS)
def test_payee_does_what_its_table_says(state: PayeeState, given: PayeeInput) -> None:
    pair = payee_in(state)
    assert pair.payee.state is state
    already = len(pair.shop.verbs)
    if (state, given) in PAYEE.refused:
        if given not in PAYEE_FROM_OUTSIDE:
            with pytest.raises(LocalError):
                PAYEE_ACTS[given](pair)
        else:
            PAYEE_ACTS[given](pair)
            assert_problem(pair.payee.reply(), Code.MESSAGE_UNEXPECTED)
        assert pair.shop.verbs[already:] == []
        assert pair.payee.state is state
        return
    PAYEE_ACTS[given](pair)
    assert pair.payee.state is PAYEE_ENDS.get((state, given), state)
    assert pair.shop.verbs[already:] == (["receive"] if "payment" in given.value else [])
    assert pair.shop.money <= AMOUNT + 10_000
