"""Whether a service can do what it is for: it signs something with every key it has, and checks the signature.

Rule: health that looks at no key says that all is well while every customer is refused. What is signed is a prefix that
begins no message of ours, and fresh random bytes, so it is good for nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.http.call import Random, Signer
from wallet.protocol.keys import p256

PREFIX: Final = b"qalta health\x00"
_log: Final = logging.getLogger(__name__)


class Health:
    """Call it: None where all is well, else the code of what is not (`hsm.KeystoreCode`)."""

    def __init__(self, signers: Sequence[Signer], random: Random) -> None:
        self._signers = signers
        self._random = random

    def __call__(self) -> str | None:
        """One signature a key; a login that was lost is made again by that."""
        for signer in self._signers:
            message = PREFIX + self._random(16)
            try:
                signature = signer.sign(message)
            except KeystoreError as error:
                _log.error("cannot sign: %s", error)
                return error.code.value
            if not p256(signer.key).verify(message, signature):
                _log.error("signs wrongly")
                return KeystoreCode.TOKEN_FAULT.value
        return None
