"""Conflicts: transfers that took tokens from others, as long as it is open whether their payloads were shown.

Rule: each is awaited until the central bank has noted that it was shown, or that nobody shows it. Either is certain for
ever, and the first that is written here stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol


class Conflicts(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one. ``txid`` is a
    transfer that lost a token, ``wanted`` the id of the one that took it."""

    def lacks(self, txid: bytes, wanted: bytes) -> None:
        """``txid`` awaits the payload of ``wanted``, or that the central bank notes it."""

    def lacks_no_more(self, txid: bytes, wanted: Collection[bytes]) -> None:
        """These have come, or will not."""

    def lacking(self, wanted: bytes) -> Sequence[bytes]:
        """Who awaits it."""

    def lacking_each(self, wanted: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """Who awaits each of these, of those that somebody awaits."""

    def wanted_by(self, txids: Collection[bytes]) -> Mapping[bytes, Sequence[bytes]]:
        """What each of these awaits, of those that await something."""

    def was_shown(self, txid: bytes, wanted: bytes) -> None:
        """The central bank has noted its payload: ``txid`` awaits it no longer."""

    def was_not_shown(self, txid: bytes, wanted: bytes) -> None:
        """Nobody shows it: ``txid`` awaits it no longer."""

    def shown(self, txid: bytes) -> Collection[bytes]:
        """What took tokens from ``txid`` and was shown to the central bank."""

    def not_shown(self, txid: bytes) -> Collection[bytes]:
        """What took tokens from ``txid`` and is not shown by anybody."""
