"""A service's keystore: made once, with a PIN of its own, in the service's home folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import hsm
from ledger_sync.http.call import Clock, Random

PIN: Final = "pin"
KEYSTORE: Final = "keystore"


def make_keys(
    folder: Path, pin: str, aliases: Sequence[str], clock: Clock, random: Random
) -> dict[str, bytes]:
    """The 33-byte public keys by alias; what is missing of token and keys is made. `KeystoreError`."""
    place = folder / KEYSTORE
    try:
        hsm.provision(place, pin, random=random, clock=clock, cost=hsm.RANDOM_PIN_COST)
    except hsm.KeystoreError as error:
        if error.code is not hsm.KeystoreCode.ALREADY_PROVISIONED:
            raise
    keystore = hsm.open_keystore(place, pin, clock=clock, random=random)
    try:
        known = keystore.aliases()
        return {
            alias: keystore.public_key(alias) if alias in known else keystore.create_key(alias)
            for alias in aliases
        }
    finally:
        keystore.lock()
