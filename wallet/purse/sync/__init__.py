"""What a purse does with the ledger: shows it, believes it, exchanges tokens at it, and finds its way back by it."""
