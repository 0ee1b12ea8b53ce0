"""Pure rules that bank and central bank share: which fragments are valid, and what the notary's word makes of
their values. No clock, no store, no network."""

from ledger_sync.settling.validity import (
    Fragments,
    Graph,
    Invalid,
    Layered,
    Objects,
    Valid,
    Validity,
    Waiting,
    assess,
    good_certificates,
    judge,
)
from ledger_sync.settling.values import Loss, Outcome, Values, WinnerOf, settle, winners_of

__all__ = [
    "Fragments",
    "Graph",
    "Invalid",
    "Layered",
    "Loss",
    "Objects",
    "Outcome",
    "Valid",
    "Validity",
    "Values",
    "Waiting",
    "WinnerOf",
    "assess",
    "good_certificates",
    "judge",
    "settle",
    "winners_of",
]
