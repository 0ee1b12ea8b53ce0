"""Jobs for the open wallet, in the worker's thread; those that call the bank, in another; what comes of them, in the
window's.

Rule: a job that has begun a durable step ends it; it is cancelled between steps only, and what it did stays done. A
call is no durable step: cancelling, switching the network off and closing end it at once. Whatever waits for a bank,
the wallet's own thread goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from app.engine.source import Source
from app.engine.troubles import trouble_of
from app.engine.values import Busy, Trouble
from app.engine.worker import Worker
from app.wallets.making import Tell, WalletSpec
from app.wallets.offline import NETWORK, NetworkSwitch
from app.wallets.opened import OpenWallet
from hsm.keystore import Keystore, KeystoreCode, KeystoreError
from ledger_sync.client.bank import BankClient
from wallet.protocol.codes import Refusal
from wallet.wallet import Wallet

T = TypeVar("T")
Post = Callable[[Callable[[], None]], None]
"""Have a function called in the window's thread, soon and in order."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The outcome of a job that was cancelled."""


Outcome: TypeAlias = T | Trouble | Stopped


class _Cancelled(Exception):
    """Ends a job between two steps."""


class Ticket:
    """A job that was submitted. ``cancel`` ends it before its next step, and a call that is under way at once."""

    def __init__(self) -> None:
        self._is_cancelled = threading.Event()

    def cancel(self) -> None:
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled.is_set()


class Work:
    """What a job gets: the open wallet, its bank, and a way to say how far it is."""

    def __init__(self, engine: Engine, ticket: Ticket, busy: Callable[[Busy], None]) -> None:
        self._engine = engine
        self._ticket = ticket
        self._busy = busy

    @property
    def opened(self) -> OpenWallet:
        """KeystoreError: LOCKED before a wallet is open."""
        return self._engine.opened()

    @property
    def wallet(self) -> Wallet:
        return self.opened.wallet

    @property
    def keystore(self) -> Keystore:
        return self.opened.keystore

    def check(self) -> None:
        """Between two steps: ends the job if it was cancelled."""
        if self._ticket.is_cancelled:
            raise _Cancelled

    def make(self, wish: WalletSpec, pin: str, tell: Tell) -> OpenWallet:
        """As `Engine.make`; its calls end with this job."""
        try:
            return self._engine.make(wish, pin, tell, self.is_stopped)
        except Refusal:
            self.check()
            raise

    def tell(self, step: str, done: int = 0, total: int = 0) -> None:
        """A step begins: ``step`` is a name of the catalogue. What takes several goes on after the next start, if the
        engine is being closed."""
        self.check()
        if self._engine.is_closing:
            raise _Cancelled
        self._busy(Busy(step, done, total))

    @contextmanager
    def bank(self) -> Iterator[BankClient]:
        """UNREACHABLE, at once, while the network is switched off."""
        self._engine.network.check()
        with self._engine.source.line(self.opened, self.is_stopped) as bank:
            try:
                yield bank
            except Refusal:
                self.check()
                raise

    def is_stopped(self) -> bool:
        """Whether calls are to end: asked while they wait."""
        engine = self._engine
        return self._ticket.is_cancelled or engine.is_closing or engine.network.is_off

    @property
    def account(self) -> int | None:
        """What the bank said last, in tiyn."""
        return self._engine.account

    def note_account(self, balance: int) -> None:
        """What the bank said is on the account, in tiyn."""
        self._engine.account = balance

    def account_afterwards(self, bank: BankClient) -> int | None:
        """Tiyn on the account once something was done, None where that cannot be known now: what was done is done, also
        where the bank cannot be asked any more."""
        self._engine.account = None
        with suppress(Refusal, KeystoreError):
            self.note_account(bank.account().balance)
        return self.account


class Engine:
    """``now`` gives unix seconds. ``account``: what the bank said last, in tiyn. Methods are for the window's thread,
    and ``opened`` for the workers'. ``caller`` is the worker whose jobs wait for the bank; by default the same one."""

    def __init__(
        self,
        source: Source,
        worker: Worker,
        post: Post,
        now: Callable[[], int],
        network: NetworkSwitch = NETWORK,
        caller: Worker | None = None,
    ) -> None:
        self.source = source
        self.worker = worker
        self._caller = worker if caller is None else caller
        self.now = now
        self.network = network
        self.account: int | None = None
        self._post = post
        self._opened: OpenWallet | None = None
        self.is_closing = False

    # the window's thread

    def submit(
        self,
        job: Callable[[Work], T],
        done: Callable[[Outcome[T]], None],
        busy: Callable[[Busy], None] = lambda busy: None,
        *,
        calls: bool = False,
    ) -> Ticket:
        """Run ``job`` in the worker's thread, or, where it ``calls`` the bank, in the other one; ``done`` and ``busy``
        are called in the window's."""
        ticket = Ticket()
        work = Work(self, ticket, lambda step: self.post(lambda: busy(step)))

        def run() -> None:
            outcome = _outcome(job, work)
            self.post(lambda: done(outcome))

        (self._caller if calls else self.worker).put(run)
        return ticket

    def post(self, news: Callable[[], None]) -> None:
        """From any thread: ``news`` is called in the window's, unless the engine is being closed."""
        if not self.is_closing:
            self._post(news)

    @property
    def is_network_on(self) -> bool:
        return not self.network.is_off

    def set_network(self, on: bool) -> None:
        """Off: every socket of this process that would reach another host is refused, and no call goes out."""
        self.network.turn(off=not on)

    def close(self) -> None:
        """End the calls under way, do what else was submitted, close the wallet and end the threads. Again is
        success."""
        self.is_closing = True
        if self._caller is not self.worker:
            self._caller.close(_nothing)
        self.worker.close(self._let_go)

    # the worker's thread

    def opened(self) -> OpenWallet:
        if self._opened is None:
            raise KeystoreError(KeystoreCode.LOCKED)
        return self._opened

    def open(self, pin: str) -> OpenWallet:
        """Raises as ``Source.open``: PIN_WRONG, PIN_BLOCKED, IN_USE and others."""
        return self._keep(lambda: self.source.open(pin))

    def make(
        self, wish: WalletSpec, pin: str, tell: Tell, is_stopped: Callable[[], bool] = lambda: False
    ) -> OpenWallet:
        """Make the wallet, and keep it open. Raises as ``Source.make``."""
        return self._keep(lambda: self.source.make(wish, pin, tell, is_stopped))

    def work(self) -> Work:
        """A job's view of the wallet, for what taps do: nothing is told, and nothing is cancelled."""
        return Work(self, Ticket(), lambda busy: None)

    def _keep(self, come: Callable[[], OpenWallet]) -> OpenWallet:
        if self._opened is None:
            self._opened = come()
        return self._opened

    def _let_go(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self.source.close(opened)


def _outcome(job: Callable[[Work], T], work: Work) -> Outcome[T]:
    try:
        work.check()
        return job(work)
    except _Cancelled:
        return Stopped()
    except Exception as error:  # noqa: BLE001
        return trouble_of(error)


def _nothing() -> None:
    return None
