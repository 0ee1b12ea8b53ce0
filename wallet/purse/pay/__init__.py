"""Paying: which tokens, whether it would be accepted, and the life of a payment that goes out."""
