"""The words that stand beside a code in a terminal: what is asked or paid, its id, and how a moving code ends.

Rule: they are drawn with the code, in the lines and columns that were kept free for them, so that nobody has to look
for what has scrolled away. What does not fit is cut off at the end; no control of a stranger's is in it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

BELOW: Final = 3
"""Lines that are kept free for them below a code; each is one line."""
ASIDE: Final = 28
"""Columns that are kept free for them on its right, the gap included."""
_GAP: Final = "  "
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")


def around(code: Sequence[str], words: Sequence[str], columns: int, *, is_aside: bool) -> list[str]:
    """The lines of a terminal: the code with its words on the right of it, from the top, or below it."""
    if not is_aside:
        return [*code, *(_cut(word, columns) for word in words)]
    width = columns - cell_len(_ESCAPE.sub("", code[0])) - len(_GAP)
    lines = [_cut(line, width) for word in words for line in textwrap.wrap(word, width)]
    lines = lines[: len(code)] + [""] * (len(code) - len(lines))
    return [drawn + _GAP + line if line else drawn for drawn, line in zip(code, lines, strict=True)]


def _cut(line: str, width: int) -> str:
    return line if cell_len(line) <= width else set_cell_size(line, width - 1) + "…"
