"""A wallet's line to its bank: the device's key is made once, nothing is opened before a call, and whoever stands in
the line sees every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hsm.memory import MemoryKeystore
from ledger_sync.client.bank import BankClient, Service
from ledger_sync.client.connecting import DEVICE_ALIAS, connect
from ledger_sync.http.peers import NoAnswer, RemoteRefusal
from tests.support.wallets import Chance, WalletNetwork
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[WalletNetwork]:
    made = WalletNetwork(tmp_path)
    made.wallet("aigul")
    yield made
    made.close()


def line(net: WalletNetwork, keystore: MemoryKeystore, url: str = NOWHERE, **more: object) -> BankClient:
    wallet = net.wallets["aigul"]
    return connect(wallet, keystore, bank="alatau", url=url, random=Chance("calls"), **more)  # type: ignore[arg-type]


def test_a_device_key_is_made_once(net: WalletNetwork) -> None:
    keystore = MemoryKeystore(Chance("device"), pin="1234")
    first, second = line(net, keystore), line(net, keystore)
    assert first.device_key == second.device_key == keystore.public_key(DEVICE_ALIAS)
    assert keystore.aliases() == {DEVICE_ALIAS}
    assert first.bank == "alatau"


def test_nothing_is_opened_before_a_call_and_a_call_can_be_stopped(net: WalletNetwork) -> None:
    asked: list[bool] = []

    def stopped() -> bool:
        asked.append(True)
        return True

    client = line(net, MemoryKeystore(Chance("device"), pin="1234"), is_stopped=stopped)
    assert asked == []
    with pytest.raises(NoAnswer) as silence:
        client.account()
    assert silence.value.code is Code.UNREACHABLE
    assert asked
    client.close()
    client.close()


def test_what_is_no_address_is_told_before_any_call(net: WalletNetwork) -> None:
    with pytest.raises(NoAnswer) as nowhere:
        line(net, MemoryKeystore(Chance("device"), pin="1234"), url="no address")
    assert nowhere.value.code is Code.UNREACHABLE


class Between:
    """Stands in the line instead of the bank: finds every call stale."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def get(self, path: str) -> Cbor:
        self.seen.append(path.partition("?")[0])
        raise RemoteRefusal(Code.AUTH_STALE)

    def post(self, path: str, value: Cbor) -> Cbor:
        raise AssertionError(path)


def test_who_stands_in_the_line_sees_every_call_and_stale_ones_ask_for_the_time(net: WalletNetwork) -> None:
    between = Between()

    def through(service: Service) -> Service:
        assert hasattr(service, "close"), "the real line"
        return between

    client = line(net, MemoryKeystore(Chance("device"), pin="1234"), through=through)
    with pytest.raises(RemoteRefusal):
        client.account()
    assert between.seen[0] == "/v1/account"
    assert len(between.seen) > 1, "the time is asked for"
