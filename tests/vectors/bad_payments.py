"""Invalid vectors: payments that no verifier, or not this payee, takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.deals import AMOUNT, FACE, Deal, chain, deal
from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key, Person, World
from tests.vectors.forms import Case
from tests.vectors.good import (
    AIGUL,
    BAURZHAN,
    DEAL,
    SHOP,
    WORLD,
    delta,
    in_world,
    payee,
    receipt,
    redeeming,
    redemption,
    refusal,
    two_transfers,
    update,
)
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate, Reason
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, Transfer
from wallet.protocol.validity import issued_tokens

OTHER = Key.of("somebody else")


def altered(**changes: object) -> bytes:
    """The usual payment with these items instead of its own."""
    return replace(DEAL.payment, **changes).encode()  # type: ignore[arg-type]


def _edited(**changes: object) -> Vector:
    made = deal(WORLD, payer=_fresh(), edit=lambda body: replace(body, **changes))  # type: ignore[arg-type]
    return in_world("payment", made.payment.encode(), "a transfer with " + ", ".join(changes) + " changed")


def _fresh() -> Person:
    """Aigul, who has paid nothing yet."""
    return replace(AIGUL, sequence=0, total=0)


def _mixed(second: Signed[Issuance]) -> bytes:
    issuances = (WORLD.issue(AIGUL, 1_000_000), second)
    made = deal(WORLD, payer=_fresh(), issuances=issuances)
    return replace(made.payment, certificates=(AIGUL.certificate, BAURZHAN.certificate)).encode()


def validity_cases() -> dict[Code, list[Case]]:
    stranger = WORLD.person("stranger")
    forged = cose.sign(DEAL.payment.transfers[0].body, OTHER.sign)
    late = WORLD.person("Aigul", issued=NOW + 1)
    chained = chain(15)
    last = replace(chained.people[15], sequence=0)
    beyond = WORLD.request(SHOP, 1)
    hop_16 = WORLD.transfer(last, [chained.tokens[15]], SHOP.key.public, 1, request_ref(beyond))
    with_16 = Payment(
        1,
        (*chained.transfers, hop_16),
        (chained.issuance,),
        tuple(person.certificate for person in chained.people),
    )
    elsewhere = refusal(payer=OTHER.public)
    gone = Payment(
        1,
        (*DEAL.payment.transfers, elsewhere),
        DEAL.payment.issuances,
        (AIGUL.certificate, BAURZHAN.certificate),
    )
    return {
        Code.PROVENANCE_MISSING: [
            (
                "issuance",
                in_world("payment", altered(issuances=(WORLD.issue(AIGUL, 7),)), "another's issuance"),
            ),
            ("no-such-output", _edited(inputs=(TokenRef(DEAL.payment.issuances[0].id, 1),))),
        ],
        Code.OWNER_MIXED: [
            ("two", in_world("payment", _mixed(WORLD.issue(BAURZHAN, 1_000_000)), "two owners"))
        ],
        Code.CURRENCY_MIXED: [
            (
                "two",
                in_world("payment", _mixed(WORLD.issue(AIGUL, 1_000_000, currency="XXX")), "two currencies"),
            )
        ],
        Code.MARK_MIXED: [
            (
                "one",
                in_world("payment", _mixed(WORLD.issue(AIGUL, 1_000_000, mark=b"lunch")), "one is marked"),
            )
        ],
        Code.TRANSFER_SIGNATURE: [
            ("forged", in_world("payment", altered(transfers=(forged,)), "not by the owner"))
        ],
        Code.VALUE_MISMATCH: [
            ("made", _edited(change=FACE - AMOUNT + 1)),
            ("destroyed", _edited(change=0)),
        ],
        Code.SELF_PAYMENT: [("payee", _edited(payee=AIGUL.key.public))],
        Code.HOP_LIMIT: [("sixteen", in_world("payment", with_16.encode(), "no token above hop 15"))],
        Code.TIME_BEFORE_INPUTS: [("by-a-second", _edited(time=NOW - 1))],
        Code.TIME_BEFORE_CERTIFICATE: [
            (
                "by-a-second",
                in_world("payment", deal(WORLD, payer=late).payment.encode(), "not certified yet"),
            )
        ],
        Code.TOKEN_EXPIRED: [("signed-late", _edited(time=NOW + 91 * DAY))],
        Code.CERTIFICATE_EXPIRED: [("signed-late", _edited(time=NOW + 61 * DAY))],
        Code.REDEMPTION_KEY: [
            ("paid", _edited(payee=WORLD.redemption.public)),
            ("not-paid", _edited(purpose=ToAccount())),
        ],
        Code.REDEMPTION_AMOUNTS: [
            (
                "refresh",
                in_world(
                    "payment", redeeming(redemption(Refresh(SHOP.key.public, (1, 2)), FACE)), "asks for less"
                ),
            )
        ],
        Code.REDEMPTION_PAYER: [
            ("another", in_world("payment", gone.encode(), "back to a key that never paid"))
        ],
        Code.UNNEEDED_ITEM: [
            (
                "certificate",
                in_world(
                    "payment", altered(certificates=(AIGUL.certificate, stranger.certificate)), "a stranger's"
                ),
            ),
            (
                "issuance",
                in_world(
                    "payment", altered(issuances=(*DEAL.payment.issuances, WORLD.issue(AIGUL, 7))), "not used"
                ),
            ),
        ],
        Code.PAYMENT_UNKNOWN: [
            (
                "receipt-for-another",
                in_world(
                    "receipt",
                    receipt(None),
                    "not for this payment",
                    request=DEAL.request.encode(),
                    payment=deal(WORLD, payer=_fresh(), amount=3, edit=_ninth).payment.encode(),
                ),
            )
        ],
    }


def _ninth(body: Transfer) -> Transfer:
    return replace(body, sequence=9)


def acceptance_cases() -> dict[Code, list[Case]]:
    def judged(made: Deal, note: str, **changes: Any) -> Vector:
        return in_world("payment", made.payment.encode(), note, payee=payee(made, **changes))

    def limited(**changes: int) -> Deal:
        limits = replace(WORLD.person("Aigul").certificate.body.limits, **changes)
        return deal(WORLD, payer=WORLD.person("Aigul", limits=limits))

    def to(**asked: object) -> Deal:
        """Paid as usual, but the payee's request says something else."""
        request = WORLD.request(BAURZHAN, **{"amount": AMOUNT, **asked})  # type: ignore[arg-type]
        made = deal(WORLD, payer=_fresh(), edit=lambda body: replace(body, purpose=request_ref(request)))
        return replace(made, request=request)

    usual = deal(WORLD, payer=_fresh())
    changed = deal(WORLD, payer=_fresh(), edit=lambda body: replace(body, payee=SHOP.key.public))
    marked = deal(WORLD, payer=_fresh(), issuances=(WORLD.issue(AIGUL, FACE, mark=b"lunch"),))
    ahead = deal(
        WORLD,
        payer=_fresh(),
        expires=NOW + 9 * DAY,
        edit=lambda body: replace(body, time=NOW + DAY + 1),
    )
    low = PolicyUpdate(WORLD.head(0, Limits(1, 1, 1, 0, 0)), ())
    told: Callable[[Reason], str] = lambda reason: update(1, delta(1, (AIGUL, reason))).hex()  # noqa: E731
    twice = _answered_twice()
    token = usual.payment.transfers[0].body.inputs[0]
    paid = TokenRef(usual.payment.ids[0], 0)
    by = OTHER.public[:32].hex()
    return {
        Code.REQUEST_UNKNOWN: [
            ("another", judged(replace(usual, request=WORLD.request(BAURZHAN, 1)), "another's ref"))
        ],
        Code.REQUEST_EXPIRED: [("late", judged(to(expires=NOW - 1), "signed after the request expired"))],
        Code.REQUEST_ANSWERED: [
            ("before", judged(twice, "an earlier transfer in it answers the same request")),
            (
                "in-the-store",
                judged(
                    to(amount=AMOUNT - 1), "answered before by another; the amount is wrong too", answers=[by]
                ),
            ),
        ],
        Code.PAYEE_OTHER: [("key", judged(changed, "pays another key than the request's"))],
        Code.AMOUNT_MISMATCH: [("more", judged(to(amount=AMOUNT - 1), "more than was asked"))],
        Code.AMOUNT_OVER_CEILING: [("open", judged(to(is_open=True, amount=AMOUNT - 1), "over the ceiling"))],
        Code.CURRENCY_OTHER: [("asked", judged(to(currency="XXX"), "another currency was asked"))],
        Code.MARK_UNKNOWN: [("lunch", judged(marked, "this version takes no marked money"))],
        Code.TIME_AHEAD: [("a-day", judged(ahead, "dated more than a day ahead"))],
        Code.TOKEN_EXPIRED: [
            ("by-the-clock", judged(usual, "expired by the payee's clock", now=NOW + 91 * DAY))
        ],
        Code.CERTIFICATE_EXPIRED: [("by-the-clock", judged(usual, "expired meanwhile", now=NOW + 61 * DAY))],
        Code.LIMIT_PAYMENT: [
            ("certificate", judged(limited(payment=AMOUNT - 1), "the bank allows less")),
            ("policy", judged(usual, "the policy allows less", policy=codec.encode(low.to_cbor()).hex())),
        ],
        Code.TOTAL_INCONSISTENT: [
            (
                "below",
                judged(
                    deal(WORLD, payer=_fresh(), edit=lambda body: replace(body, total=1)), "below its amount"
                ),
            ),
            ("does-not-rise", judged(two_transfers(total=500), "two transfers, one total")),
            ("number-twice", judged(two_transfers(sequence=1), "two transfers, one number")),
        ],
        Code.LIMIT_TOTAL: [
            ("certificate", judged(limited(total=AMOUNT - 1), "all that it has paid is too much"))
        ],
        Code.LIMIT_HOPS: [("none", judged(limited(hops=0), "may not pay offline"))],
        Code.LIMIT_DAYS: [("none", judged(limited(days=0), "must reconcile first"))],
        Code.REVOKED_CONFLICT: [("signer", judged(usual, "it signed twice", policy=told(Reason.CONFLICT)))],
        Code.REVOKED_COUNTERPART: [("signer", judged(usual, "it was lost", policy=told(Reason.LOST)))],
        Code.TOKEN_CONSUMED_TWICE: [
            (
                "known",
                judged(usual, "the payee saw it spent", consumed=[[token.txid.hex(), token.output, by]]),
            ),
            (
                "output",
                judged(usual, "the payee has spent it", consumed=[[paid.txid.hex(), paid.output, by]]),
            ),
            ("within", judged(_twice_within(), "two transfers of one payment")),
        ],
        Code.PROVENANCE_TOO_LONG: [
            ("64", judged(long_chain_of_change(51), "the payee could not pass it on"))
        ],
        Code.LIMIT_BALANCE: [
            ("held", judged(usual, "with what it holds", balance=50_000_000 - AMOUNT + 1)),
            ("asked", judged(usual, "with what it has asked for", reserved=50_000_000 - AMOUNT + 1)),
        ],
    }


def _answered_twice() -> Deal:
    """Aigul answers a request from her token, and again from the change."""
    payer = _fresh()
    issuance = WORLD.issue(payer, FACE)
    request = WORLD.request(BAURZHAN, 10)
    tokens = list(issued_tokens(issuance))
    made = []
    for _ in range(2):
        made.append(WORLD.transfer(payer, tokens, BAURZHAN.key.public, 10, request_ref(request)))
        tokens = [WORLD.outputs(made[-1], tokens, payer)[1]]
    return Deal(WORLD, payer, BAURZHAN, request, Payment(1, tuple(made), (issuance,), (payer.certificate,)))


def _twice_within() -> Deal:
    """Aigul spends one token on two transfers and merges what came of both in a third hand's payment."""
    payer, friend = _fresh(), WORLD.person("friend")
    issuance = WORLD.issue(payer, 100)
    token = list(issued_tokens(issuance))
    parts = []
    for amount in (60, 70):
        request = WORLD.request(friend, amount)
        parts.append(WORLD.transfer(payer, token, friend.key.public, amount, request_ref(request)))
    got = [WORLD.outputs(part, token, payer)[0] for part in parts]
    request = WORLD.request(BAURZHAN, 130)
    paid = WORLD.transfer(friend, got, BAURZHAN.key.public, 130, request_ref(request))
    payment = Payment(1, (*parts, paid), (issuance,), (payer.certificate, friend.certificate))
    return Deal(WORLD, friend, BAURZHAN, request, payment)


def long_chain_of_change(transfers: int, world: World = WORLD) -> Deal:
    """Aigul pays from the change of the change of the change."""
    payer = _fresh()
    issuance = world.issue(payer, FACE)
    tokens = list(issued_tokens(issuance))
    made = []
    for left in range(transfers, 0, -1):
        request = world.request(BAURZHAN, left)
        made.append(world.transfer(payer, tokens, BAURZHAN.key.public, left, request_ref(request)))
        tokens = [world.outputs(made[-1], tokens, payer)[1]]
    return Deal(world, payer, BAURZHAN, request, Payment(1, tuple(made), (issuance,), (payer.certificate,)))
