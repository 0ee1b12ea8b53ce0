"""Payments to Dina in every variety: what vectors of acceptance are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.support.vectors import Vector
from tests.support.world import LIMITS, NOW, Key, Person
from tests.vectors.good import WORLD
from tests.vectors.handmade import ASEL, BOLAT, DINA, handed, out, paid, shown
from tests.vectors.policies import bank_change, delta, encoded, head
from wallet.protocol.certificate import Limits
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate, Reason
from wallet.protocol.request import Request, request_ref

POLICY: Final = WORLD.policy_key
SOMEBODY: Final = Key.of("somebody else").public[1:].hex()


@dataclass(frozen=True)
class Sale:
    """Dina asks for 100; Asel (or ``payer``) pays from an issued token of 150, and gets 50 back.

    ``edits``: fields of the transfer, ``asked``: of the request, ``seen``: what the payee knows, ``limits``: the
    policy's.
    """

    payer: Person = field(default_factory=lambda: ASEL)
    payee: Person = field(default_factory=lambda: DINA)
    edits: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    issued: dict[str, Any] = field(default_factory=dict)
    limits: Limits = LIMITS
    deltas: tuple[Any, ...] = ()
    gossip: PolicyUpdate | None = None

    @property
    def request(self) -> Signed[Request]:
        return WORLD.request(self.payee, **{"amount": 100, **self.asked})

    @property
    def payment(self) -> Payment:
        issued = WORLD.issue(self.payer, 150, **self.issued)
        usual: dict[str, Any] = {"change": 50, "purpose": request_ref(self.request), "time": NOW}
        edits = {name: item for name, item in self.edits.items() if name != "to"}
        to = self.edits.get("to", self.payee.key)
        transfer = handed(self.payer.key, [out(issued)], to, 100, **{**usual, **edits})
        return paid([transfer], [issued], [self.payer], policy=self.gossip)

    def judged(self, note: str, payment: Payment | None = None) -> Vector:
        policy = encoded(head(len(self.deltas), NOW, POLICY, self.limits), *self.deltas).hex()
        view = {
            "request": self.request.encode().hex(),
            "policy": policy,
            "now": NOW,
            "balance": 0,
            "reserved": 0,
        }
        knows = {**view, "consumed": [], **self.seen}
        made = shown(payment or self.payment, note, payee=knows)
        del made["fields"]
        return made


def limited(payer: Person = ASEL, **changes: Any) -> Person:
    """Asel under a certificate with other limits, or another running total, or other times."""
    named = ("balance", "payment", "hops", "days")
    limits = {name: item for name, item in changes.items() if name in named}
    others = {name: item for name, item in changes.items() if name not in (*named, "limit_total")}
    if "limit_total" in changes:
        limits["total"] = changes["limit_total"]
    return WORLD.person(payer.key.name, limits=replace(LIMITS, **limits), **others)


USUAL: Final = Sale()


# policies


def revoking(person: Person, reason: Reason, *, by: Key = POLICY, version: int = 1) -> Signed[Any]:
    return delta(version, NOW + version, by, revoked=((person, reason),))


def gossip(newest: int, *deltas: Signed[Any], by: Key = POLICY, limits: Limits = LIMITS) -> PolicyUpdate:
    return PolicyUpdate(head(newest, NOW + 50, by, limits), deltas)


TULPAR: Final = WORLD.person("Asel", bank="tulpar")
NEW_BANK: Final = delta(1, NOW + 1, POLICY, bank_change("tulpar", "Tulpar", WORLD.bank_key("tulpar")))
FORGER: Final = Key.of("somebody else")


def passed_on(request: Signed[Request], first: Person = ASEL) -> Payment:
    """Asel paid Bolat, who pays Dina."""
    issued = WORLD.issue(ASEL, 150)
    got = handed(ASEL.key, [out(issued)], BOLAT.key, 150)
    last = handed(BOLAT.key, [out(got)], DINA.key, 100, 50, purpose=request_ref(request))
    return paid([got, last], [issued], [first, BOLAT])


# several new transfers


def several(
    request: Signed[Request], *parts: dict[str, Any], payers: Sequence[Person] = (ASEL, BOLAT)
) -> Payment:
    """One purse pays by several keys: each part a transfer, its fields as given, of 60 and then 40."""
    issuances = [
        WORLD.issue(payer, 60 if n == 0 else 40, **part.get("issued", {}))
        for n, (payer, part) in enumerate(zip(payers, parts, strict=True))
    ]
    usual = [{"sequence": 1, "total": 60}, {"sequence": 2, "total": 100}]
    transfers = []
    for n, part in enumerate(parts):
        edits = {**usual[n], **{name: item for name, item in part.items() if name not in ("issued", "to")}}
        amount = edits.pop("amount", 60 if n == 0 else 40)
        fields = {"purpose": request_ref(request), **edits}
        transfers.append(
            handed(payers[n].key, [out(issuances[n])], part.get("to", DINA).key, amount, **fields)
        )
    people = {payer.certificate.id: payer for payer in payers}
    return paid(transfers, issuances, list(people.values()), new=len(parts))


def beside() -> tuple[Sale, Payment]:
    """A printed code was answered with 50; then 50 are paid from the change, and both are called new."""
    printed = Sale(asked={"nonce": None, "amount": 100})
    ref = request_ref(printed.request)
    before = WORLD.issue(ASEL, 150)
    earlier = handed(ASEL.key, [out(before)], DINA.key, 50, 100, purpose=ref)
    later = handed(ASEL.key, [out(earlier, 1)], DINA.key, 50, 50, purpose=ref, sequence=2, total=100)
    return printed, paid([earlier, later], [before], [ASEL], new=2)
