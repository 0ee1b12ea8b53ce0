"""Whose turn it is to write: nobody queues at a store that is away, and nobody waits for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ledger_sync.database.turn import Late, Turn


class Counted:
    """A lock that counts who has come for it."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self.came = 0
        self.release = lock.release

    def acquire(self, *, timeout: float) -> bool:
        self.came += 1
        return bool(self._lock.acquire(timeout=timeout))


class Callers:
    """Threads that come for a turn, and what becomes of each."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._lock = Counted(turn._lock)
        turn._lock = self._lock  # type: ignore[assignment]
        self._threads: list[threading.Thread] = []
        self.late = 0
        self.had = 0

    def come(self, count: int) -> None:
        """So many wait now."""
        before = self._lock.came
        for _ in range(count):
            self._threads.append(threading.Thread(target=self._run))
            self._threads[-1].start()
        while self._lock.came != before + count:
            pass

    def _run(self) -> None:
        try:
            with self._turn.taken():
                self.had += 1
        except Late:
            self.late += 1

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def test_whoever_waited_while_it_was_found_away_does_not_try() -> None:
    turn = Turn()
    callers = Callers(turn)
    with turn.taken():
        callers.come(5)
        turn.found_away()
    callers.join()
    assert (callers.late, callers.had) == (5, 0)


def test_while_it_is_away_one_tries_and_once_it_is_reached_all_wait_again() -> None:
    turn = Turn()
    callers = Callers(turn)
    with turn.taken():
        turn.found_away()
    with turn.taken():
        callers.come(5)
        callers.join()
        assert (callers.late, callers.had) == (5, 0)
    with turn.taken():
        callers.come(5)
        assert (callers.late, callers.had) == (5, 0)
    callers.join()
    assert (callers.late, callers.had) == (5, 5)


def test_whoever_has_it_and_comes_to_no_end_is_not_waited_for_and_holds_up_nobody_once_it_has() -> None:
    turn = Turn(seconds=0)
    callers = Callers(turn)

    def fail() -> None:
        with turn.taken():
            with turn.taken():
                callers.come(2)
                callers.join()
            assert callers.late == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not turn._is_away
    with turn.taken():
        pass
