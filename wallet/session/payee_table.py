"""Everything that decides how a payee's session moves must live here.

``requesting → receiving → stored → acknowledged``, or ``refused``, ``expired``, ``cancelled``. The purse verifies,
judges and keeps a payment in one verb, so that nothing can come between "verified" and "stored": both are the
outcome ``is stored``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from wallet.session.table import MachineSpec, Transition, Waiting, pairs, stays


class PayeeState(StrEnum):
    """STORED: the receipt is kept and has not left yet. EXPIRED and CANCELLED ask no more, and still receive."""

    REQUESTING = "requesting"
    RECEIVING = "receiving"
    STORED = "stored"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PayeeInput(StrEnum):
    """What can happen to a payee's session."""

    # the other side
    PAYMENT = "payment"
    OTHER_PAYMENT = "other payment"
    REQUEST = "request"
    RECEIPT = "receipt"
    PROBLEM = "problem"
    UNREADABLE = "unreadable"
    # the person, the caller and the clock
    CANCEL = "cancel"
    RESUME = "resume"
    SEND = "send"
    EXPIRY = "expiry"
    # outcomes of the purse's verbs
    IS_STORED = "is stored"
    IS_REFUSED = "is refused"
    IS_INVALID = "is invalid"
    OTHER_ANSWERED = "other answered"
    OTHER_INVALID = "other invalid"
    NOTHING_FOUND = "nothing found"


class PayeeCall(StrEnum):
    """The purse's verbs. RECEIVE_OTHER is ``receive`` too, for a payment that answers another request of ours."""

    RECEIVE = "receive"
    RECEIVE_OTHER = "receive (other)"
    FIND = "answered"


_S, _G, _C = PayeeState, PayeeInput, PayeeCall

_Rows = dict[tuple[PayeeState, PayeeInput], Transition[PayeeState, PayeeCall]]


def _always(state: PayeeState) -> _Rows:
    """What is the same in every state: noise changes nothing, and a payment to another request is still taken."""
    rows: _Rows = stays(state, (_G.PROBLEM, _G.UNREADABLE, _G.OTHER_ANSWERED, _G.OTHER_INVALID))
    rows[state, _G.OTHER_PAYMENT] = Transition(state, _C.RECEIVE_OTHER)
    return rows


def _asks_no_more(state: PayeeState) -> _Rows:
    """A payment may have been signed in time and come late: the purse judges, whatever the state."""
    rows: _Rows = {
        **_always(state),
        **stays(state, (_G.SEND, _G.EXPIRY, _G.IS_INVALID)),
        (state, _G.PAYMENT): Transition(state, _C.RECEIVE),
        (state, _G.IS_STORED): Transition(_S.STORED),
        (state, _G.IS_REFUSED): Transition(_S.REFUSED),
    }
    return rows


def _has_accepted(state: PayeeState) -> _Rows:
    """Whatever else comes, the payment that was accepted stays accepted."""
    return {**_asks_no_more(state), (state, _G.IS_REFUSED): Transition(state)}


TABLE: Final[_Rows] = {
    **_always(_S.REQUESTING),
    (_S.REQUESTING, _G.PAYMENT): Transition(_S.RECEIVING, _C.RECEIVE),
    (_S.REQUESTING, _G.CANCEL): Transition(_S.CANCELLED),
    (_S.REQUESTING, _G.EXPIRY): Transition(_S.EXPIRED),
    (_S.REQUESTING, _G.SEND): Transition(_S.REQUESTING),
    (_S.REQUESTING, _G.RESUME): Transition(_S.REQUESTING, _C.FIND),
    (_S.REQUESTING, _G.NOTHING_FOUND): Transition(_S.REQUESTING),
    (_S.REQUESTING, _G.IS_STORED): Transition(_S.STORED),
    (_S.REQUESTING, _G.IS_REFUSED): Transition(_S.REFUSED),
    **_always(_S.RECEIVING),
    **stays(_S.RECEIVING, (_G.SEND, _G.EXPIRY)),
    (_S.RECEIVING, _G.PAYMENT): Transition(_S.RECEIVING, _C.RECEIVE),
    (_S.RECEIVING, _G.IS_STORED): Transition(_S.STORED),
    (_S.RECEIVING, _G.IS_REFUSED): Transition(_S.REFUSED),
    (_S.RECEIVING, _G.IS_INVALID): Transition(_S.REQUESTING),
    **_has_accepted(_S.STORED),
    (_S.STORED, _G.SEND): Transition(_S.ACKNOWLEDGED),
    **_has_accepted(_S.ACKNOWLEDGED),
    (_S.ACKNOWLEDGED, _G.IS_STORED): Transition(_S.ACKNOWLEDGED),
    **_asks_no_more(_S.REFUSED),
    **_asks_no_more(_S.EXPIRED),
    (_S.EXPIRED, _G.CANCEL): Transition(_S.CANCELLED),
    **_asks_no_more(_S.CANCELLED),
    (_S.CANCELLED, _G.CANCEL): Transition(_S.CANCELLED),
}

_NEVER: Final = (_G.REQUEST, _G.RECEIPT)
"""A request or a receipt to a payee: MESSAGE_UNEXPECTED."""

REFUSED: Final = pairs(
    {
        _S.REQUESTING: _NEVER,
        _S.RECEIVING: (*_NEVER, _G.CANCEL, _G.RESUME),
        _S.STORED: (*_NEVER, _G.CANCEL, _G.RESUME),
        _S.ACKNOWLEDGED: (*_NEVER, _G.CANCEL, _G.RESUME),
        _S.REFUSED: (*_NEVER, _G.CANCEL, _G.RESUME),
        _S.EXPIRED: (*_NEVER, _G.RESUME),
        _S.CANCELLED: (*_NEVER, _G.RESUME),
    }
)

PAYEE: Final = MachineSpec(
    name="payee",
    start=_S.REQUESTING,
    inputs=frozenset(list(_G)[: list(_G).index(_G.IS_STORED)]),
    table=TABLE,
    refused=REFUSED,
    outcomes={
        _C.RECEIVE: frozenset({_G.IS_STORED, _G.IS_REFUSED, _G.IS_INVALID}),
        _C.RECEIVE_OTHER: frozenset({_G.OTHER_ANSWERED, _G.OTHER_INVALID}),
        _C.FIND: frozenset({_G.IS_STORED, _G.IS_REFUSED, _G.NOTHING_FOUND}),
    },
    waiting={
        _S.REQUESTING: Waiting.FOR_PEER,
        _S.RECEIVING: Waiting.FOR_PURSE,
        _S.STORED: Waiting.FOR_PEER,
        _S.ACKNOWLEDGED: Waiting.FOR_NOBODY,
        _S.REFUSED: Waiting.FOR_NOBODY,
        _S.EXPIRED: Waiting.FOR_NOBODY,
        _S.CANCELLED: Waiting.FOR_NOBODY,
    },
)
