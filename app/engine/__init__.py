"""The wallet in one worker thread: jobs in, outcomes out through the window's ``post``.

Rule: SQLite and PKCS#11 belong to the worker's thread and nobody else touches them; the window's thread never waits.
"""
