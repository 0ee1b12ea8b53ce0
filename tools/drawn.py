"""Parts of pages that are made from the code: what stands between `<!-- drawn -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from typing import Final

_DRAWN: Final = re.compile(r"(<!-- drawn -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def drawn_in(page: str) -> str:
    """What is drawn in a page. ValueError where it has no two marks."""
    found = _DRAWN.search(page)
    if found is None:
        raise ValueError("no marks to draw between")
    return found[2]


def redrawn(page: str, text: str) -> str:
    """The page with ``text`` for what is drawn in it. ValueError where it has no two marks."""
    drawn_in(page)
    return _DRAWN.sub(lambda match: match[1] + text + match[3], page, count=1)
