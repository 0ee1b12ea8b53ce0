"""What waits in a bank's store. Counted over indexes of what is open, so it costs as much as there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.database.store import Store
from ledger_sync.hearing import CENTRAL
from ledger_sync.service.waiting import Waiting

_JOBS: Final = "select kind, count(*), min(due), target from work where done = 0 group by kind, target"
_OPEN: Final = (
    ("provenance", "select count(*), min(since) from waiting"),
    ("notary", "select count(*), null from transfers where stage = 'valid'"),
    ("verdict", "select count(*), null from to_answer"),
    ("funding", "select count(*), null from fundings where stage = 'debited'"),
    ("redemption", "select count(*), null from redemptions where done = 0"),
    ("refund", "select count(*), null from refunds where stage = 'open'"),
    ("compensation", "select count(*), null from compensations where owed > 0"),
)
"""Transfers that wait for provenance, for the notary, for their verdict; what the central bank has to be asked for."""


def waiting(store: Store) -> Sequence[Waiting]:
    """Everything that waits, also where that is nothing; jobs since they were due, by kind and partner."""
    found = [
        Waiting(f"job_{kind}", count, due, target or CENTRAL)
        for kind, count, due, target in store.rows(_JOBS)
    ]
    return [Waiting(what, *row) for what, sql in _OPEN for row in store.rows(sql)] + found
