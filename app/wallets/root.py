"""The central bank's root key as people give it: in hexadecimal, or as the name of a file that holds that."""

from __future__ import annotations

from pathlib import Path

from wallet.protocol.bounds import KEY_BYTES

_MOST = 1_024


def root_key(written: str) -> bytes:
    """The 33 bytes. ValueError where it is neither; ``OSError`` where the file cannot be read."""
    try:
        return _key(written)
    except ValueError:
        with Path(written).open("rb") as held:
            return _key(held.read(_MOST).decode("ascii"))


def _key(hexadecimal: str) -> bytes:
    key = bytes.fromhex(hexadecimal.strip())
    if len(key) != KEY_BYTES:
        raise ValueError("not a key")
    return key
