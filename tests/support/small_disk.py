"""A real disk that is full, read-only or gone: a tmpfs of a few kilobytes. Skips where this user may mount nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs of so many kilobytes at ``place``, which is made."""
    place.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def let_be_written(place: Path, *, is_so: bool) -> None:
    """Remount it read-only, or so that it can be written."""
    assert _mount("-o", f"remount,{'rw' if is_so else 'ro'}", str(place)).returncode == 0


def fill(folder: Path, *, leave: int) -> Path:
    """Fill the disk up to ``leave`` kilobytes; the file that does it."""
    stuffing = folder / "stuffing"
    with stuffing.open("wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)):
                pass
        except OSError:
            pass
        out.truncate(max(0, out.tell() - leave * 1024))
    return stuffing


def _mount(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["mount", *words], capture_output=True, check=False)
