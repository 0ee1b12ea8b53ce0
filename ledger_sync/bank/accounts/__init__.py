"""Customers and their accounts, and what was moved at the central bank in this bank's name."""
