"""Plain uploads: whole, new, and touching nothing else, as most are; settled in one pass."""
