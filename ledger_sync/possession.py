"""Proof of possession: a bank certifies an epoch key only for the device that shows it can sign with it.

Without it anybody could have somebody else's key certified at another bank and draw its redemptions there
(RFC 4211 section 4 asks the same of every certificate request).
"""

from __future__ import annotations

import hashlib

from wallet.protocol.bounds import KEY_BYTES

_CONTEXT = b"Qalta epoch key for device\x00"


def possession_digest(device: bytes) -> bytes:
    """The 32 bytes that the epoch key signs; ``device`` is the 33-byte key that signs the calls to the bank."""
    if len(device) != KEY_BYTES:
        raise ValueError("a device key has 33 bytes")
    return hashlib.sha256(_CONTEXT + device).digest()
