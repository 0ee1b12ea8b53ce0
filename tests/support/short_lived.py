"""A worker that says that it takes calls, and ends: ``python -m tests.support.short_lived --worker ...``."""

from __future__ import annotations

import sys

from ledger_sync.service.inherited import Inherited, Line

if __name__ == "__main__":
    Line(Inherited.parse(sys.argv[sys.argv.index("--worker") + 1])).serves()
    sys.exit(1)
