"""The whole engine over a real sandbox and a real SoftHSM token, as an app has it: made, locked, opened, online."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.engine.engine import Engine
from app.engine.source import PlaceSource
from app.engine.taps import Devices, in_thread
from app.engine.worker import ThreadWorker
from app.presenters.container import AppContainer, assemble
from app.presenters.views.gate import StartStep
from app.wallets.offline import NETWORK
from app.wallets.opened import system_clock
from app.wallets.places import Home
from ledger_sync import sandbox
from tests.support import stations
from tests.support.posts import Posts

PIN = "24680"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("home"))
    stations.start(home.sandbox)
    try:
        yield home
    finally:
        NETWORK.turn(off=False)
        sandbox.stop(home.sandbox)


class Window:
    """What one start of the app has."""

    def __init__(self, home: Home, name: str) -> None:
        self.posts = Posts()
        place = home.wallet(name)
        engine = Engine(
            PlaceSource(place, system_clock, os.urandom), ThreadWorker(), self.posts.post, system_clock
        )
        self.container: AppContainer = assemble(
            engine, place.folder, Devices(_none, _none, in_thread), holder=name, sandbox=home.sandbox
        )

    def idle(self, presenter) -> None:  # type: ignore[no-untyped-def]
        self.posts.until(lambda: presenter.view.busy is None)

    def unlock(self, pin: str) -> None:
        for key in pin:
            self.container.unlock.press(key)
        self.container.unlock.submit()
        self.idle(self.container.unlock)


def _none(name: str):  # type: ignore[no-untyped-def]
    raise AssertionError


def make(window: Window) -> None:
    start = window.container.start
    start.begin()
    window.idle(start)
    assert start.view.banks == ("alatau", "zhibek")
    start.next()
    start.set_holder("Алия")
    start.choose_bank("zhibek")
    start.next()
    for _ in range(2):
        for key in PIN:
            start.press(key)
        start.next()
    window.posts.until(lambda: start.view.step is not StartStep.MAKING or start.view.trouble is not None)
    assert (start.view.step, start.view.trouble) == (StartStep.DONE, None)


def test_a_wallet_from_first_start_to_the_second(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    first = Window(home, "alia")
    make(first)
    funds = first.container.funds
    for key in "700":
        funds.press(key)
    funds.go()
    first.idle(funds)
    assert (funds.view.moved, funds.view.trouble) == (70_000, None)
    first.container.close()

    second = Window(home, "alia")
    second.unlock("13579")
    assert second.container.unlock.view.trouble is not None
    assert (second.container.unlock.view.trouble.code, second.container.unlock.view.tries_left) == (
        "pin_wrong",
        2,
    )
    second.unlock(PIN)
    assert (second.container.unlock.view.is_open, second.container.unlock.view.holder) == (True, "Алия")

    second.container.home.set_network(False)
    second.container.reconcile.start()
    second.idle(second.container.reconcile)
    assert second.container.reconcile.view.trouble is not None
    assert second.container.reconcile.view.trouble.code == "network_off"
    second.container.home.refresh()
    second.idle(second.container.home)
    view = second.container.home.view
    assert view.balance is not None
    assert (view.bank, view.balance.spendable, view.is_network_on) == ("zhibek", 70_000, False)

    second.container.home.set_network(True)
    second.container.reconcile.start()
    second.idle(second.container.reconcile)
    assert second.container.reconcile.view.is_done
    settings = second.container.settings
    settings.begin_pin()
    for pin in (PIN, "8642", "8642"):
        for key in pin:
            settings.pin_press(key)
        settings.pin_next()
    second.idle(settings)
    assert settings.view.pin_step.value == "changed"
    second.container.close()
    third = Window(home, "alia")
    third.unlock("8642")
    assert third.container.unlock.view.is_open
    third.container.close()
    assert not [record for record in caplog.records if record.name == "qalta.app"]


def test_a_second_window_over_the_same_wallet_is_told(home: Home) -> None:
    first = Window(home, "berik")
    make(first)
    second = Window(home, "berik")
    second.unlock(PIN)
    assert second.container.unlock.view.trouble is not None
    assert second.container.unlock.view.trouble.code == "in_use"
    second.container.close()
    first.container.close()
