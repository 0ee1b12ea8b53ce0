"""Uploads that are taken together: which have nothing to do with each other, and what they hold all in all.

Rule: what is taken in one pass comes to what it would come to one by one. So no transfer is in two uploads of a pass,
none consumes what another of them brings, and all are judged by one directory. Rivals may be in one pass, as in one
bundle: the first to come is the first to be committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger_sync.bank.intake.signatures import Signatures
from ledger_sync.bank.ports.shares import BANK_UPLOADER
from wallet.protocol.bundle import Bundle
from wallet.protocol.directory import Directory


class Entangled(Exception):
    """Uploads of one pass turn out to have to do with something that was here before: each is to be taken alone."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A bundle with what was found of its signatures, by one directory."""

    bundle: Bundle
    uploader: str
    directory: Directory
    signatures: Signatures
    is_waited_for: bool = False
    """Whether the caller has it settled at once."""

    @property
    def txids(self) -> list[bytes]:
        """The ids of its transfers."""
        return [transfer.id for transfer in self.bundle.transfers]

    @property
    def is_bank(self) -> bool:
        """Whether another bank passed it on."""
        return self.uploader.startswith(BANK_UPLOADER)


def apart(uploads: Sequence[Upload]) -> Iterator[Sequence[Upload]]:
    """These in their order, those together that may be taken in one pass."""
    group: list[Upload] = []
    brought: set[bytes] = set()
    consumed: set[bytes] = set()
    for upload in uploads:
        own = {issuance.id for issuance in upload.bundle.issuances}
        made = {*upload.txids, *own}
        origins = {ref.txid for transfer in upload.bundle.transfers for ref in transfer.body.inputs} - own
        is_apart = brought.isdisjoint({*upload.txids, *origins}) and consumed.isdisjoint(made)
        if group and not (is_apart and upload.directory is group[0].directory):
            yield group
            group, brought, consumed = [], set(), set()
        group.append(upload)
        brought |= made
        consumed |= origins
    if group:
        yield group


def joined(bundles: Sequence[Bundle]) -> Bundle:
    """All that they hold, in their order; what is in several of them stands as often."""
    return Bundle(
        tuple(item for bundle in bundles for item in bundle.transfers),
        tuple(item for bundle in bundles for item in bundle.issuances),
        tuple(item for bundle in bundles for item in bundle.certificates),
        tuple(item for bundle in bundles for item in bundle.requests),
    )
