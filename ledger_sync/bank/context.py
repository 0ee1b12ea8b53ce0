"""What every part of the bank node stands on: who the bank is, its store, time, chance, and whom it trusts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ledger_sync.bank.books import Books
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.http.call import Signers
from ledger_sync.service.at_once import AtOnce, in_turn
from ledger_sync.service.metrics import Metrics
from wallet.protocol import cose
from wallet.protocol.batch import sign_batch
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import PublicKey, p256
from wallet.protocol.policy import Policy
from wallet.protocol.settlement import Consumption

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
    """``bank`` is the bank's id in the directory; ``keys`` those that it signs by; ``clock`` what it dates that by,
    which may refuse to say (CLOCK_UNSURE), ``wall`` what its own work is timed by (``clock`` where there is none).
    ``key`` makes a key of what an owner's name is, to verify by; ``process`` tells this process from others on the same
    storage, also after it was started again; ``metrics`` are its figures; ``at_once`` is how it calls several services;
    ``seen`` is told what notaries have said."""

    bank: str
    keys: Signers
    storage: Storage
    books: Books
    trust: Trusted
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    wall: Callable[[], int] | None = None
    key: Callable[[bytes], PublicKey] = p256
    process: str = "1"
    metrics: Metrics = field(default_factory=Metrics)
    at_once: AtOnce = in_turn
    seen: Callable[[Sequence[Signed[Consumption]]], None] = lambda _statements: None

    def sign(self, body: B) -> Signed[B]:
        """By the key that was good when it is dated."""
        return cose.sign(body, self.keys.at(dated(body)).sign)

    def sign_batch(self, bodies: Sequence[B], time: int) -> list[Signed[B]]:
        """Each of these, of one kind that is signed in batches, by one signature of this time (unix seconds); in one
        leaf."""
        (signed,) = self.sign_leaves([bodies], time)
        return list(signed)

    def sign_leaves(self, leaves: Sequence[Sequence[B]], time: int) -> list[tuple[Signed[B], ...]]:
        """The same, of several leaves."""
        return sign_batch(leaves, time, self.keys.at(time).sign)


def dated(body: Body) -> int:
    """When a body says that it was signed (unix seconds)."""
    time: int = body.issued if isinstance(body, Certificate) else body.time  # type: ignore[attr-defined]
    return time
