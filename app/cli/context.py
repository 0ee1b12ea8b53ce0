"""What every command needs: where things lie, how to show, the clock, and the one open wallet of the process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.cli.pin import PinSource
from app.cli.places import Home, Profile, WalletPlace
from app.cli.show import Show
from app.cli.status import UsageError

if TYPE_CHECKING:
    from hsm import Keystore
    from wallet.wallet import Wallet

Clock = Callable[[], int]
Random = Callable[[int], bytes]


def system_clock() -> int:
    """Unix seconds of this machine, or of the sandbox: ``QALTA_CLOCK_OFFSET`` seconds are added."""
    return int(time.time()) + int(os.environ.get("QALTA_CLOCK_OFFSET", "0"))


@dataclass(frozen=True, slots=True)
class OpenWallet:
    """A wallet with its keystore, for as long as a command or the process runs."""

    place: WalletPlace
    profile: Profile
    keystore: Keystore
    wallet: Wallet


@dataclass(slots=True)
class Context:
    """Handed to every command; ``kept`` is the wallet that an agent keeps open between commands."""

    home: Home
    wallet_name: str | None
    show: Show
    pin: PinSource
    clock: Clock = system_clock
    random: Random = os.urandom
    kept: OpenWallet | None = field(default=None)

    def place(self) -> WalletPlace:
        """The wallet that was named, or the only one there is."""
        if self.wallet_name:
            return self.home.wallet(self.wallet_name)
        known = self.home.wallets()
        if len(known) == 1:
            return known[0]
        raise UsageError("usage.which_wallet" if known else "usage.no_wallet")

    @contextmanager
    def opened(self) -> Iterator[OpenWallet]:
        """The wallet, opened with the PIN; closed again unless an agent keeps it."""
        if self.kept is not None:
            yield self.kept
            return
        opened = self.open(self.place())
        try:
            yield opened
        finally:
            close(opened)

    def open(self, place: WalletPlace) -> OpenWallet:
        from hsm import open_keystore
        from wallet.wallet import Wallet

        profile = place.profile()
        pin = self.pin.ask(self.show.catalogue.text("ask.pin_open", name=place.name))
        keystore = open_keystore(place.keystore, pin, clock=self.clock, random=self.random)
        wallet = Wallet.open(place.purse, keystore, self.clock, self.random)
        return OpenWallet(place, profile, keystore, wallet)

    def confirm_pin(self, opened: OpenWallet) -> None:
        """The PIN again, before money moves. KeystoreError: PIN_WRONG, PIN_BLOCKED."""
        opened.keystore.confirm_pin(self.pin.ask(self.show.catalogue.text("ask.pin_pay")))


def close(opened: OpenWallet) -> None:
    opened.wallet.close()
    opened.keystore.lock()
