"""The files of a real cluster: `python -m tools.cluster` writes `deploy/cluster` anew, with addresses that nobody has
(RFC 5737); `python -m tools.cluster OUT HOST HOST HOST [GROUPS]` writes them for three machines of yours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger_sync.cluster.files import real_files

ROOT: Final = Path(__file__).parents[1]
PLACE: Final = ROOT / "deploy" / "cluster"
EXAMPLE: Final = ("192.0.2.11", "192.0.2.12", "192.0.2.13")


def write(out: Path, hosts: Sequence[str], groups: int) -> None:
    """All files, below `out`."""
    for name, text in real_files(hosts, groups).items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def main(words: Sequence[str]) -> None:
    if not words:
        write(PLACE, EXAMPLE, 1)
        return
    out, *rest = words
    if len(rest) not in (3, 4):
        raise SystemExit("usage: python -m tools.cluster [OUT HOST HOST HOST [GROUPS]]")
    write(Path(out), rest[:3], int(rest[3]) if rest[3:] else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
