"""What a process finds when it looks at itself, or how it ends: for tests of whoever starts processes.

python -m tests.support.itself look [ARGUMENTS]     # JSON
python -m tests.support.itself exit|kill|interrupt|raise|thread
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any


def look() -> dict[str, Any]:
    own = Path("/proc/self")
    return {
        "argv": sys.argv,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "pid": os.getpid(),
        "parent": os.getppid(),
        "descriptors": _descriptors(),
        "tasks": len(list((own / "task").iterdir())),
        "maps": (own / "maps").read_text(),
        "modules": sorted(sys.modules),
        "drawn": [random.random(), os.urandom(8).hex()],
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "main": sys.modules["__main__"].__name__,
    }


def _descriptors() -> dict[int, str]:
    """Their numbers, and what they are; without the one that is looking."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found[int(number)] = str(Path(f"/proc/self/fd/{number}").readlink())
    return found


def _thread() -> None:
    threading.main_thread().join()
    print("said by a thread that outlives the main one")


def main(what: str, *_: str) -> int:
    match what:
        case "look":
            print(json.dumps(look()))
        case "exit":
            print("gone", end="")
            return 3
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        case "raise":
            raise ValueError("said on stderr")
        case "thread":
            threading.Thread(target=_thread).start()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
