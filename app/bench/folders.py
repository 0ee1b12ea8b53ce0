"""Folders that a measurement works in: what it starts for one ends with it, however it ends itself.

Rule: whatever a measurement starts names its folder on its command line, and is ended by the janitor beside it, which
outlives the measurer (`app.bench.janitor`): after the block, after a Ctrl-C in the middle of putting away, after a
SIGKILL.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_JANITOR: Final = Path(__file__).with_name("janitor.py")
_NAME: Final = "qalta-bench-"


@contextmanager
def own_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder in ``parent`` (None: where temporary ones are) for as long as the block lasts, and all that runs
    for it. ``OSError``."""
    folder = Path(tempfile.mkdtemp(prefix=_NAME, dir=parent))
    with _janitor(folder, "--remove"):
        yield folder


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """A block after which nothing runs any more for a folder that stays. ``OSError``."""
    with _janitor(folder.absolute()):
        yield


@contextmanager
def _janitor(folder: Path, *how: str) -> Iterator[None]:
    # In a session of its own, so that a terminal's Ctrl-C is not for it.
    janitor = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_JANITOR), f"--of={folder}", *how],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    assert janitor.stdin is not None
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            janitor.stdin.write(b"\n")
            janitor.stdin.close()
        janitor.wait()
