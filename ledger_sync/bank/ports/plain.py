"""Plain uploads: what is noted of them before the notary is asked, and what is written of them in one go.

Rule: an upload is in the journal, durably, before any of it is committed, so that whatever was consumed for it can be
shown; it leaves the journal with what was written of it. What stays there was interrupted, and is taken in anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.ports.wallets import Holder
from ledger_sync.settling.values import Outcome
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.protocol.settlement import Consumption, Settlement, Verdict
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token


@dataclass(frozen=True, slots=True)
class Noted:
    """An upload in the journal: ``bundle`` as it is encoded."""

    number: int
    uploader: str
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Hop:
    """A valid transfer of a plain upload: ``owner`` of what it consumes, who ``uploader`` is, the certificate it was
    signed under, and its outputs."""

    transfer: Signed[Transfer]
    owner: bytes
    uploader: str
    certificate: Signed[Certificate]
    tokens: tuple[Token, ...]

    @property
    def request(self) -> bytes:
        """The reference (16 bytes) of what it answers."""
        assert isinstance(self.transfer.body.purpose, bytes)
        return self.transfer.body.purpose

    @property
    def outcome(self) -> Outcome:
        """Where the notary gave it all that it consumes, which is worth its face."""
        return Outcome(Verdict.SETTLED, tuple(token.amount for token in self.tokens))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is here of an upload: of its transfers that have a verdict what can be told, which of them are valid, and
    which its uploader has shown before; which others are here; and of the tokens that it consumes and does not make
    those that stand at their face value."""

    told: Mapping[bytes, Told]
    valid: frozenset[bytes]
    shown: frozenset[bytes]
    waiting: frozenset[bytes]
    whole: Mapping[TokenRef, Token]


@dataclass(frozen=True, slots=True)
class Ended:
    """A hop with its verdict, and the notary's words on what it consumes."""

    hop: Hop
    verdict: Signed[Settlement]
    words: Sequence[Signed[Consumption]]


@dataclass(frozen=True, slots=True)
class Settling:
    """What is settled at once: transfers of which nothing is told here; of all keys in them those that are customers',
    with their holders; what they answer of which nothing was here, with who brought it; who showed which others; the
    numbers of it all in the journal; and the time (unix seconds)."""

    ended: Sequence[Ended]
    holders: Mapping[bytes, Holder]
    now: int
    requests: Sequence[tuple[Signed[Request], str]] = ()
    shown: Sequence[tuple[bytes, str]] = ()
    numbers: Collection[int] = ()


class PlainUploads(Protocol):
    """Writes within the caller's transaction."""

    def seen(self, bundle: Bundle, uploader: str) -> Seen:
        """What is here of an upload."""

    def note(self, uploads: Sequence[tuple[str, bytes]], until: int) -> Sequence[int]:
        """Uploaders with what they brought; their numbers. Until then (unix seconds) they are nobody else's."""

    def over(self, numbers: Collection[int]) -> None:
        """These leave the journal."""

    def put_off(self, number: int, until: int) -> None:
        """One that was interrupted is looked at again then."""

    def release_all(self) -> None:
        """A start: nobody is at any of them."""

    def left(self, now: int, most: int) -> Sequence[Noted]:
        """Those that were interrupted, the first to come first."""

    def after(self, number: int, most: int) -> Sequence[Noted]:
        """All that are there, whoever is at them, in the order of their numbers."""

    def told_of(self, hops: Sequence[Hop], bank: str) -> frozenset[bytes]:
        """The ids of those of which something here speaks: the transfer itself, another that consumes what it does or
        has its number, what consumes an output of it, also where only the notary's word on either is here, a conflict
        that waits for it, or a certificate that another than ``bank`` gave one of its keys."""

    def write(self, settling: Settling) -> None:
        """All of it, as if it had been taken in, judged and answered one after the other; it leaves the journal."""
