"""The first check that fails gives the code: payments that break several rules of SPEC 8.4 at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.test_spec import NUMBERED
from tests.support.deals import AMOUNT, deal, refusal_of
from tests.support.world import DAY, LIMITS, NOW, World
from tests.vectors.good import delta
from wallet.protocol.codes import Code
from wallet.protocol.limits import Commitments
from wallet.protocol.policy import Reason
from wallet.protocol.request import request_ref

WORLD = World()
NUMBERS = {(number, name): int(number.rpartition(".")[2]) for number, name in NUMBERED}
BEFORE = frozenset({b"another".ljust(32)})


def place(code: Code) -> int:
    """The number of a code's check in 8.4."""
    return next(at for (number, name), at in NUMBERS.items() if number.startswith("8.4.") and name == code)


@dataclass(frozen=True)
class Case:
    """What the payee asked for, its policy's limits and its view, as a breaker leaves them."""

    asked: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    view: dict[str, Any] = field(default_factory=dict)
    is_revoked: bool = False
    pays_shop: bool = False


def asking(**asked: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, asked={**case.asked, **asked})


def limiting(**limits: int) -> Callable[[Case], Case]:
    return lambda case: replace(case, limits={**case.limits, **limits})


def seeing(**view: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, view={**case.view, **view})


BREAKERS: dict[Code, Callable[[Case], Case]] = {
    Code.REQUEST_ANSWERED: seeing(answered_by=BEFORE),
    Code.PAYEE_OTHER: lambda case: replace(case, pays_shop=True),
    Code.CURRENCY_OTHER: asking(currency="XXX"),
    Code.AMOUNT_MISMATCH: asking(amount=AMOUNT - 1),
    Code.REQUEST_EXPIRED: asking(expires=NOW - 1),
    Code.CERTIFICATE_EXPIRED: seeing(now=NOW + 61 * DAY),
    Code.LIMIT_PAYMENT: limiting(payment=AMOUNT - 1),
    Code.LIMIT_TOTAL: limiting(total=AMOUNT - 1),
    Code.LIMIT_HOPS: limiting(hops=0),
    Code.LIMIT_DAYS: limiting(days=0),
    Code.REVOKED_COUNTERPART: lambda case: replace(case, is_revoked=True),
    Code.TOKEN_CONSUMED_TWICE: seeing(consumer_of=lambda ref: b"another"),
    Code.LIMIT_BALANCE: seeing(commitments=Commitments(held=LIMITS.balance)),
}


@given(st.sets(st.sampled_from(sorted(BREAKERS)), min_size=1))
def test_of_several_broken_rules_the_lowest_number_gives_the_code(broken: set[Code]) -> None:
    case = reduce(lambda made, code: BREAKERS[code](made), sorted(broken), Case())
    payer, payee, shop = WORLD.person("Aigul"), WORLD.person("Baurzhan", bank="zhibek"), WORLD.person("Shop")
    request = WORLD.request(payee, **{"amount": AMOUNT, **case.asked})
    key = shop.key.public if case.pays_shop else payee.key.public
    made = deal(
        WORLD,
        payer=payer,
        payee=payee,
        edit=lambda body: replace(body, purpose=request_ref(request), payee=key),
    )
    deltas = (delta(1, (payer, Reason.LOST)),) if case.is_revoked else ()
    policy = WORLD.policy(*deltas, limits=replace(LIMITS, **case.limits))
    made = replace(made, request=request)
    assert refusal_of(lambda: made.accept(policy=policy, **case.view)) is min(broken, key=place)
