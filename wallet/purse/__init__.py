"""What I own: the durable store, token selection, the life of each payment, limits.

Depends on ``wallet.protocol``, and on ``hsm`` through its port. Importing it opens nothing.
"""
