"""How often a payment is read and verified, whoever does it: calls are counted as the interpreter makes them.

Rule: nothing is replaced, so that nothing can be read without being counted, in whatever thread.

    python -m tests.support.counted FILE MODULE ARGUMENTS...    # run a module; the counts go to FILE
"""

from __future__ import annotations

import atexit
import json
import runpy
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType, MethodType
from typing import Any, Final, Self

from wallet.protocol.payment import Payment
from wallet.protocol.validity import verify_payment
from wallet.session import messages

assert isinstance(Payment.from_cbor, MethodType)
_WATCHED: Final[dict[CodeType, str]] = {
    messages.decode.__code__: "messages",
    Payment.from_cbor.__func__.__code__: "parsed",
    verify_payment.__code__: "verified",
}


class Counts:
    """``of``: messages decoded, payments parsed and payments verified while the context lasted."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def __enter__(self) -> Self:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in _WATCHED:
            self.of[_WATCHED[frame.f_code]] += 1


def main(path: str, module: str, *argv: str) -> None:
    counts = Counts()
    atexit.register(lambda: Path(path).write_text(json.dumps(counts.of)))
    sys.argv = [module, *argv]
    with counts:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
