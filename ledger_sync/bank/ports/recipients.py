"""Recipients: which object concerns which key, and which banks have certified that.

Rule: what concerns a key is kept, so that a bank whose certificate comes later gets what came before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed


class Recipients(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    def add(self, concerned: Collection[tuple[bytes, bytes]]) -> None:
        """Keys, each with the id of an object that concerns it."""

    def concerning(self, key: bytes) -> Sequence[bytes]:
        """The ids of all that concerns a key."""

    def banks_of(self, keys: Collection[bytes], but: str) -> Mapping[bytes, Sequence[str]]:
        """The banks whose certificates of these keys are at hand, without ``but``; of keys that have any."""

    def is_first(self, certificate: Signed[Certificate]) -> bool:
        """Whether no other certificate of its key by its bank is at hand."""

    def brought(self, txid: bytes, uploader: str, *, whole: bool) -> bool:
        """Whether ``uploader`` has shown a transfer, with its provenance where ``whole``."""
