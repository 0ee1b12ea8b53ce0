"""From a valid transfer to a verdict: committing, deciding, telling, and how waiting ends."""
