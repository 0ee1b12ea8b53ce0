"""Everything that decides how a payer's session moves must live here.

``idle → requested → confirmed → reserved → signed → shown → acknowledged | refused``, and ``dropped`` from where
nothing was signed. ``paid_before`` is the question that a printed code asks when a payment to it has no receipt.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wallet.session.table import MachineSpec, Transition, Waiting, pairs, stays


class PayerState(StrEnum):
    """From RESERVED on the values are those of the purse's own payment states."""

    IDLE = "idle"
    REQUESTED = "requested"
    PAID_BEFORE = "paid_before"
    CONFIRMED = "confirmed"
    RESERVED = "reserved"
    SIGNED = "signed"
    SHOWN = "shown"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    DROPPED = "dropped"


class PayerInput(StrEnum):
    """What can happen to a payer's session."""

    # the other side
    REQUEST = "request"
    OTHER_REQUEST = "other request"
    RECEIPT = "receipt"
    OTHER_RECEIPT = "other receipt"
    PAYMENT = "payment"
    PROBLEM = "problem"
    UNREADABLE = "unreadable"
    # the person
    CONFIRM = "confirm"
    DECLINE = "decline"
    SHOW_AGAIN = "show again"
    PAY_ANEW = "pay anew"
    # the caller and the clock
    RESUME = "resume"
    SEND = "send"
    EXPIRY = "expiry"
    # outcomes of the purse's verbs
    CONSIDERED = "considered"
    HAS_PAYMENT = "has a payment"
    MAY_BE_PAID = "may be paid"
    FOUND_RESERVED = "found reserved"
    FOUND_SIGNED = "found signed"
    FOUND_SHOWN = "found shown"
    FOUND_ACKNOWLEDGED = "found acknowledged"
    FOUND_REFUSED = "found refused"
    FOUND_DROPPED = "found dropped"
    IS_RESERVED = "is reserved"
    IS_SIGNED = "is signed"
    IS_SHOWN = "is shown"
    IS_ACKNOWLEDGED = "is acknowledged"
    IS_REFUSED = "is refused"
    IS_DROPPED = "is dropped"
    PURSE_REFUSES = "purse refuses"


class PayerCall(StrEnum):
    """The purse's verbs."""

    CONSIDER = "consider"
    FIND = "payment"
    RESERVE = "reserve"
    SIGN = "sign"
    SHOW = "shown"
    ACKNOWLEDGE = "acknowledge"
    DROP = "drop"


class Money(StrEnum):
    """Where the payer's money is, whatever else went wrong."""

    UNTOUCHED = "untouched"
    RESERVED = "reserved"
    PAID = "paid"
    RETURNING = "returning"


_S, _G, _C = PayerState, PayerInput, PayerCall

FOUND: Final[Mapping[PayerState, PayerInput]] = {
    _S.RESERVED: _G.FOUND_RESERVED,
    _S.SIGNED: _G.FOUND_SIGNED,
    _S.SHOWN: _G.FOUND_SHOWN,
    _S.ACKNOWLEDGED: _G.FOUND_ACKNOWLEDGED,
    _S.REFUSED: _G.FOUND_REFUSED,
    _S.DROPPED: _G.FOUND_DROPPED,
}
"""What the state of a payment in the purse is called when a session finds it there."""

_HARMLESS: Final = (_G.REQUEST, _G.OTHER_RECEIPT, _G.PROBLEM, _G.UNREADABLE)
"""A repeated request, an old receipt, unsigned words and noise change nothing, anywhere."""

_Rows = dict[tuple[PayerState, PayerInput], Transition[PayerState, PayerCall]]


def _adopts(state: PayerState) -> _Rows:
    """A payment that the purse knows already is taken up in the state it is in."""
    return {(state, given): Transition(found) for found, given in FOUND.items()}


def _is_signed(state: PayerState) -> _Rows:
    """From the signature on only a receipt moves anything, and a bad one does not."""
    rows: _Rows = {
        **stays(state, (*_HARMLESS, _G.SEND, _G.EXPIRY, _G.PURSE_REFUSES)),
        (state, _G.RECEIPT): Transition(state, _C.ACKNOWLEDGE),
        (state, _G.IS_ACKNOWLEDGED): Transition(_S.ACKNOWLEDGED),
        (state, _G.IS_REFUSED): Transition(_S.REFUSED),
    }
    return rows


def _is_over(state: PayerState) -> _Rows:
    """The first receipt stands."""
    return {**_is_signed(state), **stays(state, (_G.IS_ACKNOWLEDGED, _G.IS_REFUSED))}


TABLE: Final[_Rows] = {
    **stays(_S.IDLE, (_G.OTHER_RECEIPT, _G.PROBLEM, _G.UNREADABLE, _G.SEND, _G.EXPIRY)),
    (_S.IDLE, _G.REQUEST): Transition(_S.IDLE, _C.CONSIDER),
    (_S.IDLE, _G.CONSIDERED): Transition(_S.REQUESTED),
    (_S.IDLE, _G.MAY_BE_PAID): Transition(_S.PAID_BEFORE),
    (_S.IDLE, _G.HAS_PAYMENT): Transition(_S.IDLE, _C.FIND),
    (_S.IDLE, _G.PURSE_REFUSES): Transition(_S.IDLE),
    (_S.IDLE, _G.RESUME): Transition(_S.IDLE, _C.FIND),
    **_adopts(_S.IDLE),
    **stays(_S.REQUESTED, (*_HARMLESS, _G.SEND)),
    (_S.REQUESTED, _G.CONFIRM): Transition(_S.CONFIRMED, _C.RESERVE),
    (_S.REQUESTED, _G.DECLINE): Transition(_S.DROPPED),
    (_S.REQUESTED, _G.EXPIRY): Transition(_S.DROPPED),
    **stays(_S.PAID_BEFORE, (*_HARMLESS, _G.SEND, _G.EXPIRY)),
    (_S.PAID_BEFORE, _G.SHOW_AGAIN): Transition(_S.PAID_BEFORE, _C.FIND),
    **_adopts(_S.PAID_BEFORE),
    (_S.PAID_BEFORE, _G.PAY_ANEW): Transition(_S.REQUESTED),
    (_S.PAID_BEFORE, _G.DECLINE): Transition(_S.DROPPED),
    **stays(_S.CONFIRMED, (*_HARMLESS, _G.SEND, _G.EXPIRY)),
    (_S.CONFIRMED, _G.CONFIRM): Transition(_S.CONFIRMED, _C.RESERVE),
    (_S.CONFIRMED, _G.IS_RESERVED): Transition(_S.RESERVED, _C.SIGN),
    (_S.CONFIRMED, _G.HAS_PAYMENT): Transition(_S.CONFIRMED, _C.FIND),
    **_adopts(_S.CONFIRMED),
    (_S.CONFIRMED, _G.PURSE_REFUSES): Transition(_S.REQUESTED),
    **stays(_S.RESERVED, (*_HARMLESS, _G.SEND, _G.PURSE_REFUSES)),
    (_S.RESERVED, _G.CONFIRM): Transition(_S.RESERVED, _C.SIGN),
    (_S.RESERVED, _G.IS_SIGNED): Transition(_S.SIGNED),
    (_S.RESERVED, _G.DECLINE): Transition(_S.RESERVED, _C.DROP),
    (_S.RESERVED, _G.EXPIRY): Transition(_S.RESERVED, _C.DROP),
    (_S.RESERVED, _G.IS_DROPPED): Transition(_S.DROPPED),
    **_is_signed(_S.SIGNED),
    (_S.SIGNED, _G.SEND): Transition(_S.SIGNED, _C.SHOW),
    (_S.SIGNED, _G.IS_SHOWN): Transition(_S.SHOWN),
    **_is_signed(_S.SHOWN),
    **_is_over(_S.ACKNOWLEDGED),
    **_is_over(_S.REFUSED),
    **stays(_S.DROPPED, (*_HARMLESS, _G.SEND, _G.EXPIRY)),
}

_NEVER: Final = (_G.OTHER_REQUEST, _G.PAYMENT)
"""Another request while one is under way, and a payment to a payer: MESSAGE_UNEXPECTED."""
_DECIDED: Final = (_G.SHOW_AGAIN, _G.PAY_ANEW, _G.RESUME)
_FINAL: Final = (*_NEVER, *_DECIDED, _G.CONFIRM, _G.DECLINE)

REFUSED: Final = pairs(
    {
        _S.IDLE: (*_NEVER, _G.RECEIPT, _G.CONFIRM, _G.DECLINE, _G.SHOW_AGAIN, _G.PAY_ANEW),
        _S.REQUESTED: (*_NEVER, *_DECIDED, _G.RECEIPT),
        _S.PAID_BEFORE: (*_NEVER, _G.RECEIPT, _G.CONFIRM, _G.RESUME),
        _S.CONFIRMED: (*_NEVER, *_DECIDED, _G.RECEIPT, _G.DECLINE),
        _S.RESERVED: (*_NEVER, *_DECIDED, _G.RECEIPT),
        _S.SIGNED: _FINAL,
        _S.SHOWN: _FINAL,
        _S.ACKNOWLEDGED: _FINAL,
        _S.REFUSED: _FINAL,
        _S.DROPPED: (*_FINAL, _G.RECEIPT),
    }
)

PAYER: Final = MachineSpec(
    name="payer",
    start=_S.IDLE,
    inputs=frozenset(list(_G)[: list(_G).index(_G.CONSIDERED)]),
    table=TABLE,
    refused=REFUSED,
    outcomes={
        _C.CONSIDER: frozenset({_G.CONSIDERED, _G.HAS_PAYMENT, _G.MAY_BE_PAID, _G.PURSE_REFUSES}),
        _C.FIND: frozenset(FOUND.values()),
        _C.RESERVE: frozenset({_G.IS_RESERVED, _G.HAS_PAYMENT, _G.PURSE_REFUSES}),
        _C.SIGN: frozenset({_G.IS_SIGNED, _G.IS_DROPPED, _G.PURSE_REFUSES}),
        _C.SHOW: frozenset({_G.IS_SHOWN, _G.PURSE_REFUSES}),
        _C.ACKNOWLEDGE: frozenset({_G.IS_ACKNOWLEDGED, _G.IS_REFUSED, _G.PURSE_REFUSES}),
        _C.DROP: frozenset({_G.IS_DROPPED, _G.PURSE_REFUSES}),
    },
    waiting={
        _S.IDLE: Waiting.FOR_PEER,
        _S.REQUESTED: Waiting.FOR_PERSON,
        _S.PAID_BEFORE: Waiting.FOR_PERSON,
        _S.CONFIRMED: Waiting.FOR_PURSE,
        _S.RESERVED: Waiting.FOR_PERSON,
        _S.SIGNED: Waiting.FOR_PEER,
        _S.SHOWN: Waiting.FOR_PEER,
        _S.ACKNOWLEDGED: Waiting.FOR_NOBODY,
        _S.REFUSED: Waiting.FOR_NOBODY,
        _S.DROPPED: Waiting.FOR_NOBODY,
    },
)

MONEY: Final[Mapping[PayerState, Money]] = {
    _S.IDLE: Money.UNTOUCHED,
    _S.REQUESTED: Money.UNTOUCHED,
    _S.PAID_BEFORE: Money.UNTOUCHED,
    _S.CONFIRMED: Money.RESERVED,
    _S.RESERVED: Money.RESERVED,
    _S.SIGNED: Money.PAID,
    _S.SHOWN: Money.PAID,
    _S.ACKNOWLEDGED: Money.PAID,
    _S.REFUSED: Money.RETURNING,
    _S.DROPPED: Money.UNTOUCHED,
}
