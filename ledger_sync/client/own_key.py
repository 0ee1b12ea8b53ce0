"""A key of one's own for calls to services, in a folder: an auditor's, an operator's.

Rule: the key is made once and never leaves its token; the same again says which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import hsm

KEYSTORE: Final = "keystore"


def make_key(
    folder: Path, alias: str, pin: str, clock: Callable[[], int], random: Callable[[int], bytes]
) -> bytes:
    """The 33-byte public key of this alias; folder and key are made where there are none. ``KeystoreError``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        hsm.provision(folder / KEYSTORE, pin, random=random, clock=clock)
    except hsm.KeystoreError as error:
        if error.code is not hsm.KeystoreCode.ALREADY_PROVISIONED:
            raise
    with opened(folder, pin, clock, random) as keystore:
        return keystore.public_key(alias) if alias in keystore.aliases() else keystore.create_key(alias)


@contextmanager
def opened(
    folder: Path, pin: str, clock: Callable[[], int], random: Callable[[int], bytes]
) -> Iterator[hsm.Keystore]:
    """The keystore of a folder, for a block. ``KeystoreError``."""
    keystore = hsm.open_keystore(folder / KEYSTORE, pin, clock=clock, random=random)
    try:
        yield keystore
    finally:
        keystore.lock()
