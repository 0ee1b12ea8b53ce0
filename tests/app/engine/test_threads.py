"""Taps with all threads that there are in a real app: two workers, a reader's and a card's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.engine.engine import Engine
from app.engine.taps import Devices, in_thread
from app.engine.worker import ThreadWorker
from app.presenters.container import AppContainer, assemble
from app.presenters.views.carrying import Carrier
from app.presenters.views.pay import PayStep
from app.presenters.views.receive import ReceiveStep
from app.wallets.offline import NetworkSwitch
from tests.support.manual_worker import PIN, NetworkSource
from tests.support.posts import Posts
from tests.support.wallets import WalletNetwork
from wallet.transport.nfc import Deadline, DeviceError, LinkLost, ReaderLink
from wallet.transport.nfc import Trouble as DeviceTrouble

AMOUNT = 125_050


class Meeting:
    """A reader and a card in each other's field whenever both wait. Every ``tears``-th APDU is lost."""

    def __init__(self, tears: int) -> None:
        self._changed = threading.Condition()
        self._answer: Callable[[bytes], bytes] | None = None
        self._tears = tears
        self._count = 0

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        with self._changed:
            self._answer = answer
            self._changed.notify_all()
            while self._answer is not None and deadline.left() > 0:
                self._changed.wait(0.02)
            self._answer = None
        return True

    @contextmanager
    def tap(self, deadline: Deadline) -> Iterator[ReaderLink | None]:
        with self._changed:
            while self._answer is None and deadline.left() > 0:
                self._changed.wait(0.02)
        yield None if self._answer is None else self
        with self._changed:
            self._answer = None
            self._changed.notify_all()

    def transceive(self, command: bytes) -> bytes:
        answer = self._answer
        self._count += 1
        if answer is None or (self._tears and self._count % self._tears == 0):
            raise LinkLost
        return answer(command)


class Street:
    """Two apps in one process, and the thread that is both their windows'."""

    def __init__(self, folder: Path, devices: Devices) -> None:
        self.net = WalletNetwork(folder)
        self.net.wallet("alia", 100_000, 50_000)
        self.net.merchant("shop", bank="zhibek")
        self.net.close()
        self.net.wallets.clear()
        self.posts = Posts()
        self.alia = self.opens("alia", devices)
        self.shop = self.opens("shop", devices)

    def opens(self, name: str, devices: Devices) -> AppContainer:
        source = NetworkSource(self.net, name)
        engine = Engine(source, ThreadWorker(), self.posts.post, lambda: self.net.world.now, NetworkSwitch())
        made = assemble(engine, self.net.folder / name, devices)
        for key in PIN:
            made.unlock.press(key)
        made.unlock.submit()
        self.posts.until(lambda: made.unlock.view.is_open)
        return made

    def close(self) -> None:
        self.alia.close()
        self.shop.close()


def devices(meeting: Meeting) -> Devices:
    wait = threading.Event()
    return Devices(
        lambda name: meeting,
        lambda name: meeting,
        in_thread,
        pause=lambda seconds: bool(wait.wait(0.01)),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("tears", [0, 9])
def test_two_apps_pay_by_tap(tmp_path: Path, tears: int) -> None:
    street = Street(tmp_path, devices(Meeting(tears)))
    pay, receive = street.alia.pay, street.shop.receive
    pay.choose(Carrier.TAP)
    receive.choose(Carrier.TAP)
    for key in "1250,50":
        receive.press(key)
    receive.ask()
    street.posts.until(lambda: pay.view.step is PayStep.ASKED)
    assert pay.view.amount == AMOUNT
    pay.accept()
    street.posts.until(lambda: pay.view.step is PayStep.PIN)
    for key in PIN:
        pay.pin_press(key)
    pay.accept()
    street.posts.until(lambda: pay.view.step is PayStep.PAID and receive.view.step is ReceiveStep.RECEIVED)
    assert (receive.view.received, receive.view.repeat_of) == (AMOUNT, None)
    street.close()
    (held,) = [street.net.open("shop").balance().held]
    assert held == AMOUNT
    street.net.close()


def test_closing_while_devices_wait_ends_every_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    street = Street(tmp_path, devices(Meeting(0)))
    street.alia.pay.choose(Carrier.TAP)
    running = [thread for thread in threading.enumerate() if thread not in before]
    assert len(running) == 3
    street.close()
    for thread in running:
        thread.join(30)
        assert not thread.is_alive()


def test_the_radio_is_open_as_long_as_the_device_is_used(tmp_path: Path) -> None:
    said: list[str] = []

    @contextmanager
    def radio(name: str) -> Iterator[None]:
        said.append(f"on {name}")
        yield
        said.append("off")

    def open_card(name: str) -> Meeting:
        said.append("opened")
        return Meeting(0)

    street = Street(tmp_path, Devices(open_card, open_card, in_thread, radio=radio))
    pay = street.alia.pay
    pay.choose(Carrier.TAP)
    taps = pay._taps
    assert taps is not None
    street.posts.until(lambda: pay.view.tap is not None)
    pay.choose(Carrier.QR)
    assert taps._ended.wait(30)
    assert said == ["on auto", "opened", "off"]
    street.close()


def test_a_device_that_cannot_be_used_says_why_and_may_be_tried_again(tmp_path: Path) -> None:
    tried: list[str] = []

    def open_card(name: str) -> Meeting:
        tried.append(name)
        raise DeviceError(DeviceTrouble.NO_CARD_SIDE, name)

    street = Street(tmp_path, Devices(open_card, open_card, in_thread, time.monotonic, lambda seconds: None))
    pay = street.alia.pay
    for attempt in (1, 2):
        pay.choose(Carrier.TAP)
        street.posts.until(lambda: pay.view.trouble is not None)
        assert pay.view.trouble is not None
        assert pay.view.trouble.code == "reader_trouble"
        assert pay.view.trouble.facts == {"device": "auto", "trouble": "no_card_side"}
        assert pay._taps is not None
        assert pay._taps._ended.wait(30)
        assert len(tried) == attempt
    street.close()
