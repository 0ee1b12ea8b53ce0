"""Invalid vectors of acceptance: each breaks one rule of SPEC 8.4, by as little as can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.vectors import Vector
from tests.support.world import DAY, LIMITS, NOW, Key
from tests.vectors.forms import Case, Cases
from tests.vectors.good import WORLD
from tests.vectors.handmade import ASEL, BOLAT, ERLAN
from tests.vectors.policies import change, delta, head
from tests.vectors.sales import (
    FORGER,
    NEW_BANK,
    POLICY,
    SOMEBODY,
    TULPAR,
    USUAL,
    Sale,
    beside,
    gossip,
    limited,
    passed_on,
    revoking,
    several,
)
from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codes import Code
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate, Reason
from wallet.protocol.request import request_ref


def _ends() -> dict[str, Key]:
    """A key lower and one higher than any that is asked for."""
    keys = sorted((Key.of(f"{n}") for n in range(64)), key=lambda key: key.public)
    return {"lower": keys[0], "higher": keys[-1]}


def _over() -> dict[Code, dict[str, tuple[Sale, str]]]:
    far: dict[str, Any] = dict(issued=NOW - DAY, expires=NOW + 300 * DAY)
    wrapped = Sale(limited(total=1000), edits={"total": 999})
    return {
        Code.LIMIT_PAYMENT: {"by-one": (Sale(limited(payment=99)), "")},
        Code.PAYEE_OTHER: {
            f"key-that-is-{which}": (Sale(edits={"to": key}), "") for which, key in _ends().items()
        },
        Code.LIMIT_TOTAL: {
            "of-the-policy": (Sale(limits=replace(LIMITS, total=99)), ""),
            "since-the-certificate": (Sale(limited(total=1000, limit_total=100), edits={"total": 1101}), ""),
        },
        Code.TOTAL_INCONSISTENT: {
            "below-the-certificate": (wrapped, "a difference below 0 is not a large one"),
            "counts-from-the-certificate": (Sale(limited(total=1000), edits={"total": 1099}), "by one"),
            "by-one": (Sale(edits={"total": 99}), "by one"),
        },
        Code.LIMIT_HOPS: {"of-the-policy": (Sale(limits=replace(LIMITS, hops=0)), "")},
        Code.LIMIT_DAYS: {
            "by-a-second": (Sale(limited(days=2, **far), seen={"now": NOW + DAY + 1}), ""),
            "of-the-policy": (
                Sale(limited(**far), limits=replace(LIMITS, days=2), seen={"now": NOW + DAY + 1}),
                "",
            ),
            "by-the-transfer": (
                Sale(limited(days=1, **far), edits={"time": NOW + 1}, seen={"now": NOW - 5}),
                "",
            ),
        },
        Code.LIMIT_BALANCE: {
            "of-the-policy": (Sale(limits=replace(LIMITS, balance=99)), ""),
            "of-the-certificate": (Sale(payee=WORLD.person("Dina", limits=replace(LIMITS, balance=99))), ""),
            "of-all": (Sale(seen={"balance": 1, "reserved": 2, "fundings": LIMITS.balance - 102}), ""),
            "fundings": (Sale(seen={"fundings": LIMITS.balance - 99}), "what is being funded counts"),
            "above-all-money": (Sale(seen={"balance": MAX_SUM, "reserved": MAX_SUM}), "sums above 2^53"),
        },
        Code.TIME_AHEAD: {
            "by-a-second": (Sale(edits={"time": NOW + DAY + 1}, asked={"expires": NOW + 9 * DAY}), ""),
        },
        Code.TOKEN_EXPIRED: {
            "by-a-second": (Sale(limited(**far), issued={"expires": NOW + 5}, seen={"now": NOW + 6}), ""),
        },
        Code.CERTIFICATE_EXPIRED: {
            "by-a-second": (Sale(limited(expires=NOW + 5), seen={"now": NOW + 6}), "")
        },
        Code.REQUEST_EXPIRED: {"by-a-second": (Sale(edits={"time": NOW + 3601}), "")},
        Code.AMOUNT_OVER_CEILING: {"by-one": (Sale(asked={"is_open": True, "amount": 99}), "")},
        Code.AMOUNT_MISMATCH: {"less": (Sale(asked={"amount": 101}), "less than was asked")},
        Code.MARK_UNKNOWN: {"empty": (Sale(issued={"mark": b""}), "an empty mark is a mark")},
        Code.REVOKED_CONFLICT: {
            "by-the-payment": (
                Sale(gossip=gossip(1, revoking(ASEL, Reason.CONFLICT))),
                "the payment's own policy",
            ),
            "of-a-later-reason": (
                Sale(deltas=(revoking(ASEL, Reason.LOST), revoking(ASEL, Reason.CONFLICT, version=2))),
                "the later reason stands",
            ),
        },
        Code.REVOKED_COUNTERPART: {
            "by-the-payment": (
                Sale(gossip=gossip(1, revoking(ASEL, Reason.LOST))),
                "the payment's own policy",
            ),
            "limits": (Sale(deltas=(revoking(ASEL, Reason.LIMITS),)), "for broken limits"),
            "closed": (Sale(deltas=(revoking(ASEL, Reason.CLOSED),)), "as closed"),
        },
        Code.BANK_UNKNOWN: {
            "policy-forged": (
                Sale(TULPAR, gossip=PolicyUpdate(head(1, NOW + 50, FORGER), (NEW_BANK,))),
                "a policy that is passed over brings no bank",
            ),
        },
        Code.ISSUANCE_SIGNATURE: {
            "key-retired-by-the-payment": (
                Sale(gossip=gossip(1, delta(1, NOW + 1, POLICY, change(1, WORLD.issuing, 0, NOW - 1)))),
                "the payment is judged under the directory after its policy",
            ),
        },
        Code.TOKEN_CONSUMED_TWICE: {
            "received-is-consumed": (
                Sale(seen={"consumed": [[USUAL.payment.ids[0].hex(), 0, SOMEBODY]]}),
                "",
            ),
        },
    }


def _ancestors() -> dict[Code, dict[str, tuple[Sale, Payment, str]]]:
    handed_on = passed_on(USUAL.request)
    consumed = [[handed_on.issuances[0].id.hex(), 0, SOMEBODY]]
    return {
        Code.REVOKED_CONFLICT: {
            "of-an-ancestor": (
                Sale(deltas=(revoking(ASEL, Reason.CONFLICT),)),
                handed_on,
                "the first hand signed twice",
            )
        },
        Code.TOKEN_CONSUMED_TWICE: {
            "of-an-ancestor": (
                Sale(seen={"consumed": consumed}),
                handed_on,
                "the first hand's token was seen spent",
            )
        },
    }


def _several_wrongly() -> dict[Code, dict[str, tuple[Sale, Payment, str]]]:
    request = USUAL.request
    other = WORLD.request(ERLAN, 100)
    foreign, marked = {"issued": {"currency": "XXX"}}, {"issued": {"mark": b"x"}}
    first = several(request, {}, {})
    refs = {"of-the-second": 1, "of-the-first": 0}
    found: dict[Code, dict[str, tuple[Sale, Payment, str]]] = {}

    def each(code: Code, note: str, part: dict[str, Any], name: str = "") -> None:
        for which, place in refs.items():
            parts: list[dict[str, Any]] = [{}, {}]
            parts[place] = part
            found.setdefault(code, {})[f"{name}{which}"] = (USUAL, several(request, *parts), note)

    each(Code.REQUEST_UNKNOWN, "one answers another request", {"purpose": request_ref(other)})
    each(Code.PAYEE_OTHER, "one pays somebody else", {"to": ERLAN})
    each(Code.CURRENCY_OTHER, "one is of another currency", foreign)
    each(Code.MARK_UNKNOWN, "one is marked", marked)
    each(Code.REQUEST_EXPIRED, "one is dated too late", {"time": NOW + 3601})
    late = Sale(asked={"expires": NOW + 9 * DAY})
    for which, place in refs.items():
        parts: list[dict[str, Any]] = [{}, {}]
        parts[place] = {"time": NOW + DAY + 1}
        payment = several(late.request, *parts)
        found.setdefault(Code.TIME_AHEAD, {})[which] = (late, payment, "one is dated ahead")
        parts[place] = {"issued": {"expires": NOW + 5}}
        expired = replace(USUAL, seen={"now": NOW + 6})
        found.setdefault(Code.TOKEN_EXPIRED, {})[which] = (
            expired,
            several(request, *parts),
            "one has expired",
        )
        payers = [ASEL, BOLAT]
        payers[place] = limited(payers[place], expires=NOW + 5)
        payment = several(request, {}, {}, payers=payers)
        found.setdefault(Code.CERTIFICATE_EXPIRED, {})[which] = (expired, payment, "one signer's has expired")
        for code, name, changes in (
            (Code.LIMIT_PAYMENT, "P", {"payment": 99}),
            (Code.LIMIT_TOTAL, "total", {"limit_total": 59 if place == 0 else 99}),
            (Code.LIMIT_HOPS, "hops", {"hops": 0}),
            (Code.LIMIT_DAYS, "days", {"days": 0}),
        ):
            payers[place] = limited((ASEL, BOLAT)[place], **changes)
            payment = several(request, {}, {}, payers=payers)
            found.setdefault(code, {})[which] = (USUAL, payment, f"{name}: one signer may less")
        lost = Sale(deltas=(revoking((ASEL, BOLAT)[place], Reason.LOST),))
        found.setdefault(Code.REVOKED_COUNTERPART, {})[which] = (lost, first, "one signer's wallet was lost")
        seen = [[first.ids[place].hex(), 0, SOMEBODY]]
        spent = Sale(seen={"consumed": seen})
        found.setdefault(Code.TOKEN_CONSUMED_TWICE, {})[f"received-{which}"] = (
            spent,
            first,
            "one is spent already",
        )
        below: list[dict[str, Any]] = [{}, {}]
        below[place] = {"total": 59 if place == 0 else 39}
        found.setdefault(Code.TOTAL_INCONSISTENT, {})[f"below-{which}"] = (
            USUAL,
            several(request, *below),
            "",
        )
    rising = found[Code.TOTAL_INCONSISTENT]
    rising["rises-by-less"] = (USUAL, several(request, {}, {"total": 99}), "60, then 99 for 40 more")
    rising["rises-by-less-in-reverse"] = (
        USUAL,
        several(request, {"sequence": 2, "total": 99}, {"sequence": 1, "total": 40}),
        "40, then 99 for 60 more, the later number first",
    )
    rising["one-number-though-totals-rise"] = (
        USUAL,
        several(request, {}, {"sequence": 1}),
        "one number twice",
    )
    found[Code.AMOUNT_MISMATCH] = {
        "of-the-sum": (
            Sale(asked={"amount": 60}),
            several(Sale(asked={"amount": 60}).request, {}, {}),
            "P is the sum of both",
        )
    }
    opened = Sale(asked={"amount": 99, "is_open": True})
    found[Code.AMOUNT_OVER_CEILING] = {
        "of-the-sum": (opened, several(opened.request, {}, {}), "P is the sum of both")
    }
    full = Sale(seen={"balance": LIMITS.balance - 99})
    found[Code.LIMIT_BALANCE] = {"of-the-sum": (full, first, "P is the sum of both")}
    return found


def _known() -> dict[Code, dict[str, tuple[Sale, Payment, str]]]:
    """One of two new transfers is known already."""
    sale, payment = beside()
    first, second = ([transfer.id.hex()] for transfer in payment.transfers)
    over = replace(sale, seen={"known": first, "balance": LIMITS.balance - 49})
    spent = replace(sale, seen={"known": first, "consumed": [[second[0], 0, SOMEBODY]]})
    asked = replace(sale, asked={"nonce": None, "amount": 50})
    return {
        Code.LIMIT_BALANCE: {"known-beside-new": (over, payment, "50 more than the limit but one")},
        Code.TOKEN_CONSUMED_TWICE: {
            "known-beside-new": (spent, payment, "the one that is not known is spent")
        },
        Code.REQUEST_UNKNOWN: {"known-beside-new": (asked, payment, "another request's")},
    }


def cases() -> Cases:
    """Every invalid vector of acceptance that breaks one rule."""
    found: Cases = {}
    for code, sales in _over().items():
        found.setdefault(code, []).extend((name, sale.judged(note)) for name, (sale, note) in sales.items())
    for group in (_ancestors(), _several_wrongly(), _known()):
        for code, made in group.items():
            listed: list[Case] = [
                (name, sale.judged(note, payment)) for name, (sale, payment, note) in made.items()
            ]
            found.setdefault(code, []).extend(listed)
    return found


def valid() -> dict[str, Vector]:
    """None: those stand elsewhere."""
    return {}
