"""Recipients: which object concerns which key.

Rule: what concerns a key is kept, so that a bank whose certificate comes later gets what came before it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed


class Recipients(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def add(self, concerned: Collection[tuple[bytes, bytes]]) -> None:
        """Keys, each with the id of an object that concerns it."""

    def concerning(self, key: bytes, after: bytes, most: int) -> Sequence[bytes]:
        """Of the ids of all that concerns a key, in order, the first ``most`` after ``after``."""

    def is_first(self, certificate: Signed[Certificate]) -> bool:
        """Whether no other certificate of its key by its bank is at hand."""

    def brought(self, txid: bytes, uploader: str, *, whole: bool) -> bool:
        """Whether ``uploader`` has shown a transfer, with its provenance where ``whole``."""
