"""Which of a service's processes this is, and what they all know.

Rule: the processes of one service are alike but for their number: what must be done once in a while for the whole
service is done by the first. A process that is started anew has the number of the one that died, so that what that one
had claimed is its own to free. What they know together lasts as long as any of them lives, and is on no disk.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

_FLAGS: Final = 256
_SET: Final = b"\x01"


class Flags(Protocol):
    """Some facts, by number from 0 to 255, that were none when the service started; once set they stay."""

    def is_set(self, number: int) -> bool: ...

    def set(self, number: int) -> None: ...


class OwnFlags:
    """Those of a service of one process."""

    def __init__(self) -> None:
        self._held: frozenset[int] = frozenset()

    def is_set(self, number: int) -> bool:
        return number in self._held

    def set(self, number: int) -> None:
        self._held |= {number}


class SharedFlags:
    """Those of several processes: a byte each, in memory that has a descriptor and no name."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def made(cls) -> Self:
        descriptor = os.memfd_create("flags")
        os.ftruncate(descriptor, _FLAGS)
        return cls(descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def is_set(self, number: int) -> bool:
        return os.pread(self._descriptor, 1, number) == _SET

    def set(self, number: int) -> None:
        os.pwrite(self._descriptor, _SET, number)


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a service. `heard` has a flag for each witness that was heard since the service started."""

    number: int = 1
    heard: Flags = field(default_factory=OwnFlags)

    @property
    def name(self) -> str:
        """It tells this process from the others that are at work on the same stores, also after it was started anew."""
        return str(self.number)

    @property
    def is_first(self) -> bool:
        """Whether it does what is done for the whole service."""
        return self.number == 1
