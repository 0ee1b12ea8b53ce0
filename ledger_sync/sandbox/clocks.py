"""The operator's word on a service's clock (`ledger_sync.service.steady`), for a sandbox, whose services
share one clock.

Starting a sandbox that was off for days gives the word itself, as whoever starts it would; the service's log says so.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ledger_sync.service.steady import read_word, write_word
from wallet.protocol.bounds import FAR_AHEAD

LOG: Final = "log"


def confirm_clock(folder: Path, now: int) -> bool:
    """Give the word for the service in this folder where it would wait for it; whether it was needed."""
    last = read_word(folder)
    if last is None or abs(now - last) <= FAR_AHEAD:
        return False
    write_word(folder, now)
    event = {"time": _written(now), "level": "warning", "logger": __name__}
    said = {**event, "event": "the operator's word for the clock", "now": now, "at": last}
    with os.fdopen(os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as log:
        log.write(json.dumps(said) + "\n")
    return True


def _written(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
