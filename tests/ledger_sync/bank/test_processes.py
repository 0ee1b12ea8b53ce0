"""The bank as a real process over real sockets and SoftHSM, killed and started again while customers use it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ledger_sync import sandbox
from ledger_sync.http.client import ServiceClient
from ledger_sync.sandbox.network import Network
from ledger_sync.sandbox.operator import Order
from tests.ledger_sync.bank.customers import Row
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.support.world import Key, World
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory, parse_directory
from wallet.protocol.settlement import Verdict

A = TypeVar("A")
_MANY = 20_000
"""Questions, one after the other, before a test gives up on an answer."""


class RealTown(LedgerNetwork):
    """The same wallets in front of a sandbox of operating system processes."""

    def __init__(self, home: Path, network: Network | None = None) -> None:
        """``network``: one that runs already."""
        self.home = home
        self.network = network or sandbox.start(home)  # type: ignore[assignment]
        self.world = World()
        self.made_at = None
        self.random = os.urandom
        self._transfers, self._inputs, self._issuances = {}, {}, {}
        self._certificates, self._requests = {}, {}

    @property
    def now(self) -> int:  # type: ignore[override]
        return int(time.time())

    def line(self, service: str, key: Key) -> ServiceClient:
        url = self.network.station(service).url  # type: ignore[attr-defined]
        return ServiceClient(url, key.public, key.sign, self.clock, os.urandom)

    def order(self, service: str, method: str, path: str, value: Cbor = None) -> Cbor:
        (answer,) = sandbox.operate(self.network, [Order(service, method, path, value)])  # type: ignore[arg-type]
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def directory(self) -> Directory:
        root, raw = self.line("alatau", Key.of("anybody")).get("/v1/root")
        assert root == self.network.root
        return Directory.of(parse_directory(raw), root)

    def dies_at(self, bank: str, failpoint: str) -> None:
        """Let a bank run until it gets there."""
        sandbox.kill(self.home, bank)
        sandbox.start(self.home, environment={bank: {"QALTA_FAILPOINT": failpoint}})

    def revive(self, bank: str) -> None:
        """Start a bank that has just been killed, once its process is gone."""
        eventually(self.states, lambda states: states[bank] == "stopped")
        sandbox.start(self.home)

    def states(self) -> dict[str, str]:
        return {status.station.name: status.state.value for status in sandbox.status(self.home)}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTown]:
    home = tmp_path_factory.mktemp("sandbox")
    try:
        yield RealTown(home)
    finally:
        sandbox.stop(home)


def eventually(ask: Callable[[], A], is_it: Callable[[A], bool]) -> A:
    """Ask again until the answer is the one that background work leads to."""
    for _ in range(_MANY):
        answer = ask()
        if is_it(answer):
            return answer
    raise AssertionError("it never came")


def unreachable(action: Callable[..., Any], *values: Any, **named: Any) -> None:
    with pytest.raises(Refusal) as caught:
        action(*values, **named)
    assert caught.value.code is Code.UNREACHABLE


def agree(net: RealTown) -> bool:
    try:
        net.check_books()
    except AssertionError:
        return False
    return True


def test_a_bank_killed_in_the_middle_of_everything_ends_with_the_same_sums(real: RealTown) -> None:
    aigul, baurzhan = real.customer("Aigul"), real.customer("Baurzhan", "zhibek")
    for number, failpoint in enumerate(("bank.fund.debited", "bank.fund.answered")):
        real.dies_at("alatau", failpoint)
        unreachable(aigul.fund_raw, bytes([number]) * 16, 50_000)
        real.revive("alatau")
        first = aigul.fund_raw(bytes([number]) * 16, 50_000)
        assert aigul.fund_raw(bytes([number]) * 16, 50_000) == first
    assert aigul.balance() == OPENING - 100_000

    paid = real.pay(aigul, aigul.fund(400_000), baurzhan, 300_000)
    real.dies_at("alatau", "bank.settle.committed")
    unreachable(aigul.upload, paid)
    real.revive("alatau")
    (row,) = aigul.upload(paid)
    assert row.settlement is not None
    assert row.settlement.verdict is Verdict.SETTLED

    defund = real.defund(baurzhan, real.outputs(paid)[:1])
    real.dies_at("zhibek", "bank.redeem.answered")
    unreachable(baurzhan.upload, defund)
    real.revive("zhibek")

    def redeemed() -> Row:
        return next(row for row in baurzhan.upload(defund) if row.txid == defund.id)

    assert eventually(redeemed, lambda row: row.value is not None).value == 300_000
    assert baurzhan.balance() == OPENING + 300_000
    eventually(lambda: agree(real), bool)


def test_a_payee_at_the_other_bank_finds_a_payment_it_never_saw(real: RealTown) -> None:
    chingiz, dana = real.customer("Chingiz"), real.customer("Dana", "zhibek")
    paid = real.pay(chingiz, chingiz.fund(400_000), dana, 300_000)
    chingiz.upload(paid)
    bundle, rows = eventually(dana.deliveries, lambda page: page[1] != [])
    assert [row.txid for row in rows] == [paid.id]
    assert paid in bundle.transfers
