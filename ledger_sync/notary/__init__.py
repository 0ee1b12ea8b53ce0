"""The notary: decides which transaction consumed a token first, and signs that.

Rule: it sees token references, transaction ids and the submitting bank, never amounts or owners. `Store` is the
port behind which the consumed references are kept.
"""

from ledger_sync.notary.store import CommitItem, Store, Verdicts

__all__ = ["CommitItem", "Store", "Verdicts"]
