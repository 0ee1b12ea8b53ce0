"""Whatever is asked, confirmed, lost and answered, in any order: nobody signs without the PIN, and exactly those are
warned of whom a payment may be paid a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from hsm.keystore import KeystoreError
from tests.flow.test_flows import Market
from wallet.flow import PayFlow, ReceiveFlow
from wallet.session import PayerState

PAYEES = ("berik", "saule")
AMOUNTS = (1_000, 2_000)


@dataclass(frozen=True)
class Deal:
    """One request and what two people do about it. ``minutes`` pass first; ``heard``: how far its messages get."""

    payee: str
    amount: int
    is_open: bool
    minutes: int
    pin: str
    heard: int


DEALS = st.builds(
    Deal,
    payee=st.sampled_from(PAYEES),
    amount=st.sampled_from(AMOUNTS),
    is_open=st.booleans(),
    minutes=st.sampled_from([0, 0, 30, 61]),
    pin=st.sampled_from(["1234", "1234", "1234", "9999"]),
    heard=st.integers(0, 2),
)


@dataclass
class Signed:
    """A payment as anybody can count it: when, to whom, how much, until when its request is good, and whether it has
    its receipt."""

    id: bytes
    at: int
    payee: str
    amount: int
    expires: int
    is_answered: bool = False


def alike(signed: list[Signed], deal: Deal, now: int) -> list[bytes]:
    """In the order of their seconds; those of one second by their ids."""
    return [
        item.id
        for item in sorted(signed, key=lambda item: (item.at, item.id))
        if (item.payee, item.amount, item.is_answered) == (deal.payee, deal.amount, False)
        and now <= item.expires
    ]


@settings(max_examples=25)
@given(st.lists(DEALS, min_size=2, max_size=7))
def test_who_may_pay_twice_is_warned_and_nobody_signs_without_the_pin(deals: list[Deal]) -> None:
    with TemporaryDirectory() as folder:
        market = Market(Path(folder))
        try:
            go(market, deals)
        finally:
            market.net.close()


def go(market: Market, deals: list[Deal]) -> None:
    signed: list[Signed] = []
    for deal in deals:
        market.net.world.now += 60 * deal.minutes
        now = market.net.world.now
        asking = market.asks(deal.payee, deal.amount, is_open=deal.is_open)
        flow = PayFlow(market.aigul)
        status = flow.hear(asking.request_message)
        if deal.is_open:
            assert status.alike == ()
            status = flow.consider(deal.amount)
        assert [item.id for item in status.alike] == alike(signed, deal, now)
        before = market.aigul.balance().spendable
        try:
            status = flow.confirm(deal.amount, lambda pin=deal.pin: market.gate(pin))  # type: ignore[misc]
        except KeystoreError:
            assert (deal.pin, flow.status().state) == ("9999", PayerState.REQUESTED)
            assert market.aigul.balance().spendable == before
            market.gate()  # the right PIN in between, so that wrong ones never block it
            continue
        assert deal.pin == "1234"
        assert status.payment is not None
        signed.append(
            Signed(status.payment.id, now, deal.payee, deal.amount, asking.status().request.body.expires)
        )
        if deal.heard:
            signed[-1].is_answered = answered(flow, asking, deal)
    assert {item.id for item in market.aigul.unfinished()} == {
        item.id for item in signed if not item.is_answered
    }
    got = sum(market.net.wallets[name].balance().held for name in PAYEES)
    heard = sum(deal.amount for deal in deals if deal.heard and deal.pin == "1234")
    assert got == heard


def answered(flow: PayFlow, asking: ReceiveFlow, deal: Deal) -> bool:
    """The payment arrives; and its receipt, where that is heard as well."""
    message = flow.status().message
    assert message is not None
    (came,) = asking.hear(message).came
    assert (came.received.amount, came.received.code) == (deal.amount, None)
    if deal.heard < 2:
        return False
    status = flow.hear(came.receipt)
    assert [item.id for item in status.answered] == [status.payment.id if status.payment else b""]
    return True
