"""Signatures that one upload brings or completes, each verified once, and never while a transaction is open.

Rule: what was found of a signature never changes, so it is found before anything is written. Inside a transaction
only what was found is known; if more is needed there, the transaction is undone, the rest is found, and it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger_sync.bank.ports.unit import UnitOfWork
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.keys import PublicKey
from wallet.protocol.request import Request

Claim = tuple[Signed[Any], bytes]
"""An object, and the key that may have signed it."""


class Unverified(Exception):
    """A transaction needs what was not verified before it."""

    def __init__(self, wanted: tuple[Claim, ...]) -> None:
        super().__init__()
        self.wanted = wanted


class Signatures:
    """What is known of signatures, by one directory."""

    def __init__(self, unit: UnitOfWork, key: Callable[[bytes], PublicKey], directory: Directory) -> None:
        self._unit = unit
        self._key = key
        self.directory = directory
        self._made: dict[tuple[bytes, bytes, bytes], bool] = {}
        self._checked: set[tuple[bytes, bytes]] = set()

    @classmethod
    def of_all(cls, several: Sequence[Signatures]) -> Signatures:
        """What is known of all of them, which are of one directory."""
        first, *others = several
        if not others:
            return first
        made = cls(first._unit, first._key, first.directory)
        for one in several:
            made._made.update(one._made)
            made._checked |= one._checked
        return made

    def is_by(self, signed: Signed[Any], signer: bytes) -> bool:
        """Whether the key ``signer`` made it. ``Unverified`` in a transaction where that was not found before."""
        name = (signed.id, signed.signature, signer)
        found = self._made.get(name)
        if found is None:
            self._must_be_outside((signed, signer))
            found = self._made[name] = signed.signed_by(self._key(signer))
        return found

    def is_known(self, signed: Signed[Any], signer: bytes) -> bool:
        """Whether `is_by` knows."""
        return (signed.id, signed.signature, signer) in self._made

    def check_certificate(self, signed: Signed[Certificate]) -> None:
        """BANK_UNKNOWN, CERTIFICATE_SIGNATURE. ``Unverified`` in a transaction where it was not checked before."""
        self._check(signed, check_certificate)

    def check_issuance(self, signed: Signed[Issuance]) -> None:
        """ISSUANCE_SIGNATURE. ``Unverified`` in a transaction where it was not checked before."""
        self._check(signed, check_issuance)

    def check_request(self, signed: Signed[Request]) -> None:
        """REQUEST_SIGNATURE. ``Unverified`` in a transaction where it was not checked before."""
        require(self.is_by(signed, signed.body.key), Code.REQUEST_SIGNATURE)

    def _check(self, signed: Signed[Any], check: Callable[[Signed[Any], Directory], None]) -> None:
        name = (signed.id, signed.signature)
        if name not in self._checked:
            self._must_be_outside()
            check(signed, self.directory)
            self._checked.add(name)

    def _must_be_outside(self, *wanted: Claim) -> None:
        if self._unit.in_transaction:
            raise Unverified(wanted)
