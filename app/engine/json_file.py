"""Small things that the app keeps in a JSON file beside the wallet, whole or not at all.

Rule: a damaged file counts as an empty one, and fields that this version does not know stay in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hsm.durable import storage, write_whole

_MOST: Final = 65_536
"""Bytes of a file that is read at all."""


class JsonFile:
    """``write`` belongs to the worker's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """What is kept; nothing where there is no file, or it cannot be read."""
        try:
            with self._path.open("rb") as stream:
                held = json.loads(stream.read(_MOST))
        except (OSError, ValueError, RecursionError):
            return {}
        return held if isinstance(held, dict) else {}

    def write(self, fields: Mapping[str, Any]) -> None:
        """Put ``fields`` into it. KeystoreError: STORAGE_FAULT."""
        held = {**self.read(), **fields}
        with storage():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(held, ensure_ascii=False, indent=1).encode(), step="app.kept")
