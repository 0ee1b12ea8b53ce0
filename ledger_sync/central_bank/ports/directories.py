"""The directories as the roots have signed them, in every form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.directory import DirectoryBody, DirectoryBody2


class DirectoryForms(Protocol):
    """One directory of the first form; of the second one for each version and root (33 bytes)."""

    def first(self) -> Signed[DirectoryBody] | None: ...

    def keep_first(self, signed: Signed[DirectoryBody]) -> bool:
        """Whether there was none."""

    def second(self) -> Sequence[tuple[bytes, Signed[DirectoryBody2]]]:
        """Each with the root that signed it, in no order."""

    def keep_second(self, root: bytes, signed: Signed[DirectoryBody2]) -> bool:
        """Whether the root had signed none of this version."""
