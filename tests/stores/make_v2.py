"""How tests/stores/v2 was made: `python -m tests.stores.make_v2`, as `make_v1` says. Version 2 added the last word of
each service on the time."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v2")
