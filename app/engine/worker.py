"""A thread with jobs, as a port: a real thread here, a hand that turns it in tests."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from wallet.transport.nfc.mailbox import PATIENCE, Mailbox
from wallet.transport.nfc.ports import Reply, Responder

T = TypeVar("T")


class WorkerClosed(Exception):
    """The wallet is being closed: nothing is done any more."""


class Worker(Protocol):
    """Jobs run one after the other, in the order in which they were put."""

    def put(self, job: Callable[[], None]) -> None:
        """Run ``job``, which never raises, in its turn; nothing once the worker is closed."""

    def call(self, job: Callable[[], T]) -> T:
        """Run ``job`` and wait: for the threads of taps, never for the window's. What it raises; WorkerClosed."""

    def behind_card(self, wallet: Responder) -> Responder:
        """``wallet``, which belongs to the worker, for a card whose link has a thread of its own."""

    def close(self, last: Callable[[], None]) -> None:
        """Do what was put, then ``last``, and end. Again is success."""


class ThreadWorker:
    """A ``Worker`` with its thread."""

    def __init__(self, name: str = "wallet") -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def put(self, job: Callable[[], None]) -> None:
        with self._lock:
            if not self._is_closed:
                self._jobs.put(job)

    def call(self, job: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001
                future.set_exception(error)

        with self._lock:
            if self._is_closed:
                raise WorkerClosed
            self._jobs.put(run)
        return future.result()

    def behind_card(self, wallet: Responder) -> Responder:
        return MailboxResponder(self.put, wallet)

    def close(self, last: Callable[[], None]) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(last)
                self._jobs.put(None)
        self._thread.join()


class MailboxResponder:
    """A ``Responder`` for a card's link: it asks at a `Mailbox`, where the worker answers in its turn."""

    def __init__(self, put: Callable[[Callable[[], None]], None], wallet: Responder) -> None:
        self._put = put
        self._wallet = wallet
        self._mailbox = Mailbox()

    def current_message(self, ref: bytes) -> Reply:
        self._put(self._answer)
        return self._mailbox.current_message(ref)

    def take(self, message: bytes) -> Reply:
        self._put(self._answer)
        return self._mailbox.take(message)

    def _answer(self) -> None:
        # The question is put right after this job: waiting for it is no longer than the link's own patience.
        self._mailbox.answer_next(self._wallet, PATIENCE)
