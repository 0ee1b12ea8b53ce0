"""Received objects but transfers: certificates, issuances and payment requests, kept as they came.

Rule: what is here was checked by whoever stored it (`ledger_sync.bank.intake`), and never changes: who stores it twice
stores it once, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import Request


class Certificates(Protocol):
    """Certificates, by the key that each certifies."""

    def known(self, names: Collection[bytes]) -> frozenset[bytes]:
        """Those of these ids that are here."""

    def add(self, signed: Signed[Certificate]) -> bool:
        """Whether it is new."""

    def get(self, certificate_id: bytes) -> Signed[Certificate] | None: ...

    def of_each(self, keys: Collection[bytes]) -> Mapping[bytes, Sequence[Signed[Certificate]]]:
        """The certificates of each key."""

    def of(self, key: bytes) -> Sequence[Signed[Certificate]]:
        """The certificates of one key."""

    def covering(self, key: bytes, time: int, first: str = "") -> Signed[Certificate] | None:
        """The certificate of ``key`` that covers ``time``, or its last to expire; None where there is none. Those of
        the bank ``first`` come before all others."""

    def banks_of(self, key: bytes) -> Sequence[str]:
        """The banks that certified ``key``, as far as certificates of it are at hand. Any bank can certify any key,
        so that one of them does says nothing against the others."""


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

    def add(self, requests: Sequence[Signed[Request]], uploader: str, now: int) -> None:
        """Keep those that are new; what something has settled already is no burden."""

    def get(self, ref: bytes) -> Signed[Request] | None:
        """A request by what a transfer calls it."""

    def answered(self, ref: bytes) -> None:
        """A settled transfer answers them: they are no burden any more."""

    def drop(self, uploader: str, count: int) -> None:
        """The oldest of ``uploader`` that nothing has answered."""

    def drop_old(self, before: int, count: int) -> None:
        """Those that nothing has answered since ``before`` (unix seconds)."""
