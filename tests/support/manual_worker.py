"""A wallet's worker and a window's thread, turned by hand: nothing happens before a test says so, and all in one
thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.engine.engine import Engine
from app.engine.taps import Devices, Rounds
from app.presenters.container import AppContainer, assemble
from app.presenters.views.carrying import Shown
from app.wallets.banking import NetworkGate
from app.wallets.making import Tell, WalletSpec
from app.wallets.offline import NetworkSwitch
from app.wallets.opened import OpenWallet
from app.wallets.places import Profile, WalletDir
from ledger_sync.client.bank import BankClient
from ledger_sync.client.timing import keep_time
from tests.support.holders import Holder
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc.ports import CardDevice, Deadline, LinkLost, ReaderDevice, ReaderLink, Responder
from wallet.transport.qr import FrameEncoder

T = TypeVar("T")
PIN = "1234"


class ManualWorker:
    """A worker that works while ``turn`` is called, or while a tap waits for it."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.is_closed = False

    def put(self, job: Callable[[], None]) -> None:
        if not self.is_closed:
            self.jobs.append(job)

    def call(self, job: Callable[[], T]) -> T:
        self.turn()
        return job()

    def behind_card(self, wallet: Responder) -> Responder:
        return wallet

    def close(self, last: Callable[[], None]) -> None:
        self.turn()
        self.is_closed = True
        last()

    def turn(self) -> None:
        while self.jobs:
            self.jobs.popleft()()


class NoPlace:
    """A source whose wallets are somewhere else than in a folder of ours: making and the bank are not to be had."""

    def make(self, wish: WalletSpec, pin: str, tell: Tell, is_stopped: Callable[[], bool]) -> OpenWallet:
        raise Refusal(Code.UNREACHABLE)

    @contextmanager
    def line(self, opened: OpenWallet, is_stopped: Callable[[], bool]) -> Iterator[BankClient]:
        raise Refusal(Code.UNREACHABLE)
        yield

    def close(self, opened: OpenWallet) -> None:
        """The network closes its wallets."""


class NetworkSource(NoPlace):
    """A wallet of a `WalletNetwork`. Opening it again is what a new process does after a kill."""

    def __init__(self, net: WalletNetwork, name: str) -> None:
        self.net = net
        self.name = name

    def open(self, pin: str) -> OpenWallet:
        net = self.net
        keystore = net.keystores[self.name] = net.keystores[self.name].reopen(
            pin, clock=lambda: net.world.now
        )
        return _opened(self.net.folder / self.name, self.name, keystore, self.net.open(self.name))

    def close(self, opened: OpenWallet) -> None:
        self.net.wallets.pop(self.name).close()


class HolderSource(NoPlace):
    """The wallet of a `Holder`, whose bank answers. ``called`` hears of every call before it goes out; ``path`` is
    where to."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.network = NetworkSwitch()
        self.called: Callable[[int], None] = lambda count: None
        self.count = 0
        self.path = ""

    def open(self, pin: str) -> OpenWallet:
        self.holder.keystore.confirm_pin(pin)
        self.holder.wallet.close()
        self.holder.start()
        return _opened(self.holder.folder, self.holder.name, self.holder.keystore, self.holder.wallet)

    @contextmanager
    def line(self, opened: OpenWallet, is_stopped: Callable[[], bool]) -> Iterator[BankClient]:
        client = self.holder.bank_client
        line = NetworkGate(_Counted(self, client._service), self.network)
        bank = BankClient(line, client.bank, client.device_key)
        keep_time(opened.wallet, bank, self.holder.system.chance("nonces of the app"))
        yield bank


@dataclass
class _Counted:
    source: HolderSource
    service: object

    def get(self, path: str) -> object:
        return self._called(path).get(path)

    def post(self, path: str, value: object) -> object:
        return self._called(path).post(path, value)

    def _called(self, path: str):  # type: ignore[no-untyped-def]
        self.source.path = path
        self.source.count += 1
        self.source.called(self.source.count)
        return self.service


def _opened(folder: Path, name: str, keystore, wallet) -> OpenWallet:  # type: ignore[no-untyped-def]
    profile = Profile("alatau", "http://alatau.test:8000", "", "", "person", name)
    return OpenWallet(WalletDir(name, folder), profile, keystore, wallet)


class Field:
    """Where the device of a reader and that of a card meet. APDUs pass until ``cut`` says that the n-th is lost
    ``before`` or ``after`` it was answered."""

    def __init__(self) -> None:
        self.cut: Callable[[int], str | None] = lambda number: None
        self.count = 0
        self.now = 0.0
        self.reader: Rounds | None = None
        self._answer: Callable[[bytes], bytes] | None = None

    def devices(self, spawn: Callable[[Rounds], None]) -> Devices:
        return Devices(lambda name: self, lambda name: self, spawn, lambda: self.now, self.pause)

    def pause(self, seconds: float) -> None:
        self.now += seconds

    @contextmanager
    def tap(self, deadline: Deadline) -> Iterator[ReaderLink | None]:
        yield None if self._answer is None else self

    def transceive(self, command: bytes) -> bytes:
        assert self._answer is not None
        number, self.count = self.count, self.count + 1
        when = self.cut(number)
        if when == "before":
            raise LinkLost
        answer = self._answer(command)
        if when == "after":
            raise LinkLost
        return answer

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        assert self.reader is not None
        self.count = 0
        self._answer = answer
        try:
            next(self.reader, None)
        finally:
            self._answer = None
        return True


@dataclass
class Person:
    """Somebody with a window: its presenters, its worker and what was posted, turned by ``settle``."""

    container: AppContainer
    worker: ManualWorker
    posted: deque[Callable[[], None]]
    network: NetworkSwitch
    rounds: list[Rounds]

    def settle(self) -> None:
        """Until nothing is left to do in either thread."""
        while self.worker.jobs or self.posted:
            self.worker.turn()
            if self.posted:
                self.posted.popleft()()

    def type(self, press: Callable[[str], None], keys: str) -> None:
        for key in keys:
            press(key)
        self.settle()

    def unlock(self, pin: str = PIN) -> Person:
        self.type(self.container.unlock.press, pin)
        self.container.unlock.submit()
        self.settle()
        return self

    def kill(self) -> None:
        """The process is gone, and its switch with it: nothing that was under way is ever done."""
        self.network.turn(off=False)
        self.worker.jobs.clear()
        self.posted.clear()


def person(source, now: Callable[[], int], folder: Path, field: Field | None = None) -> Person:  # type: ignore[no-untyped-def]
    worker, posted = ManualWorker(), deque[Callable[[], None]]()
    network = getattr(source, "network", None) or NetworkSwitch()
    engine = Engine(source, worker, posted.append, now, network)
    rounds: list[Rounds] = []
    devices = Devices(_no_reader, _no_card, rounds.append) if field is None else field.devices(rounds.append)
    return Person(assemble(engine, folder, devices), worker, posted, network, rounds)


def _no_reader(name: str) -> ReaderDevice:
    raise AssertionError("no reader in this test")


def _no_card(name: str) -> CardDevice:
    raise AssertionError("no card in this test")


def shows(shown: Shown | None, seen: Callable[[str], None]) -> None:
    """One screen's code before another's camera, until all of it was there once."""
    assert shown is not None
    encoder = FrameEncoder(shown.message)
    for number in range(encoder.chunk_count):
        seen(encoder.frame(number))
