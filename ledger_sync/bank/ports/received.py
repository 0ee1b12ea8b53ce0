"""Received objects but transfers: certificates, issuances and payment requests, kept as they came.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake.intake`), and never changes:
who stores it twice
stores it once, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request


class Certificates(Protocol):
    """Certificates, by the key that each certifies. Any bank can certify any key as often as it likes: what is asked of
    one key costs the same however many it has of other banks."""

    def known(self, names: Collection[bytes]) -> frozenset[bytes]:
        """Those of these ids that are here."""

    def add(self, signed: Signed[Certificate]) -> bool:
        """Whether it is new."""

    def get(self, certificate_id: bytes) -> Signed[Certificate] | None: ...

    def prepare(self, keys: Collection[bytes]) -> None:
        """These keys are asked for next, one by one, within the same transaction."""

    def covering(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that is in force at ``time``, as `wallet.protocol.validity.choose_certificate`
        chooses it; None where there is none. Those of the bank ``first`` come before all others."""

    def in_force(self, key: bytes, time: int, first: str = "") -> Iterator[Signed[Certificate]]:
        """Those that cover ``time``, the first to expire first: all of the bank ``first``, who knows how many it gives,
        and then others, 256 of each other bank at most."""

    def of_bank(self, key: bytes, bank: str) -> Sequence[Signed[Certificate]]:
        """All that a bank gave a key."""

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``, as far as certificates of it are at hand, in order. One of them says
        nothing against the others."""


class Issuances(Protocol):
    """Issuances."""

    def known(self, names: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Those of these ids that are here, with their owners."""

    def add(self, signed: Signed[Issuance]) -> bool:
        """Whether it is new."""

    def get(self, issuance_id: bytes) -> Signed[Issuance] | None: ...


class Requests(Protocol):
    """Payment requests: a burden on their uploader until a settled transfer answers them. Works within the caller's
    transaction."""

    def known(self, names: Collection[bytes]) -> frozenset[bytes]:
        """Those of these ids that are here."""

    def add(self, requests: Sequence[tuple[Signed[Request], str]], now: int) -> None:
        """Keep those that are new, each with who brought it; what something has settled already is no burden."""

    def get(self, ref: bytes) -> Signed[Request] | None:
        """A request by what a transfer calls it."""

    def get_each(self, refs: Collection[bytes]) -> Mapping[bytes, Signed[Request] | None]:
        """A request for each of these, by what transfers call them."""

    def answered(self, refs: Collection[bytes]) -> frozenset[bytes]:
        """Settled transfers answer them: they are no burden any more. Those of these of which a request is here."""

    def drop(self, uploader: str, count: int) -> None:
        """The oldest of ``uploader`` that nothing has answered."""

    def drop_old(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before`` (unix seconds)."""
