"""Requests that the person asks for no more, beside the wallet: they are not offered to be gone on with.

Nothing hangs on this file: whatever answers such a request is received all the same.
"""

from __future__ import annotations

from typing import Final

from app.engine.engine import Engine
from app.engine.json_file import JsonFile

_MOST: Final = 256
_REQUESTS: Final = "requests"


class DismissedItems:
    """``put`` returns at once; the file follows."""

    def __init__(self, engine: Engine, file: JsonFile) -> None:
        self._engine = engine
        self._file = file
        held = file.read().get(_REQUESTS)
        self._refs = [item for item in held if isinstance(item, str)] if isinstance(held, list) else []

    def __contains__(self, ref: bytes) -> bool:
        return ref.hex() in self._refs

    def put(self, ref: bytes) -> None:
        """Ask no more for the request ``ref`` (16 bytes)."""
        if ref and ref not in self:
            self._refs = [*self._refs, ref.hex()][-_MOST:]
            kept = list(self._refs)
            # A file that could not be written costs one question more after the next start.
            self._engine.submit(lambda work: self._file.write({_REQUESTS: kept}), lambda outcome: None)
