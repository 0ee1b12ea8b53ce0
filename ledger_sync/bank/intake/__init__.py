"""Taking in: what was uploaded or passed on is attributed, judged and kept, with what it descends from."""
