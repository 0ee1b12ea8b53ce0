"""How tests/stores/v7 was made: `python -m tests.stores.make_v7`, as `make_v1` says. Version 7 added what
people are called."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v7")
