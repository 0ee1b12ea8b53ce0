"""What waits in a store, as its figures tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many of one kind, a word of the code's; for ``peer``, a service by its id in the directory, or for nobody
    (empty). ``since``: unix seconds of the oldest, None where there is none or that is not known."""

    what: str
    count: int
    since: int | None = None
    peer: str = ""
