"""Comparing: the heads of the notary's log that a wallet was shown are brought to its bank, and the bank's are kept.

Rule: what was shown before is brought before the bank shows more, so that it cannot pass one history off for another.
What could not be compared is brought again with the next reconciling. Whatever the bank, or the notary behind it, makes
of that holds up nothing else.
"""

from __future__ import annotations

from contextlib import suppress

from ledger_sync.client.bank import BankClient
from ledger_sync.http.peers import RemoteRefusal
from wallet.purse.sync.log_heads import LogHeads


def compare_heads(heads: LogHeads, bank: BankClient) -> None:
    """Bring each that is kept, then keep those that the bank shows. Raises ``NoAnswer``."""
    compared = []
    for head in heads.kept():
        with suppress(RemoteRefusal):
            bank.bring_log_head(head)
            compared.append(head)
    heads.compared(compared)
    with suppress(RemoteRefusal):
        heads.see(bank.log_heads())
