"""Plain HTTP to processes of this machine: whether one is ready, what its page of figures says.

Rule: no authority is believed here. The world's whole list, which httpx reads for every client that is told nothing
else, takes far longer to read than such a call takes, and no call over loopback asks for it.
"""

from __future__ import annotations

import ssl

import httpx


def loopback(timeout: float) -> httpx.Client:
    """A client for ``http://``; ``timeout`` is the longest silence in seconds. It believes no TLS certificate."""
    return httpx.Client(timeout=timeout, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
