"""What a central bank needs of whatever keeps its data: one port a file, in words of the domain, none of a database's.

Rule: a port knows values and nothing of rows. Where two writers could meet, its write is conditional and says by its
return value whether it took effect. Nothing in a port counts on one process, one lock or one connection. Each has a
contract suite (`tests/ledger_sync/central_bank/contracts`) that every backend passes; `sql` stands on both engines.
"""
