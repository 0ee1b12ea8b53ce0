"""Stands in for `python -m app.window`: writes down how it was started, and ends as it is told to.

STAND_IN_FOLDER: where to write. STAND_IN: WALLET=STATUS pairs, of windows that end by themselves; the others wait to
be asked (SIGTERM), or for good where STUBBORN is set.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    if not os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wallet = sys.argv[sys.argv.index("--wallet") + 1]
    told = {"argv": sys.argv[1:], "pid": os.getpid(), "session": os.getsid(0)}
    part = Path(os.environ["STAND_IN_FOLDER"], f".{wallet}")
    part.write_text(json.dumps(told), "utf-8")
    part.rename(part.with_name(wallet))
    ends = dict(each.split("=") for each in os.environ.get("STAND_IN", "").split())
    if wallet in ends:
        sys.exit(int(ends[wallet]))
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
