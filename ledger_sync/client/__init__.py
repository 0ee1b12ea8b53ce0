"""The wallet's online side: it brings what happened offline to the bank, and what the ledger says to the purse."""

from ledger_sync.client.bank import Account, BankClient
from ledger_sync.client.connecting import connect
from ledger_sync.client.reconcile import Report, Step, certify, defund, fund, reconcile, set_up
from ledger_sync.client.timing import keep_time

__all__ = [
    "Account",
    "BankClient",
    "Report",
    "Step",
    "certify",
    "connect",
    "defund",
    "fund",
    "keep_time",
    "reconcile",
    "set_up",
]
