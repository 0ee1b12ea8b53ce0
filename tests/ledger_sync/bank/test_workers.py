"""A bank and a notary of two worker processes each, killed one after the other while customers use them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_sync import sandbox
from ledger_sync.http.peers import NoAnswer
from ledger_sync.processes import running
from tests.hsm.processes import sampled
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING
from tests.ledger_sync.bank.test_processes import A, RealTown, agree
from tests.support.eventually import eventually
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer

WORKERS = 2
SERVICES = ("alatau", "notary")
CUSTOMERS = 2
FUNDED = 90_000
PAID = 40_000
ROUNDS = 2
"""Of each customer for each kill: as many as there are in 40, and no more than the account has money for."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTown]:
    home = tmp_path_factory.mktemp("sandbox")
    try:
        sandbox.start(home, environment={name: {"QALTA_SERVICE_WORKERS": str(WORKERS)} for name in SERVICES})
        yield RealTown(home)
    finally:
        sandbox.stop(home)


def workers(real: RealTown, service: str) -> list[int]:
    """The pids of those that live."""
    pid = running(real.home / service)
    assert pid is not None
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Living(threading.Thread):
    """A customer that funds and pays a neighbour, each act again under the same id until it is answered, as many times
    as it is let."""

    def __init__(self, real: RealTown, payer: Customer, payee: Customer) -> None:
        super().__init__()
        self._real, self._payer, self._payee = real, payer, payee
        self.rounds = 0
        self._turns = threading.Semaphore(0)
        self._is_stopped = False
        self.daemon = True
        self.verdicts: list[Verdict] = []

    def run(self) -> None:
        while self._turns.acquire() and not self._is_stopped:
            funding = os.urandom(16)
            tokens = self._until_answered(lambda funding=funding: self._payer.fund(FUNDED, funding=funding))  # type: ignore[misc]
            paid = self._real.pay(self._payer, tokens, self._payee, PAID)
            self.verdicts.append(self._verdict(paid))
            self.rounds += 1

    def go_on(self) -> None:
        self._turns.release(ROUNDS)

    def stop(self) -> None:
        """After the round that it is at."""
        self._is_stopped = True
        self._turns.release()
        self.join()

    def _verdict(self, paid: Signed[Transfer]) -> Verdict:
        """Whoever committed it may have died: then another does, and it is told when it is asked for again."""
        while True:
            (row,) = self._until_answered(lambda: self._payer.upload(paid))
            if row.settlement is not None:
                return row.settlement.verdict

    def _until_answered(self, act: Callable[[], A]) -> A:
        while True:
            try:
                return act()
            except NoAnswer:
                continue


def test_workers_killed_one_after_the_other_lose_nothing_and_do_nothing_twice(real: RealTown) -> None:
    people = [real.customer(f"customer {number}") for number in range(2 * CUSTOMERS)]
    lives = [Living(real, payer, payee) for payer, payee in zip(people[::2], people[1::2], strict=True)]
    for life in lives:
        life.start()
    for number in range(sampled(40, 4)):
        rounds = [life.rounds for life in lives]
        for life in lives:
            life.go_on()
        eventually(lambda: [life.rounds for life in lives], lambda now, at=rounds: min(now) > min(at))  # type: ignore[misc]
        service = SERVICES[number % 2]
        pids = eventually(lambda of=service: workers(real, of), lambda pids: len(pids) == WORKERS)  # type: ignore[misc]
        os.kill(pids[number // 2 % 2], signal.SIGKILL)
    for life in lives:
        life.stop()
    assert all(set(life.verdicts) <= {Verdict.SETTLED} for life in lives)
    assert [payer.balance() for payer in people[::2]] == [OPENING - life.rounds * FUNDED for life in lives]
    eventually(lambda: agree(real), bool)
