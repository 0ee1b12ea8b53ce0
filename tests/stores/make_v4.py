"""How tests/stores/v4 was made: `python -m tests.stores.make_v4`, as `make_v1` says. Version 4 added the
requests that are asked for no more."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v4")
