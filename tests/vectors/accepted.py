"""Valid vectors of acceptance: SPEC 8.4 at every bound, several new transfers, policies that come with a payment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.vectors import Vector
from tests.support.world import DAY, LIMITS, NOW
from tests.vectors.bad_payments import long_chain_of_change
from tests.vectors.forms import Cases
from tests.vectors.good import WORLD, payee
from tests.vectors.handmade import ASEL, BOLAT, DINA, handed, out, paid, shown
from tests.vectors.policies import delta, head
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
from wallet.protocol.bounds import MAX_TIME
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate, Reason
from wallet.protocol.request import request_ref


def _bounds() -> dict[str, tuple[Sale, str]]:
    """Just good, each by the certificate and by the policy."""
    far: dict[str, Any] = dict(issued=NOW - DAY, expires=NOW + 300 * DAY)
    return {
        "payment-limit": (Sale(limited(payment=100)), "P is the certificate's limit"),
        "payment-limit-of-the-policy": (Sale(limits=replace(LIMITS, payment=100)), "P is the policy's limit"),
        "total-limit": (Sale(limited(limit_total=100)), "the total is the certificate's limit"),
        "total-limit-of-the-policy": (
            Sale(limits=replace(LIMITS, total=100)),
            "the total is the policy's limit",
        ),
        "total-since-the-certificate": (
            Sale(limited(total=1000, limit_total=100), edits={"total": 1100}),
            "the limit counts from the certificate's total",
        ),
        "total-with-a-gap": (Sale(edits={"total": 5000}), "what was paid meanwhile nobody need see"),
        "hops-limit": (Sale(limited(hops=1)), "hop 1 is the limit"),
        "hops-limit-of-the-policy": (Sale(limits=replace(LIMITS, hops=1)), "hop 1 is the policy's limit"),
        "days-limit": (
            Sale(limited(days=2, **far), seen={"now": NOW + DAY}),
            "the last second of the second day",
        ),
        "days-limit-of-the-policy": (
            Sale(limited(**far), limits=replace(LIMITS, days=1), seen={"now": NOW}),
            "a day after issued, to the second",
        ),
        "days-limit-of-the-transfer": (
            Sale(limited(days=1, **far), edits={"time": NOW}, seen={"now": NOW - 5}),
            "the later of both times is that day's last second",
        ),
        "days-beyond-32-bits": (
            Sale(limited(days=3660, issued=NOW, expires=NOW + DAY), limits=replace(LIMITS, days=3660)),
            "issued and days may add up to more than a time can be",
        ),
        "a-day-ahead": (
            Sale(edits={"time": NOW + DAY}, asked={"expires": NOW + 9 * DAY}),
            "dated a day ahead of the payee's time, to the second",
        ),
        "at-the-request-expiry": (
            Sale(edits={"time": NOW + 3600}),
            "dated in the request's last second, though the payee's time is earlier",
        ),
        "after-the-request-expiry": (
            Sale(seen={"now": NOW + 7200}),
            "the payee's time is not asked: the transfer's is in time",
        ),
        "token-last-second": (
            Sale(limited(**far), issued={"expires": NOW + 5}, seen={"now": NOW + 5}),
            "the token expires this second by the payee's time",
        ),
        "certificate-last-second": (
            Sale(limited(expires=NOW + 5), seen={"now": NOW + 5}),
            "the signer's certificate expires this second by the payee's time",
        ),
        "amount-open": (Sale(asked={"is_open": True, "amount": 101}), "less than the ceiling"),
        "amount-at-the-ceiling": (Sale(asked={"is_open": True}), "the ceiling itself"),
        "balance-limit": (Sale(seen={"balance": LIMITS.balance - 100}), "with P it is the limit"),
        "balance-limit-of-all": (
            Sale(seen={"balance": 1, "reserved": 2, "fundings": LIMITS.balance - 103}),
            "held, asked for, under way and P together are the limit",
        ),
        "balance-limit-of-the-policy": (
            Sale(limits=replace(LIMITS, balance=100)),
            "P is the policy's limit",
        ),
        "printed-answered-before": (
            Sale(asked={"nonce": None}, seen={"answers": [SOMEBODY]}),
            "a printed code may be answered by many",
        ),
        "answered-by-itself": (
            Sale(seen={"answers": [USUAL.payment.ids[0].hex()]}),
            "the new transfer itself is no other",
        ),
        "consumed-by-itself": (
            Sale(seen={"consumed": [[USUAL.payment.issuances[0].id.hex(), 0, USUAL.payment.ids[0].hex()]]}),
            "what is known to consume the token is this very transfer",
        ),
        "the-change-is-consumed": (
            Sale(seen={"consumed": [[USUAL.payment.ids[0].hex(), 1, SOMEBODY]]}),
            "the change is the payer's to spend",
        ),
        "near-the-end-of-time": (
            Sale(
                limited(issued=MAX_TIME - 100, expires=MAX_TIME),
                payee=WORLD.person("Dina", issued=MAX_TIME - 100, expires=MAX_TIME),
                edits={"time": MAX_TIME - 50},
                asked={"expires": MAX_TIME},
                issued={"issued": MAX_TIME - 100, "expires": MAX_TIME},
                seen={"now": MAX_TIME - 60},
            ),
            "a day ahead is beyond 32 bits",
        ),
    }


def _heard() -> dict[str, tuple[Sale, str]]:
    conflict = revoking(ASEL, Reason.CONFLICT)
    forged = revoking(BOLAT, Reason.LOST, by=FORGER, version=2)
    return {
        "policy-brings-the-bank": (
            Sale(TULPAR, gossip=gossip(1, NEW_BANK)),
            "the payer's bank is in the policy that comes with the payment",
        ),
        "policy-forged": (
            Sale(gossip=gossip(1, revoking(ASEL, Reason.CONFLICT, by=FORGER))),
            "a policy that somebody else signed is passed over",
        ),
        "policy-with-a-gap": (
            Sale(gossip=gossip(2, revoking(ASEL, Reason.LOST, version=2))),
            "one that does not follow on what is held is passed over",
        ),
        "policy-half-forged": (
            Sale(gossip=gossip(2, conflict, forged)),
            "all of it or nothing: the first delta is good, the second is not",
        ),
        "policy-head-forged": (
            Sale(gossip=PolicyUpdate(head(1, NOW + 50, FORGER), (conflict,))),
            "all of it or nothing: the delta is good, the head is not",
        ),
        "policy-older": (
            Sale(deltas=(revoking(BOLAT, Reason.LOST),), gossip=PolicyUpdate(head(0, NOW - 5, FORGER), ())),
            "an older one is passed over",
        ),
        "policy-forgives": (
            Sale(
                deltas=(revoking(ASEL, Reason.LOST),),
                gossip=gossip(2, delta(2, NOW + 2, POLICY, removed=(ASEL,))),
            ),
            "it takes the payer off the list",
        ),
        "policy-raises-the-limit": (
            Sale(limits=replace(LIMITS, payment=99), gossip=gossip(0)),
            "its head allows more",
        ),
    }


def _revoked() -> dict[str, tuple[Sale, Payment, str]]:
    """Who is revoked, and does not matter here."""
    far = WORLD.person("Asel", bank="zhibek")
    handed_on = passed_on(USUAL.request)
    return {
        "revoked-at-another-bank": (
            Sale(deltas=(revoking(far, Reason.CONFLICT),)),
            USUAL.payment,
            "another bank's certificate of the same wallet id is revoked",
        ),
        "ancestor-lost": (
            Sale(deltas=(revoking(ASEL, Reason.LOST),)),
            handed_on,
            "the first hand's wallet was lost since; the second pays",
        ),
        "ancestor-expired": (
            Sale(seen={"now": NOW + 10 * DAY}),
            passed_on(USUAL.request, WORLD.person("Asel", expires=NOW + 5)),
            "the first hand's certificate has expired since",
        ),
        "payee-revoked": (
            Sale(deltas=(revoking(DINA, Reason.LOST),)),
            USUAL.payment,
            "whether the payee is revoked is for the payer to see",
        ),
        "reason-replaced": (
            Sale(deltas=(revoking(ASEL, Reason.CONFLICT), revoking(ASEL, Reason.LOST, version=2))),
            handed_on,
            "a later reason replaces an earlier one, be it a conflict",
        ),
    }


def _several() -> dict[str, tuple[Sale, Payment, str]]:
    request = USUAL.request
    before = WORLD.issue(ASEL, 150)
    printed = Sale(asked={"nonce": None, "amount": 50})
    ref = request_ref(printed.request)
    earlier = handed(ASEL.key, [out(before)], DINA.key, 50, 100, purpose=ref)
    later = handed(ASEL.key, [out(earlier, 1)], DINA.key, 50, 50, purpose=ref, sequence=2, total=100)
    again = paid([earlier, later], [before], [ASEL])
    return {
        "two-keys": (USUAL, several(request, {}, {}), "60 and 40"),
        "two-keys-the-later-number-first": (
            USUAL,
            several(request, {"sequence": 2, "total": 100}, {"sequence": 1, "total": 40}),
            "their order in the payment is not that of their numbers",
        ),
        "two-keys-with-another-between": (
            USUAL,
            several(request, {}, {"sequence": 9, "total": 7000}),
            "numbers and totals may leave room for others",
        ),
        "printed-earlier-in-provenance": (
            printed,
            again,
            "an earlier payment to a printed code is its ancestor",
        ),
    }


def _known() -> dict[str, Vector]:
    """An earlier payment to a printed code is called new beside the new one, which is paid from its change."""
    sale, payment = beside()
    held = LIMITS.balance - 50
    seen: dict[str, Any] = {
        "known": [payment.transfers[0].id.hex()],
        "answers": [payment.transfers[0].id.hex()],
    }
    spent = [[payment.transfers[0].id.hex(), 0, SOMEBODY]]
    return {
        "accepted-known-beside-new": replace(sale, seen={**seen, "balance": held}).judged(
            "what it has already is not counted twice: 50 more is the limit", payment
        ),
        "accepted-known-and-spent": replace(sale, seen={**seen, "consumed": spent}).judged(
            "that the payee has spent it since does not matter", payment
        ),
    }


def valid() -> dict[str, Vector]:
    """Every valid vector of acceptance, without its meaning."""
    found: dict[str, Vector] = {}
    for name, (sale, note) in {**_bounds(), **_heard()}.items():
        found[f"accepted-{name}"] = sale.judged(note)
    for name, (sale, payment, note) in {**_revoked(), **_several()}.items():
        found[f"accepted-{name}"] = sale.judged(note, payment)
    made = long_chain_of_change(50)
    found |= _known()
    found["accepted-64-transfers"] = shown(made.payment, "50 transfers and 14 hops to go", payee=payee(made))
    return found


def cases() -> Cases:
    """None: those stand elsewhere."""
    return {}
