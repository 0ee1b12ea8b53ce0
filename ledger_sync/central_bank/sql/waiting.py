"""What waits in the central bank's store. Counted over indexes of what is open, so it costs as much as there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.database.store import Store
from ledger_sync.service.waiting import Waiting

_OPEN: Final = (
    (
        "challenge",
        "select count(*), min(since), bank from asked where shown is null and failed is null group by bank",
    ),
    ("claim", "select count(*), min(time), defaulter from claims where paid < value group by defaulter"),
    ("revocation", "select count(*), null, '' from revocations where listed = 0"),
)
"""Transfers that a bank was asked to show; what a bank owes and has not paid; revocations that are in no delta yet."""


def waiting(store: Store) -> Sequence[Waiting]:
    """Everything that waits; nothing of what no bank owes or is asked for."""
    return [Waiting(what, *row) for what, sql in _OPEN for row in store.rows(sql)]
