"""Opening a wallet in its place with a PIN, and letting go of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.wallets.places import Profile, WalletDir

if TYPE_CHECKING:
    from hsm import Keystore
    from wallet.wallet import Wallet

Clock = Callable[[], int]
"""Unix seconds."""
Random = Callable[[int], bytes]
"""So many random bytes."""


def system_clock() -> int:
    """Unix seconds of this machine, or of the sandbox: ``QALTA_CLOCK_OFFSET`` seconds are added."""
    return int(time.time()) + int(os.environ.get("QALTA_CLOCK_OFFSET", "0"))


@dataclass(frozen=True, slots=True)
class OpenWallet:
    """A wallet with its keystore, for as long as a command or the process runs."""

    place: WalletDir
    profile: Profile
    keystore: Keystore
    wallet: Wallet


def open_wallet(place: WalletDir, pin: str, clock: Clock, random: Random) -> OpenWallet:
    """Raises ``Refusal``: WALLET_UNKNOWN, STORE_VERSION, STORE_DAMAGED; ``KeystoreError``: PIN_WRONG, PIN_BLOCKED,
    IN_USE and whatever else ``open_keystore`` raises; ``MissingPart`` where wallet.json is damaged."""
    from hsm import open_keystore
    from wallet.wallet import Wallet

    profile = place.profile()
    keystore = open_keystore(place.keystore, pin, clock=clock, random=random)
    try:
        return OpenWallet(place, profile, keystore, Wallet.open(place.purse, keystore, clock, random))
    except BaseException:
        keystore.lock()
        raise


def close(opened: OpenWallet) -> None:
    opened.wallet.close()
    opened.keystore.lock()
