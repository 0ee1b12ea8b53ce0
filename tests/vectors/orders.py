"""Invalid vectors that break two rules at once: the one with the lower number gives the code. SPEC 8.3 and 8.4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tests.support.deals import chain
from tests.support.vectors import Vector
from tests.support.world import DAY, LIMITS, NOW, Key, Person
from tests.vectors.bad_payments import long_chain_of_change
from tests.vectors.forms import Cases, merged
from tests.vectors.good import WORLD, in_world, payee
from tests.vectors.handmade import ASEL, BOLAT, DINA, ERLAN, handed, out, paid, plain
from tests.vectors.sales import SOMEBODY, USUAL, Sale, limited, passed_on, revoking, several
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.payment import Payment
from wallet.protocol.policy import Reason
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer

REDEMPTION: Final = WORLD.redemption
MINE: Final = WORLD.issue(ASEL, 100)
FORGER: Final = Key.of("somebody else")
REDEEMER: Final = replace(WORLD.person("redemption"), key=REDEMPTION)
"""A redemption key that somebody certified and that owns money: nobody's business but for the order of checks."""


def _validity() -> dict[Code, dict[str, Payment]]:
    foreign, lunch = WORLD.issue(ASEL, 7, currency="XXX"), WORLD.issue(ASEL, 7, mark=b"lunch")
    other = WORLD.issue(BOLAT, 7, currency="XXX", mark=b"lunch")
    both = WORLD.issue(ASEL, 7, currency="XXX", mark=b"lunch")
    nowhere = TokenRef(bytes(32), 0)
    late, never = WORLD.person("Asel", issued=NOW + 5, expires=NOW + 9), WORLD.person("Asel", expires=NOW + 3)
    short = WORLD.issue(ASEL, 100, expires=NOW + 3)
    redeemers = WORLD.issue(REDEEMER, 100)

    def two(
        second: Any, *, by: Key = ASEL.key, amount: int = 107, people: tuple[Person, ...] = (ASEL,)
    ) -> Payment:
        return paid([handed(by, [out(MINE), out(second)], DINA.key, amount)], [MINE, second], people)

    def one(
        by: Key = ASEL.key, to: Key = DINA.key, payer: Person = ASEL, issued: Any = MINE, **edits: Any
    ) -> Payment:
        return paid([handed(by, [out(issued)], to, edits.pop("amount", 100), **edits)], [issued], [payer])

    own = ASEL.key
    wrong_refresh, not_paid = Refresh(DINA.key.public, (99,)), ToPayer(DINA.key.public)
    return {
        Code.PROVENANCE_MISSING: {
            "before-certificate": paid([handed(own, [out(MINE), nowhere], DINA.key, 100)], [MINE], [BOLAT]),
            "before-everything": paid([handed(FORGER, [nowhere], own, 1, time=0)], [MINE], [ASEL]),
        },
        Code.CERTIFICATE_MISSING: {
            "before-owner": two(WORLD.issue(BOLAT, 7), people=(BOLAT,)),
            "before-signature": one(FORGER, payer=BOLAT),
        },
        Code.OWNER_MIXED: {
            "before-currency": two(other),
            "before-signature": two(WORLD.issue(BOLAT, 7), by=BOLAT.key),
        },
        Code.CURRENCY_MIXED: {"before-mark": two(both), "before-signature": two(foreign, by=FORGER)},
        Code.MARK_MIXED: {"before-signature": two(lunch, by=FORGER), "before-value": two(lunch, amount=1)},
        Code.TRANSFER_SIGNATURE: {
            "before-value": one(FORGER, amount=99),
            "before-purpose": one(FORGER, purpose=ToAccount()),
            "before-time": one(FORGER, time=NOW - 1),
        },
        Code.VALUE_MISMATCH: {
            "before-redemption-key": one(amount=99, purpose=ToAccount()),
            "before-redemption-amounts": one(to=REDEMPTION, amount=98, purpose=wrong_refresh),
            "before-self-payment": one(to=own, amount=99),
        },
        Code.REDEMPTION_KEY: {
            "before-amounts": one(purpose=wrong_refresh),
            "before-payer": one(purpose=not_paid),
            "before-self-payment": one(to=own, purpose=ToAccount()),
            "before-self-payment-by-it": one(REDEMPTION, REDEMPTION, REDEEMER, redeemers),
            "before-time": one(purpose=ToAccount(), time=NOW - 1),
        },
        Code.REDEMPTION_AMOUNTS: {
            "before-payer": one(to=REDEMPTION, amount=99, change=1, purpose=not_paid),
            "before-self-payment": one(REDEMPTION, REDEMPTION, REDEEMER, redeemers, purpose=wrong_refresh),
            "before-time": one(to=REDEMPTION, purpose=wrong_refresh, time=NOW - 1),
        },
        Code.REDEMPTION_PAYER: {
            "before-self-payment": one(REDEMPTION, REDEMPTION, REDEEMER, redeemers, purpose=not_paid),
            "before-time": one(to=REDEMPTION, purpose=not_paid, time=NOW - 1),
        },
        Code.SELF_PAYMENT: {
            "before-time": one(to=own, time=NOW - 1),
            "before-certificate": one(to=own, time=NOW + 61 * DAY),
        },
        Code.TIME_BEFORE_INPUTS: {"before-time-before-certificate": one(payer=late, time=NOW - 1)},
        Code.TIME_BEFORE_CERTIFICATE: {"before-token": one(payer=late, issued=short, time=NOW + 4)},
        Code.TOKEN_EXPIRED: {"before-certificate": one(payer=never, issued=short, time=NOW + 4)},
        Code.CERTIFICATE_EXPIRED: {"before-hop": _at_the_end(expires=NOW + 3, time=NOW + 4)},
        Code.HOP_LIMIT: {"before-unneeded": _at_the_end(spare=True)},
    }


def _at_the_end(*, expires: int = NOW + 60 * DAY, time: int = NOW, spare: bool = False) -> Payment:
    """A token at hop 15 is handed on once more."""
    chained = chain(15, WORLD)
    token, last = chained.tokens[15], chained.people[15]
    person = WORLD.person(last.key.name, bank=last.certificate.body.bank, expires=expires)
    beyond = handed(last.key, [token.ref], ERLAN.key, token.amount, time=time)
    people = [*chained.people[:15], person, *([DINA] if spare else [])]
    return paid([*chained.transfers, beyond], [chained.issuance], people)


def _in_turn() -> dict[Code, dict[str, Payment]]:
    """One transfer is judged whole before the next."""
    first = handed(ASEL.key, [out(MINE)], BOLAT.key, 100, time=NOW + 61 * DAY)
    gone = handed(BOLAT.key, [TokenRef(bytes(32), 0)], DINA.key, 1)
    forged = cose.sign(handed(BOLAT.key, [out(first)], DINA.key, 100, time=NOW + 61 * DAY).body, FORGER.sign)
    unneeded = handed(ASEL.key, [out(MINE)], DINA.key, 100)
    bad = handed(ASEL.key, [out(MINE)], DINA.key, 99, sequence=2)
    return {
        Code.CERTIFICATE_EXPIRED: {
            "in-turn": paid([first, gone], [MINE], [ASEL, BOLAT]),
            "in-turn-before-a-signature": paid([first, forged], [MINE], [ASEL, BOLAT]),
        },
        Code.VALUE_MISMATCH: {"before-unneeded": paid([unneeded, bad], [MINE], [ASEL])},
        Code.UNNEEDED_ITEM: {
            "only-of-what-is-valid": paid(
                [unneeded, handed(ASEL.key, [out(MINE)], DINA.key, 90, 10, sequence=2)], [MINE], [ASEL]
            )
        },
    }


REVOKED: Final = (revoking(ASEL, Reason.LOST),)
OTHER_REF: Final = request_ref(WORLD.request(ERLAN, 1))
CLOSED: Final = {"answers": [SOMEBODY]}


def _consumed(sale: Sale) -> list[list[Any]]:
    return [[sale.payment.ids[0].hex(), 0, SOMEBODY]]


def _acceptance() -> dict[Code, dict[str, Sale]]:
    low, none = replace(LIMITS, payment=99), replace(LIMITS, hops=0)
    foreign: dict[str, Any] = {"asked": {"currency": "XXX"}}
    marked: dict[str, Any] = {"issued": {"mark": b"x"}}
    late: dict[str, Any] = {"edits": {"time": NOW + 3601}}
    ahead: dict[str, Any] = {"edits": {"time": NOW + DAY + 1}}
    far = limited(issued=NOW - DAY, expires=NOW + 300 * DAY)
    gone: dict[str, Any] = {"seen": {"now": NOW + 6}, "issued": {"expires": NOW + 5}}
    over: dict[str, Any] = {"asked": {"is_open": True, "amount": 99}}
    return {
        Code.REQUEST_UNKNOWN: {"before-answered": Sale(edits={"purpose": OTHER_REF}, seen=CLOSED)},
        Code.REQUEST_ANSWERED: {
            "before-currency": Sale(**foreign, seen=CLOSED),
            "before-amount": Sale(asked={"amount": 99}, seen=CLOSED),
        },
        Code.CURRENCY_OTHER: {
            "before-mark": Sale(**foreign, **marked),
            "before-amount": Sale(asked={"currency": "XXX", "amount": 99}),
        },
        Code.MARK_UNKNOWN: {
            "before-ceiling": Sale(**over, **marked),
            "before-amount": Sale(asked={"amount": 99}, **marked),
        },
        Code.AMOUNT_OVER_CEILING: {"before-expired": Sale(**over, **late)},
        Code.AMOUNT_MISMATCH: {"before-expired": Sale(asked={"amount": 99}, **late)},
        Code.REQUEST_EXPIRED: {
            "before-ahead": Sale(**ahead),
            "before-token": Sale(**late, seen={"now": NOW + 91 * DAY}),
        },
        Code.TIME_AHEAD: {
            "before-payment": Sale(**ahead, asked={"expires": NOW + 9 * DAY}, limits=low),
            "before-days": Sale(limited(days=1), **ahead, asked={"expires": NOW + 9 * DAY}),
        },
        Code.TOKEN_EXPIRED: {
            "before-certificate": Sale(limited(expires=NOW + 5), **gone),
            "before-payment": Sale(far, **gone, limits=low),
        },
        Code.CERTIFICATE_EXPIRED: {
            "before-payment": Sale(limited(expires=NOW + 5), seen={"now": NOW + 6}, limits=low)
        },
        Code.LIMIT_PAYMENT: {
            "before-inconsistent": Sale(edits={"total": 99}, limits=low),
            "before-total": Sale(limits=replace(low, total=99)),
        },
        Code.TOTAL_INCONSISTENT: {
            "before-total": Sale(edits={"total": 99}, limits=replace(LIMITS, total=98)),
            "before-hops": Sale(edits={"total": 99}, limits=none),
        },
        Code.LIMIT_TOTAL: {"before-hops": Sale(limits=replace(none, total=99))},
        Code.LIMIT_HOPS: {"before-days": Sale(limits=replace(none, days=0))},
        Code.LIMIT_DAYS: {
            "before-counterpart": Sale(limits=replace(LIMITS, days=0), deltas=REVOKED),
            "before-conflict": Sale(
                limits=replace(LIMITS, days=0), deltas=(revoking(ASEL, Reason.CONFLICT),)
            ),
        },
        Code.REVOKED_COUNTERPART: {
            "before-consumed": Sale(deltas=REVOKED, seen={"consumed": _consumed(USUAL)})
        },
        Code.TOKEN_CONSUMED_TWICE: {
            "before-balance": Sale(seen={"consumed": _consumed(USUAL), "balance": LIMITS.balance})
        },
    }


def _of_several() -> dict[Code, dict[str, tuple[Sale, Payment]]]:
    """Which check of which transfer comes first."""
    request = USUAL.request

    def sold(
        *parts: dict[str, Any], payers: tuple[Person, Person] = (ASEL, BOLAT), **sale: Any
    ) -> tuple[Sale, Payment]:
        made = Sale(**sale)
        return made, several(made.request, *parts, payers=payers)

    unknown, elsewhere = {"purpose": OTHER_REF}, {"to": ERLAN}
    foreign, marked = {"issued": {"currency": "XXX"}}, {"issued": {"mark": b"x"}}
    expired = (limited(ASEL, expires=NOW + 5), BOLAT)
    open_long = {"asked": {"expires": NOW + 9 * DAY}}
    days, hops = limited(ASEL, days=0), limited(BOLAT, hops=0)
    handed_on = passed_on(request)
    spent = [[handed_on.ids[0].hex(), 0, SOMEBODY]]
    both = (revoking(ASEL, Reason.CONFLICT), revoking(BOLAT, Reason.LOST, version=2))
    lost = (revoking(ASEL, Reason.LOST), revoking(BOLAT, Reason.CONFLICT, version=2))
    return {
        Code.REQUEST_UNKNOWN: {
            "check-by-check": sold(elsewhere, unknown),
            "before-payee": sold({**unknown, **elsewhere}, {}),
        },
        Code.REQUEST_ANSWERED: {"before-payee": sold(elsewhere, {}, seen=CLOSED)},
        Code.PAYEE_OTHER: {
            "check-by-check": sold(foreign, elsewhere),
            "before-currency": sold({**foreign, **elsewhere}, {}),
        },
        Code.CURRENCY_OTHER: {"check-by-check": sold(marked, foreign)},
        Code.CERTIFICATE_EXPIRED: {
            "transfer-by-transfer": sold(
                {}, {"time": NOW + 7 + DAY}, payers=expired, seen={"now": NOW + 6}, **open_long
            ),
            "before-the-limits-of-the-first": sold(
                {},
                {},
                payers=(limited(ASEL, payment=1), limited(BOLAT, expires=NOW + 5)),
                seen={"now": NOW + 6},
            ),
        },
        Code.LIMIT_DAYS: {
            "transfer-by-transfer": sold({}, {"total": 1}, payers=(days, BOLAT)),
            "before-totals-rise": sold({}, {"total": 60}, payers=(ASEL, limited(BOLAT, days=0))),
        },
        Code.LIMIT_HOPS: {"before-totals-rise": sold({}, {"sequence": 1}, payers=(ASEL, hops))},
        Code.TOTAL_INCONSISTENT: {"rising-before-counterpart": sold({}, {"total": 60}, deltas=REVOKED)},
        Code.REVOKED_CONFLICT: {
            "of-an-ancestor-before-counterpart": (Sale(deltas=both), handed_on),
            "of-the-second-before-counterpart": sold({}, {}, deltas=lost),
            "before-consumed": (Sale(deltas=both[:1], seen={"consumed": spent}), handed_on),
        },
    }


def _too_long() -> Cases:
    """A chain of change that the payee could not pass on, and something else."""
    made = long_chain_of_change(51)
    spent = [[made.payment.ids[0].hex(), 0, SOMEBODY]]
    note = "the lower number gives the code"
    return {
        Code.TOKEN_CONSUMED_TWICE: [
            (
                "payee-first-before-too-long",
                in_world("payment", made.payment.encode(), note, payee=payee(made, consumed=spent)),
            )
        ],
        Code.PROVENANCE_TOO_LONG: [
            (
                "payee-first-before-balance",
                in_world("payment", made.payment.encode(), note, payee=payee(made, balance=LIMITS.balance)),
            )
        ],
    }


def cases() -> Cases:
    """Every invalid vector of two rules."""
    found: Cases = {}
    for group in (_validity(), _in_turn()):
        for code, payments in group.items():
            note = "the lower number gives the code"
            listed = [(f"first-{name}", plain(payment, note)) for name, payment in payments.items()]
            found.setdefault(code, []).extend(listed)
    for code, sales in _acceptance().items():
        listed = [
            (f"payee-first-{name}", sale.judged("the lower number gives the code"))
            for name, sale in sales.items()
        ]
        found.setdefault(code, []).extend(listed)
    for code, several_sold in _of_several().items():
        for name, (sale, payment) in several_sold.items():
            found.setdefault(code, []).append(
                (f"payee-first-{name}", sale.judged("which is looked at first", payment))
            )
    return merged(found, _too_long())


def valid() -> dict[str, Vector]:
    """None: those stand elsewhere."""
    return {}
