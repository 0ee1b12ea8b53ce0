"""What every command needs: where things lie, how to show, the clock, and the one open wallet of the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.cli.pin import PinSource
from app.terminal.show import Show
from app.terminal.status import UsageError
from app.wallets.opened import Clock, OpenWallet, Random, close, open_wallet, system_clock
from app.wallets.places import Home, WalletDir


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

    def place(self) -> WalletDir:
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

    def open(self, place: WalletDir) -> OpenWallet:
        place.profile()
        pin = self.pin.ask(self.show.catalogue.text("ask.pin_open", name=place.name))
        return open_wallet(place, pin, self.clock, self.random)

    def confirm_pin(self, opened: OpenWallet) -> None:
        """The PIN again, before money moves. KeystoreError: PIN_WRONG, PIN_BLOCKED."""
        opened.keystore.confirm_pin(self.pin.ask(self.show.catalogue.text("ask.pin_pay")))
