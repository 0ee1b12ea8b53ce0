"""A wallet among threads: each step has the purse to itself, and no step waits for a network.

Rule: a reconciling takes its turn step by step, so whoever pays or asks for money meanwhile waits for one step at most,
never for a bank. Once the wallet is closed there are no more turns, whoever is still on the way to one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import FunctionType, TracebackType
from typing import Any, Protocol, TypeVar

from hsm.keystore import KeystoreCode, KeystoreError

C = TypeVar("C")


class Turns:
    """One thread at a time; the same thread may be in its turn more than once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_over = False

    def __enter__(self) -> None:
        """KeystoreError: LOCKED once they are over."""
        self._lock.acquire()
        if self._is_over:
            self._lock.release()
            raise KeystoreError(KeystoreCode.LOCKED)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def end(self, last: Callable[[], None]) -> None:
        """Do ``last`` when the turn under way is over, and let nobody have another. Again is success."""
        with self._lock:
            self._is_over = True
            last()


class _HasPurse(Protocol):
    @property
    def turns(self) -> Turns: ...


def one_at_a_time(part: type[C]) -> type[C]:
    """A class whose instances have a ``_purse``: every public method and property takes its turn at it,
    but for ``close``, which ends them."""
    for name, member in list(vars(part).items()):
        if name.startswith("_") or name == "close":
            continue
        if isinstance(member, FunctionType):
            setattr(part, name, _in_turn(member))
        elif isinstance(member, property) and member.fget is not None:
            setattr(part, name, property(_in_turn(member.fget), doc=member.__doc__))
    return part


def _in_turn(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def taken(self: Any, *values: Any, **named: Any) -> Any:
        purse: _HasPurse = self._purse
        with purse.turns:
            return method(self, *values, **named)

    return taken
