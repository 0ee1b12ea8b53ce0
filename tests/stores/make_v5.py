"""How tests/stores/v5 was made: `python -m tests.stores.make_v5`, as `make_v1` says. Version 5 added whom a
piece of evidence names."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v5")
