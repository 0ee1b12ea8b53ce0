"""How tests/stores/v6 was made: `python -m tests.stores.make_v6`, as `make_v1` says. Version 6 added payments that a
purse had forgotten and the ledger told it of."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v6")
