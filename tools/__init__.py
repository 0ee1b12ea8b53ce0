"""What keeps the repository's pages and releases true; for those who work on Qalta, and in no wheel.

Rule: a tool is a command (`python -m tools.NAME`) and functions that a test calls; it writes only the files it names.
"""
