"""The notary: decides which transaction consumed a token first, and signs that.

Rule: it sees token references, transaction ids and the submitting bank, never amounts or owners. `Store` is the
port behind which it is kept who won which reference; `Attestor` signs what was won.
"""

from ledger_sync.notary.attestor import Attestor, Verdicts
from ledger_sync.notary.store import Claim, CommitItem, Store

__all__ = ["Attestor", "Claim", "CommitItem", "Store", "Verdicts"]
