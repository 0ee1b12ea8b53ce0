"""Small files that are whole or absent, never half: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hsm.failpoint import reach
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.storage import fault_of


@contextmanager
def storage() -> Iterator[None]:
    """Turn the operating system's refusals into what they mean (`hsm.storage`): STORAGE_FULL, STORAGE_READ_ONLY,
    STORAGE_FORBIDDEN, STORAGE_MISSING, FILES_EXHAUSTED, STORAGE_FAULT."""
    try:
        yield
    except OSError as error:
        fault = fault_of(error) or KeystoreError(KeystoreCode.STORAGE_FAULT, {"errno": error.errno or 0})
        raise fault from None


def write_whole(path: Path, content: bytes, *, step: str) -> None:
    """Replace `path` (mode 0600) so that a crash leaves the old or the new content.

    `step` names the failpoints `<step>.written` (beside, not yet in place) and `<step>.placed`.
    """
    beside = path.with_name(path.name + ".part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb", closefd=False) as stream:
            stream.write(content)
        os.fsync(handle)
    finally:
        os.close(handle)
    reach(step + ".written")
    os.replace(beside, path)
    sync(path.parent)
    reach(step + ".placed")


def remove(path: Path) -> None:
    """Unlink a file, if it is there, and make that durable."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """fsync one file or one folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
