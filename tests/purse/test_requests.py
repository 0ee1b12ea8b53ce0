"""Open requests are seen, hold room under the limit, and hold none once they are cancelled; what still comes for a
cancelled one is judged by the room there is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code
from wallet.protocol.request import request_ref

LIMIT = 100_000


@pytest.fixture
def net(tmp_path: Path) -> WalletNetwork:
    return WalletNetwork(tmp_path)


def test_what_is_open_is_seen_with_what_it_holds(net: WalletNetwork) -> None:
    shop = net.merchant("shop")
    exact, printed = (
        shop.receiving.request(7_000, memo="нан"),
        shop.receiving.request(9_000, printed=True, is_open=True),
    )
    brief = shop.receiving.request(2_000, valid_for=30)
    found = {item.ref: item for item in shop.requests.open()}
    assert found.keys() == {request_ref(request) for request in (exact, printed, brief)}
    assert [found[request_ref(request)].is_printed for request in (exact, printed)] == [False, True]
    assert shop.requests.held() == 9_000
    net.world.now += 31
    assert shop.requests.held() == 7_000
    net.wallet("asel", 50_000)
    net.pay("asel", "shop", 3_000)
    asel = net.wallets["asel"].paying
    assert shop.receiving.receive(asel.sign(asel.reserve(exact))).code is None
    assert [item.ref for item in shop.requests.open()] == [request_ref(printed)]
    assert shop.requests.held() == 0


def test_a_cancelled_one_holds_no_room_also_after_a_restart(net: WalletNetwork) -> None:
    shop = net.merchant("shop")
    limit = shop.reconciling.certificate.body.limits.balance  # type: ignore[union-attr]
    request = shop.receiving.request(limit)
    with refused(Code.LIMIT_BALANCE) as caught:
        shop.receiving.request(1)
    assert caught.value.facts["requests"] == limit
    shop.requests.cancel(request_ref(request))
    shop.requests.cancel(request_ref(request))
    shop = net.open("shop")
    assert shop.requests.open() == ()
    assert request_ref(request) not in {request_ref(item) for item in shop.receiving.unanswered()}
    shop.receiving.request(limit)
    with refused(Code.REQUEST_UNKNOWN):
        shop.requests.cancel(bytes(16))


def test_what_comes_for_a_cancelled_one_is_received_if_there_is_room(net: WalletNetwork) -> None:
    shop = net.merchant("shop")
    limit = shop.reconciling.certificate.body.limits.balance  # type: ignore[union-attr]
    net.wallet("asel", 50_000)
    asel = net.wallets["asel"].paying
    first, second = shop.receiving.request(20_000), shop.receiving.request(20_000)
    for request in (first, second):
        shop.requests.cancel(request_ref(request))
    assert shop.receiving.receive(asel.sign(asel.reserve(first))).code is None
    shop.receiving.request(limit - 20_000)
    assert shop.receiving.receive(asel.sign(asel.reserve(second))).code is Code.LIMIT_BALANCE


@given(amounts=st.lists(st.integers(1, 5_000), max_size=6), cancelled=st.sets(st.integers(0, 5)))
def test_room_is_held_by_exactly_what_is_listed(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[int], cancelled: set[int]
) -> None:
    with closing(WalletNetwork(tmp_path_factory.mktemp("net"))) as net:
        shop = net.merchant("shop")
        made = [shop.receiving.request(amount) for amount in amounts]
        for index in cancelled:
            if index < len(made):
                shop.requests.cancel(request_ref(made[index]))
        left = [amount for index, amount in enumerate(amounts) if index not in cancelled]
        assert sorted(item.request.body.amount for item in shop.requests.open()) == sorted(left)
        assert shop.requests.held() == sum(left)
