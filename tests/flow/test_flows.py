"""A payment as whoever builds a wallet drives it: what stands, who is warned, and nothing signed without a PIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hsm.keystore import KeystoreCode, KeystoreError
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.flow import PayFlow, PayStatus, ReceiveFlow
from wallet.protocol.codes import Code, Refusal
from wallet.session import LocalError, PayeeState, PayerState

AMOUNT = 12_500
PIN = "1234"


class Market:
    """Aigul with money, Berik and Saule who ask for it."""

    def __init__(self, folder: Path) -> None:
        self.net = WalletNetwork(folder)
        self.aigul = self.net.wallet("aigul", 50_000, 50_000, 50_000)
        self.berik = self.net.wallet("berik")
        self.saule = self.net.wallet("saule")

    def asks(
        self, name: str = "berik", amount: int = AMOUNT, *, is_open: bool = False, printed: bool = False
    ) -> ReceiveFlow:
        wallet = self.net.wallets[name]
        return ReceiveFlow(wallet, wallet.receiving.request(amount, is_open=is_open, printed=printed))

    def considers(self, request: ReceiveFlow) -> tuple[PayFlow, PayStatus]:
        flow = PayFlow(self.aigul)
        return flow, flow.hear(request.request_message)

    def gate(self, pin: str = PIN) -> None:
        self.net.keystores["aigul"].confirm_pin(pin)

    def signs(self, request: ReceiveFlow, amount: int = AMOUNT) -> PayStatus:
        """A payment that its payee has not seen."""
        flow, _ = self.considers(request)
        status = flow.confirm(amount, self.gate)
        assert status.state is PayerState.SIGNED or status.message is not None
        return status


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    market = Market(tmp_path)
    yield market
    market.net.close()


def test_a_payment_from_request_to_receipt(market: Market) -> None:
    asking = market.asks()
    flow, status = market.considers(asking)
    assert (status.state, status.amount, status.alike, status.message) == (
        PayerState.REQUESTED,
        AMOUNT,
        (),
        None,
    )
    signed = flow.confirm(AMOUNT, market.gate)
    assert (signed.is_found, signed.payment is None) == (False, False)
    assert signed.message is not None
    got = asking.hear(signed.message)
    assert [came.received.amount for came in got.came] == [AMOUNT]
    assert got.answer is got.came[0]
    assert asking.status().came == ()
    paid = flow.hear(got.came[0].receipt)
    assert (paid.state, [item.id for item in paid.answered]) == (PayerState.ACKNOWLEDGED, [paid.payment.id])  # type: ignore[union-attr]
    assert flow.status().answered == ()
    assert (market.aigul.balance().held, market.berik.balance().held) == (150_000 - AMOUNT, AMOUNT)


def test_nothing_is_reserved_before_the_pin_was_checked(market: Market) -> None:
    flow, status = market.considers(market.asks())
    with pytest.raises(KeystoreError) as wrong:
        flow.confirm(AMOUNT, lambda: market.gate("9999"))
    assert wrong.value.code is KeystoreCode.PIN_WRONG
    assert (market.aigul.unfinished(), flow.status().state) == ((), status.state)
    assert flow.confirm(AMOUNT, market.gate).message is not None


@pytest.mark.parametrize("is_open", [False, True])
def test_who_is_asked_anew_for_what_was_signed_a_moment_ago_is_told_so(
    market: Market, *, is_open: bool
) -> None:
    first = market.signs(market.asks(is_open=is_open))
    assert first.payment is not None
    flow, status = market.considers(market.asks(is_open=is_open))
    if is_open:
        assert status.alike == ()
        assert flow.consider(AMOUNT - 1).alike == ()
        status = flow.consider(AMOUNT)
    assert [item.id for item in status.alike] == [first.payment.id]
    assert flow.confirm(AMOUNT, market.gate).alike == ()  # warned of, and not refused


def test_who_is_warned_may_show_what_was_signed_before_instead(market: Market) -> None:
    asking = market.asks()
    first = market.signs(asking)
    assert first.payment is not None
    flow, _ = market.considers(market.asks())
    with pytest.raises(LocalError):
        flow.show_again(bytes(16))
    again = flow.show_again(first.payment.id)
    assert (again.state, again.is_found, again.message) == (PayerState.SHOWN, True, first.message)
    assert (again.payment.id, again.alike) == (first.payment.id, ())  # type: ignore[union-attr]
    assert first.message is not None
    (came,) = asking.hear(first.message).came
    assert flow.hear(came.receipt).state is PayerState.ACKNOWLEDGED
    assert market.aigul.balance().spendable == 150_000 - AMOUNT


def test_nobody_is_warned_of_what_is_another_payment(market: Market) -> None:
    asking = market.asks()
    signed = market.signs(asking)
    assert signed.message is not None
    assert market.considers(market.asks(amount=AMOUNT + 1))[1].alike == ()
    assert market.considers(market.asks("saule"))[1].alike == ()
    assert market.considers(asking)[1].is_found  # the same request: the same payment
    came = asking.hear(signed.message).came
    PayFlow(market.aigul).hear(came[0].receipt)
    assert market.considers(market.asks())[1].alike == ()  # it has its receipt


def test_a_payment_whose_request_expired_is_warned_of_no_more(market: Market) -> None:
    expires = market.signs(market.asks()).request
    assert expires is not None
    market.net.world.now = expires.body.expires
    assert len(market.considers(market.asks())[1].alike) == 1
    market.net.world.now += 1
    assert market.considers(market.asks())[1].alike == ()


def test_what_the_purse_refuses_is_told_apart_from_what_others_get_wrong(market: Market) -> None:
    flow, status = market.considers(market.asks(amount=400_000))
    assert status.refused is not None
    assert (status.state, status.refused.code, status.objections) == (PayerState.IDLE, Code.FUNDS_SHORT, ())
    status = flow.hear(b"noise")
    assert (status.refused, [item.code for item in status.objections]) == (None, [Code.MALFORMED_CBOR])
    with pytest.raises(LocalError):
        flow.confirm(AMOUNT, market.gate)


def test_a_printed_code_is_paid_anew_only_by_who_says_so(market: Market) -> None:
    code = market.asks(printed=True)
    first = market.signs(code)
    flow, status = market.considers(code)
    assert first.payment is not None
    assert (status.state, [item.id for item in status.earlier]) == (
        PayerState.PAID_BEFORE,
        [first.payment.id],
    )
    anew = flow.pay_anew()
    assert (anew.state, anew.alike) == (PayerState.REQUESTED, ())
    assert flow.confirm(AMOUNT, market.gate).payment != first.payment
    again, _ = market.considers(code)
    shown = again.show_again(first.payment.id)
    assert (shown.is_found, shown.message) == (True, first.message)


def test_a_refusal_never_hides_money_that_a_request_brought(market: Market) -> None:
    asking = market.asks()
    first, second = market.signs(asking), market.net.wallet("dana", 50_000)
    other = PayFlow(second)
    other.hear(asking.request_message)
    late = other.confirm(AMOUNT, lambda: market.net.keystores["dana"].confirm_pin(PIN))
    assert first.message is not None
    assert late.message is not None
    asking.hear(first.message)
    status = asking.hear(late.message)
    assert [came.received.code for came in status.came] == [Code.REQUEST_ANSWERED]
    assert [item.code for item in status.objections] == [Code.REQUEST_ANSWERED]
    assert status.answer is not None
    assert (status.answer.received.code, status.answer.received.amount) == (None, AMOUNT)


def test_an_expired_request_is_shown_no_more_and_its_money_still_comes(market: Market) -> None:
    asking = market.asks()
    signed = market.signs(asking)
    market.net.world.now += DAY
    status = asking.tick(market.net.world.now)
    assert (status.message, status.state) == (None, PayeeState.EXPIRED)
    assert [item.code for item in status.objections] == [Code.REQUEST_EXPIRED]
    assert signed.message is not None
    assert [came.received.code for came in asking.hear(signed.message).came] == [None]


def test_a_request_that_is_not_of_this_wallet_is_none(market: Market) -> None:
    with pytest.raises(Refusal) as unknown:
        ReceiveFlow.resume(market.berik, bytes(16))
    assert unknown.value.code is Code.REQUEST_UNKNOWN
