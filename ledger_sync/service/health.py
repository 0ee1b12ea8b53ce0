"""Whether a service can do what it is for: it reads its store, signs with every key it has, and checks the signature.

Rule: health that looks at no key and no store says that all is well while every customer is refused. What is signed is
a prefix that begins no message of ours, and fresh random bytes, so it is good for nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.database.store import Store, StoreError
from ledger_sync.http.call import Clock, Random, Signers
from ledger_sync.service.log import code_of
from wallet.protocol.codes import Refusal
from wallet.protocol.keys import p256

PREFIX: Final = b"qalta health\x00"
_log: Final = logging.getLogger(__name__)


class Health:
    """Call it: None where all is well, else the code of what is not (`hsm.KeystoreCode`)."""

    def __init__(
        self,
        signers: Sequence[Signers],
        random: Random,
        clock: Clock = lambda: 0,
        store: Store | None = None,
    ) -> None:
        """``clock``: unix seconds; of each, the key that signs now."""
        self._signers = signers
        self._random = random
        self._clock = clock
        self._store = store

    def __call__(self) -> str | None:
        """One look into the store, one signature a key; what was lost of either is made again by that."""
        if self._store is not None:
            try:
                self._store.value("select 1")
            except StoreError as error:
                _log.error("the store cannot be read", extra={"code": code_of(error)})
                return KeystoreCode.STORAGE_MISSING.value
        try:
            now = [signers.at(self._clock()) for signers in self._signers]
        except Refusal as refusal:  # none of its keys is good
            _log.error("cannot sign", extra={"code": KeystoreCode.KEY_UNKNOWN})
            return str(refusal.facts.get("cause", KeystoreCode.KEY_UNKNOWN.value))
        for signer in now:
            message = PREFIX + self._random(16)
            try:
                signature = signer.sign(message)
            except KeystoreError as error:
                _log.error("cannot sign", extra={"code": error.code})
                return error.code.value
            if not p256(signer.key).verify(message, signature):
                _log.error("signs wrongly")
                return KeystoreCode.TOKEN_FAULT.value
        return None
