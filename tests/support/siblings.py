"""Lines between processes of a service, here within one; whoever answers by them has ended before they are closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ledger_sync.service.siblings import Pair, pairs


@contextmanager
def between(count: int) -> Iterator[tuple[Pair, ...]]:
    made = pairs(count)
    try:
        yield made
    finally:
        for _, hears in made:
            hears.shutdown(socket.SHUT_RDWR)
        for thread in threading.enumerate():
            if thread.name == "siblings":
                thread.join()
        for pair in made:
            for line in pair:
                line.close()
