"""The API reference, built from docstrings by pdoc: `python -m tools.reference [OUT]` (OUT: `build/reference`).

It tells what is public and nothing else: the doors, with all that they show. Rule: whatever pdoc warns of (a name that
leads nowhere, an annotation that can't be read) is an error.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import pdoc
import pdoc.render

ROOT: Final = Path(__file__).parents[1]
DOORS: Final = ("qalta", "qalta.bank", "qalta.nfc", "qalta.qr", "qalta.sandbox")


def build(out: Path, doors: Sequence[str] = DOORS) -> tuple[Path, ...]:
    """One page a door, an index and what searches them; the doors' pages. ``UserWarning`` for what pdoc warns of."""
    for door in doors:
        module = import_module(door)
        for name in module.__all__:
            getattr(module, name)  # pdoc tells only what is there already
    pdoc.render.configure(docformat="markdown", show_source=False, footer_text="Qalta", search=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*doors, output_directory=out)
    return tuple(out.joinpath(*door.split(".")).with_suffix(".html") for door in doors)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: built; where the index is, is said. 1: what pdoc warns of is said."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "reference")
    out: Path = parser.parse_args(arguments).out
    try:
        build(out)
    except Warning as warning:
        print(f"no reference: {warning}", file=sys.stderr)
        return 1
    print(out / "index.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
