"""The command line's front door. It imports almost nothing, so that Ctrl-C is heard before the rest is here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.cli.interrupts import INTERRUPTS


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (see Status). Without ``argv`` the process's own words are taken, and
    the process ends with them."""
    with INTERRUPTS.installed(for_good=argv is None):
        from app.cli.running import run

        return run(list(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    raise SystemExit(main())
