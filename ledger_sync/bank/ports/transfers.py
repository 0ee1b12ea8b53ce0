"""Transfers: their payloads, how far each has come, and the signatures under them.

Rule: only a copy whose signer owns the inputs stands for a transfer (`Transfers.transfer`), because an id says
nothing about signatures: a bad copy must never hide a good one. Many are asked for and written at once; what is written
twice is there once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer


class Stage(StrEnum):
    """How far a transfer has come: signatures and provenance incomplete, valid, decided by the notary, answered."""

    WAITING = "waiting"
    VALID = "valid"
    COMMITTED = "committed"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as the archive lists it. ``owner``: who owns its inputs, as far as payloads at hand tell; ``signed``:
    as that owner signed it; ``is_valid``: it was judged and is valid, whatever has become of it."""

    body: Transfer
    stage: Stage
    owner: bytes | None
    signed: Signed[Transfer] | None
    is_valid: bool


@dataclass(frozen=True, slots=True)
class New:
    """A transfer that came, with who owns its inputs where that is known, and who brought it."""

    transfer: Signed[Transfer]
    owner: bytes | None
    uploader: str


class Transfers(Protocol):
    """Transfers. Writes within the caller's transaction."""

    def entries(self, txids: Collection[bytes]) -> Mapping[bytes, Entry]:
        """Those of these that are here."""

    def add(self, new: Sequence[New], now: int) -> None:
        """Payloads and inputs, and the owners where they were not known before; of those that are not here yet the
        transfers wait from ``now`` (unix seconds). Signatures are for `sign` and `claim`."""

    def set_owners(self, owners: Mapping[bytes, bytes]) -> None:
        """Who owns the inputs of each, known now."""

    def brought(self, shown: Sequence[tuple[bytes, str, bool]]) -> None:
        """Transfers with who showed each to this bank, and whether with its provenance."""

    def body(self, txid: bytes) -> Transfer | None:
        """The payload behind an id, whoever signed it."""

    def stage(self, txid: bytes) -> Stage | None: ...

    def set_stage(self, txid: bytes, stage: Stage) -> None:
        """It waits no longer; with an answer it is pending no longer."""

    def make_valid(self, valid: Sequence[tuple[bytes, Signed[Certificate]]], reserved: int = 0) -> None:
        """Each was judged and is valid, under this certificate of its signer's. Those that wait are to be committed,
        after all that were valid before, in this order; until ``reserved`` (unix seconds) only by who names them."""

    def forget(self, txid: bytes) -> Sequence[bytes]:
        """Keep a waiting or refused transfer no longer, nor its verdict or anything else that hangs on it; the keys
        that were seen to have signed it."""

    def owner(self, txid: bytes) -> bytes | None:
        """Who owns a transfer's inputs, as far as payloads at hand tell."""

    def owner_of(self, ref: TokenRef) -> bytes | None:
        """Who owns an output, by payloads alone: they are fixed by its name, valid or not."""

    def children(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """Transfers that consume an output of each of these; those that have none are left out."""

    def redeemed(self, refs: Collection[TokenRef]) -> frozenset[TokenRef]:
        """Those of these outputs that something redeems, whoever signed it."""

    def redemptions_of(self, ref: TokenRef, signer: bytes) -> Sequence[Signed[Transfer]]:
        """What ``signer`` signed that redeems an output."""

    def signer(self, txid: bytes) -> Signed[Certificate] | None:
        """The certificate under which a valid transfer was signed."""

    # signatures

    def sign(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        """Signatures that each key was seen to have made."""

    def signers_of(self, transfers: Collection[Signed[Transfer]]) -> Mapping[bytes, bytes]:
        """Who was seen to have made these very signatures, by the transfers' ids."""

    def copy(self, txid: bytes, signer: bytes) -> Signed[Transfer] | None:
        """The transfer as ``signer`` signed it."""

    def has_copy(self, txid: bytes, signer: bytes) -> bool: ...

    def transfer(self, txid: bytes) -> Signed[Transfer] | None:
        """The transfer as the owner of its inputs signed it."""

    def any_copy(self, txid: bytes) -> tuple[Signed[Transfer], bytes] | None:
        """The transfer with its signer: the owner's copy, or else any whose signer is known."""

    def claim(self, claims: Sequence[tuple[Signed[Transfer], str]]) -> None:
        """Signatures whose signers are not known, with their uploaders: of each transfer an uploader's last."""

    def claims(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[Signed[Transfer]]]:
        """The signatures whose signers are not known."""

    def drop_claim(self, txid: bytes, uploader: str) -> bool:
        """Whether there was one."""

    def drop_claims(self, txids: Collection[bytes]) -> None:
        """Their signers are known."""

    def is_signed(self, txid: bytes) -> bool:
        """Whether any signature of it is kept, be its signer known or not."""
