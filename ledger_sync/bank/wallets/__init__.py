"""Wallets: whose each is, by which limits it signed, and whether one signs twice."""
