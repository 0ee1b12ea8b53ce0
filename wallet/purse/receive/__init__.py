"""Receiving: what is asked for, and what comes in for it."""
