"""How tests/stores/v3 was made: `python -m tests.stores.make_v3`, as `make_v1` says. Version 3 keeps apart what the
purse goes by and what is open: the policy that was reached, kinds of evidence, transfers without a verdict."""

from __future__ import annotations

from pathlib import Path

from tests.stores.make_v1 import write

if __name__ == "__main__":
    write(Path(__file__).parent / "v3")
