"""How bytes travel between two wallets: `qr/` here, other carriers beside it. Bytes in, bytes out: no
wallet logic.

Rule: importing this package imports no picture library, opens no device and starts no thread.
"""
