"""A bank that trickles for ever keeps nobody waiting: the app pays, asks for money, stops, goes offline and closes.

The engine with both its real threads, a real line, and a server in a process of its own that never ends an answer. What
comes back here has been ended from this side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.engine import Engine, Stopped, Ticket, Work
from app.engine.taps import Devices, in_thread
from app.engine.values import Trouble
from app.engine.worker import ThreadWorker
from app.presenters.container import AppContainer, assemble
from app.presenters.views.receive import ReceiveStep
from app.wallets.banking import bank_line
from app.wallets.offline import NetworkSwitch
from app.wallets.opened import OpenWallet
from ledger_sync.client import BankClient, reconcile
from ledger_sync.client.connecting import DEVICE_ALIAS
from tests.support.manual_worker import PIN, NetworkSource
from tests.support.posts import Posts
from tests.support.slow import Slow
from tests.support.wallets import WalletNetwork
from wallet.transport.nfc.devices import open_card, open_reader


class AtSlowBank(NetworkSource):
    """A wallet of the network whose bank is the slow one."""

    def __init__(self, net: WalletNetwork, name: str, url: str, network: NetworkSwitch) -> None:
        super().__init__(net, name)
        self.network = network
        self.url = url

    def open(self, pin: str) -> OpenWallet:
        opened = super().open(pin)
        if DEVICE_ALIAS not in opened.keystore.aliases():
            opened.keystore.create_key(DEVICE_ALIAS)
        return replace(opened, profile=replace(opened.profile, url=self.url))

    def line(self, opened: OpenWallet, is_stopped: Callable[[], bool]) -> AbstractContextManager[BankClient]:  # type: ignore[override]
        return bank_line(opened, os.urandom, is_stopped, self.network)


class Window:
    """The app of one person, and the outcome of the reconciling that hangs."""

    def __init__(self, folder: Path, slow: Slow) -> None:
        self.net = WalletNetwork(folder)
        self.net.wallet("alia", 100_000)
        self.net.merchant("shop")
        self.net.wallets.pop("alia").close()
        self.posts = Posts()
        self.outcomes: list[object] = []
        self.network = NetworkSwitch()
        self.engine = Engine(
            AtSlowBank(self.net, "alia", slow.url, self.network),
            ThreadWorker(),
            self.posts.post,
            lambda: self.net.world.now,
            self.network,
            caller=ThreadWorker("calls"),
        )
        self.container: AppContainer = assemble(
            self.engine, folder / "alia", Devices(open_reader, open_card, in_thread)
        )
        for key in PIN:
            self.container.unlock.press(key)
        self.container.unlock.submit()
        self.posts.until(lambda: self.container.unlock.view.is_open)

    def hang(self) -> Ticket:
        """A reconciling, as far as its first call."""
        steps: list[object] = []

        def job(work: Work) -> object:
            with work.bank() as bank:
                return reconcile(work.wallet, bank, lambda step, count: work.tell(f"sync.{step.value}"))

        ticket = self.engine.submit(job, self.outcomes.append, steps.append, calls=True)
        self.posts.until(lambda: bool(steps))
        return ticket

    def do(self, job: Callable[[Work], object]) -> object:
        """A job that does not call."""
        done: list[object] = []
        self.engine.submit(job, done.append)
        self.posts.until(lambda: bool(done))
        return done[0]

    def outcome(self) -> object:
        self.posts.until(lambda: bool(self.outcomes))
        return self.outcomes[0]


@pytest.fixture(params=["body", "header", "silent"])
def window(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Window]:
    with Slow(request.param) as slow:
        window = Window(tmp_path, slow)
        yield window
        window.container.close()


def test_it_pays_and_asks_for_money_meanwhile(window: Window) -> None:
    ticket = window.hang()
    request = window.net.wallets["shop"].receiving.request(20_000)

    def pay(work: Work) -> bytes:
        paying = work.wallet.paying
        return paying.sign(paying.reserve(request))

    paid = window.do(pay)
    assert isinstance(paid, bytes), paid
    assert window.net.wallets["shop"].receiving.receive(paid, request).code is None
    window.container.receive.press("5")
    window.container.receive.ask()
    window.posts.until(lambda: window.container.receive.view.step is ReceiveStep.ASKING)
    assert window.outcomes == [], "and the reconciling still hangs"
    ticket.cancel()
    assert window.outcome() == Stopped()


def test_asking_about_a_lost_device_keeps_nobody_waiting(window: Window) -> None:
    window.container.lost.refresh()
    assert window.do(lambda work: work.wallet.balance().spendable) == 100_000
    assert window.container.lost.view.busy is not None, "and the bank is still being asked"


def test_it_stops_in_the_middle_of_a_call(window: Window) -> None:
    window.hang().cancel()
    assert window.outcome() == Stopped()


def test_switching_the_network_off_ends_the_call(window: Window) -> None:
    window.hang()
    window.engine.set_network(False)
    outcome = window.outcome()
    assert isinstance(outcome, Trouble)
    assert outcome.code == "network_off"
    window.engine.set_network(True)


def test_the_window_closes(window: Window) -> None:
    window.hang()
    window.container.close()
    assert window.net.open("alia").balance().spendable == 100_000
