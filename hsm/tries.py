"""Counting wrong PINs, with a wait that grows.

Rule: a try counts only if the verifier said that the PIN is wrong, and then it is on disk before anybody
learns of it: killing the process before that tells the guesser nothing, and after that it is counted. So
a process that ends while a right PIN is used, or a token that fails behind it, counts nothing. That the
count can be written is made sure before the PIN is looked at, so that a full disk buys no free guess.
Success sets the count back. Time is unix seconds from a clock passed in; a clock set back never shortens
a wait, it starts it again.

This is software: whoever can write the folder can reset the count, and whoever can copy the folder can
guess without it, at one scrypt a guess. It slows a person holding an unlocked device, nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hsm.durable import write_whole
from hsm.failpoint import reach
from hsm.keystore import KeystoreCode, KeystoreError

WAIT_SECONDS: Final = (0, 0, 0, 30, 60, 300, 900, 3600, 14400)
"""The wait after the n-th wrong PIN in a row; the last entry holds for every later one."""

FREE_TRIES: Final = 3
_SOON: Final = 120
"""Seconds of a wait that are told as such: the minute of its end, which is what a clock shows, says too little."""
MAX_TRIES_FILE_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Tries:
    """How many wrong PINs in a row, and when the last of them was counted (unix seconds)."""

    wrong: int
    last: int

    def open_again(self) -> int:
        """The moment from which another try is allowed."""
        return self.last + WAIT_SECONDS[min(self.wrong, len(WAIT_SECONDS) - 1)]


NO_TRIES: Final = Tries(0, 0)


class TriesStore(Protocol):
    """Where the count is kept; `save` returns once it is durable."""

    def load(self) -> Tries: ...

    def save(self, tries: Tries) -> None: ...


class TriesFile:
    """The count in a small file. A missing or damaged one says nothing, so it counts as none: whoever can
    damage it could as well remove it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Tries:
        try:
            with self._path.open("rb") as stream:
                content = stream.read(MAX_TRIES_FILE_BYTES)
        except FileNotFoundError:
            return NO_TRIES
        try:
            wrong, last = json.loads(content)
        except (ValueError, TypeError):
            wrong, last = None, None
        if not _is_count(wrong) or not _is_count(last):
            return NO_TRIES
        return Tries(wrong, last)

    def save(self, tries: Tries) -> None:
        write_whole(self._path, json.dumps([tries.wrong, tries.last]).encode(), step="keystore.tries")


class TriesMemory:
    """The count in memory, for keystores that live no longer than their process."""

    def __init__(self) -> None:
        self._tries = NO_TRIES

    def load(self) -> Tries:
        return self._tries

    def save(self, tries: Tries) -> None:
        self._tries = tries


class TryCounter:
    """Call `begin`, check the PIN, then `right` or raise `wrong()`."""

    def __init__(self, store: TriesStore, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def begin(self) -> None:
        """Before a PIN is looked at: PIN_BLOCKED while a wait lasts; that a try could be counted."""
        now = self._clock()
        kept = self._store.load()
        if kept.last > now:
            kept = Tries(kept.wrong, now)
            self._store.save(kept)
        if now < kept.open_again():
            raise KeystoreError(
                KeystoreCode.PIN_BLOCKED,
                {"tries_left": 0, "until": kept.open_again(), **_soon(kept.open_again() - now)},
            )
        self._store.save(kept)
        reach("keystore.tries.readied")

    def right(self) -> None:
        """The verifier agreed: nothing is held against the next try."""
        if self._store.load() != NO_TRIES:
            self._store.save(NO_TRIES)

    def wrong(self) -> KeystoreError:
        """The verifier did not agree: count it, then give the refusal."""
        kept = self._store.load()
        kept = Tries(kept.wrong + 1, self._clock())
        self._store.save(kept)
        reach("keystore.tries.counted")
        facts: dict[str, str | int] = {"tries_left": max(0, FREE_TRIES - kept.wrong)}
        if kept.open_again() > kept.last:
            facts["until"] = kept.open_again()
            facts |= _soon(kept.open_again() - kept.last)
        return KeystoreError(KeystoreCode.PIN_WRONG, facts)


def _soon(left: int) -> dict[str, str | int]:
    """Where few seconds are left of a wait: how many, and that it is so (``fault``)."""
    return {"fault": "soon", "seconds": left} if left < _SOON else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**62
