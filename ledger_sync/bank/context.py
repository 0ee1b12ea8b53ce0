"""What every part of the bank node stands on: who the bank is, its store, time, chance, and whom it trusts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ledger_sync.bank.books import Books
from ledger_sync.bank.ports.storage import Storage
from wallet.protocol import cose
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import PublicKey, Sign, p256
from wallet.protocol.policy import Policy

B = TypeVar("B", bound=Body)


class Trusted(Protocol):
    """The directory and policy the bank goes by (ledger_sync.service.policy_cache)."""

    @property
    def policy(self) -> Policy: ...

    @property
    def directory(self) -> Directory: ...

    def refresh(self) -> None: ...


@dataclass(frozen=True, slots=True)
class BankContext:
    """``bank`` is the bank's id in the directory; ``signing`` its directory key's; ``clock`` what it signs by,
    which may refuse to say (CLOCK_UNSURE), ``wall`` what its own work is timed by (``clock`` where there is none).
    ``key`` makes a key of what an owner's name is, to verify by; ``process`` tells this process from others on the same
    storage, also after it was started again."""

    bank: str
    signing: Sign
    storage: Storage
    books: Books
    trust: Trusted
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    wall: Callable[[], int] | None = None
    key: Callable[[bytes], PublicKey] = p256
    process: str = "1"

    def sign(self, body: B) -> Signed[B]:
        return cose.sign(body, self.signing)
