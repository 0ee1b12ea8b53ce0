"""A sandbox whose services are forked by this worker's `starter`: what they import they do not each import again.

Rule: nothing but the system's call that starts a process is another one. Tests of how services start do without this.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ledger_sync import sandbox
from tests.support.starter import starter

_spawn = os.posix_spawnp


def start(home: Path, environment: Mapping[str, Mapping[str, str]] | None = None) -> sandbox.Network:
    """As `sandbox.start` does, and found by it and stopped as any other."""
    with patch("os.posix_spawnp", _forked):
        return sandbox.start(home, environment=environment)


def _forked(program: str, command: Sequence[str], environment: Mapping[str, str], **how: Any) -> int:
    if list(command[:2]) != [sys.executable, "-m"] or not starter().fits(environment):
        return _spawn(program, list(command), environment, **how)
    with _streams(how["file_actions"]) as streams:
        started = starter().start(
            command[2], command[3:], environment, streams, has_own_session=how["setsid"]
        )
    started.leave()
    return started.pid


@contextmanager
def _streams(actions: Sequence[tuple[Any, ...]]) -> Iterator[dict[int, int]]:
    """Which descriptors of ours the file actions of a spawn make, by their number there."""
    made: dict[int, int] = {}
    with ExitStack() as held:
        for kind, one, *rest in actions:
            if kind == os.POSIX_SPAWN_OPEN:
                made[one] = os.open(*rest)
                held.callback(os.close, made[one])
            else:
                made[rest[0]] = made[one]
        yield made
