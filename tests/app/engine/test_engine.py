"""Jobs run in one thread, in order; whatever they end with comes back as a value, and nothing that is secret leaks."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.engine import Engine, Outcome, Stopped, Work
from app.engine.values import Busy, Trouble
from app.engine.worker import ThreadWorker, WorkerClosed
from app.wallets.missing import MissingPart
from app.wallets.offline import NetworkSwitch
from hsm.keystore import KeystoreCode, KeystoreError
from tests.support.manual_worker import PIN, NetworkSource
from tests.support.posts import Posts
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code, Refusal
from wallet.session import LocalError
from wallet.transport.nfc import DeviceError
from wallet.transport.nfc import Trouble as DeviceTrouble


class Run:
    """An engine with its thread, and the outcomes in the order in which they came."""

    def __init__(self, net: WalletNetwork) -> None:
        self.posts = Posts()
        self.worker = ThreadWorker()
        source = NetworkSource(net, "alia")
        self.engine = Engine(source, self.worker, self.posts.post, lambda: net.world.now, NetworkSwitch())
        self.outcomes: list[object] = []
        self.steps: list[Busy] = []

    def submit(self, job, *, count: int = 1) -> Outcome:  # type: ignore[no-untyped-def, type-arg]
        self.engine.submit(job, self.outcomes.append, self.steps.append)
        self.wait(len(self.outcomes) + count)
        return self.outcomes[-1]

    def wait(self, count: int) -> None:
        self.posts.until(lambda: len(self.outcomes) >= count)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    net = WalletNetwork(tmp_path)
    net.wallet("alia", 50_000)
    net.wallets.pop("alia").close()
    run = Run(net)
    yield run
    run.engine.close()


def test_the_wallet_lives_in_the_workers_thread_and_outcomes_in_the_windows(run: Run) -> None:
    threads: list[threading.Thread] = []
    run.submit(lambda work: threads.append(threading.current_thread()) or run.engine.open(PIN))
    run.engine.submit(
        lambda work: work.wallet.balance().spendable,
        lambda outcome: run.outcomes.append((threading.current_thread(), outcome)),
    )
    run.wait(2)
    assert threads[0].name == "wallet"
    assert run.outcomes[1] == (threading.current_thread(), 50_000)


def test_jobs_come_back_in_the_order_in_which_they_were_submitted(run: Run) -> None:
    for number in range(20):
        run.engine.submit(lambda work, number=number: number, run.outcomes.append)  # type: ignore[misc]
    run.wait(20)
    assert run.outcomes == list(range(20))


@pytest.mark.parametrize(
    ("error", "code", "facts"),
    [
        (Refusal(Code.FUNDS_SHORT, {"have": 1, "need": 2}), "funds_short", {"have": 1, "need": 2}),
        (KeystoreError(KeystoreCode.PIN_WRONG, {"tries_left": 2}), "pin_wrong", {"tries_left": 2}),
        (Refusal(Code.UNREACHABLE, {"service": "bank"}), "unreachable", {"service": "bank"}),
        (MissingPart("missing.sandbox"), "unreachable", {}),
        (OSError(errno.ENOSPC, "full"), "storage_full", {"errno": errno.ENOSPC}),
        (OSError(errno.EIO, "io", "/x"), "storage_fault", {"errno": errno.EIO, "file": "/x"}),
        (ConnectionResetError("gone"), "internal", {}),
        (MissingPart("missing.file", name="/x"), "storage_missing", {"file": "/x"}),
        (
            DeviceError(DeviceTrouble.BUSY, "usb"),
            "reader_trouble",
            {"device": "usb", "trouble": DeviceTrouble.BUSY.value},
        ),
        (LocalError("idle", "confirm"), "internal", {}),
        (ZeroDivisionError("PIN 24680"), "internal", {}),
    ],
)
def test_whatever_a_job_raises_is_a_code(run: Run, error: Exception, code: str, facts: object) -> None:
    def job(work: Work) -> None:
        raise error

    assert run.submit(job) == Trouble(code, facts)  # type: ignore[arg-type]
    assert run.submit(lambda work: "alive") == "alive"


def test_the_log_of_an_unforeseen_error_has_no_word_of_it(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    def job(work: Work) -> None:
        pin = "24680"
        raise ValueError(f"not good: {pin}")

    with caplog.at_level(logging.DEBUG):
        run.submit(job)
    (record,) = caplog.records
    assert "ValueError" in record.getMessage()
    assert "job" in record.getMessage()
    assert "24680" not in caplog.text
    assert record.exc_info is None


def test_a_cancelled_job_ends_before_its_next_step(run: Run) -> None:
    begun, may_go = threading.Event(), threading.Event()
    steps: list[str] = []

    def job(work: Work) -> None:
        begun.set()
        may_go.wait()
        steps.append("first")
        work.tell("sync.upload", 1, 2)
        steps.append("second")

    ticket = run.engine.submit(job, run.outcomes.append, run.steps.append)
    begun.wait()
    ticket.cancel()
    may_go.set()
    run.wait(1)
    assert (steps, run.outcomes, run.steps) == (["first"], [Stopped()], [])


def test_progress_comes_before_the_outcome(run: Run) -> None:
    def job(work: Work) -> int:
        for number in range(3):
            work.tell("sync.upload", number, 3)
        return 7

    assert run.submit(job) == 7
    assert run.steps == [Busy("sync.upload", number, 3) for number in range(3)]


def test_closing_does_what_was_submitted_and_posts_nothing_after(run: Run) -> None:
    done: list[int] = []
    run.submit(lambda work: run.engine.open(PIN))
    run.engine.submit(lambda work: done.append(work.wallet.balance().spendable), run.outcomes.append)
    run.engine.close()
    run.engine.close()
    assert done == [50_000]
    run.engine.submit(lambda work: done.append(1), run.outcomes.append)
    run.engine.post(lambda: done.append(2))
    with pytest.raises(WorkerClosed):
        run.worker.call(lambda: None)
    assert done == [50_000]
    assert not any(
        thread.name == "wallet" and thread is run.worker._thread for thread in threading.enumerate()
    )


def test_closing_ends_a_long_job_at_its_next_step(run: Run) -> None:
    begun, may_go = threading.Event(), threading.Event()
    steps: list[int] = []

    def job(work: Work) -> None:
        begun.set()
        may_go.wait()
        for number in range(1_000):
            work.tell("sync.upload", number, 1_000)
            steps.append(number)

    run.engine.submit(job, run.outcomes.append)
    begun.wait()
    closing = threading.Thread(target=run.engine.close)
    closing.start()
    while not run.engine.is_closing:
        pass
    may_go.set()
    closing.join()
    assert steps == []


def test_a_wallet_is_opened_once(run: Run) -> None:
    first = run.submit(lambda work: run.engine.open(PIN))
    assert run.submit(lambda work: run.engine.open("whatever")) is first
