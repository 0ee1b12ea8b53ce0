"""Where the engine's wallet comes from: a place on disk and its bank, as a port."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from app.wallets.banking import bank_line
from app.wallets.making import Tell, WalletSpec, make_wallet
from app.wallets.opened import Clock, OpenWallet, Random, close, open_wallet
from app.wallets.places import WalletDir
from hsm.critical import hold_termination
from ledger_sync.client.bank import BankClient


class Source(Protocol):
    """All calls are made in the workers' threads; ``is_stopped`` is asked while a call to the bank waits, which it
    ends."""

    def open(self, pin: str) -> OpenWallet:
        """Raises as ``open_wallet``."""

    def make(self, wish: WalletSpec, pin: str, tell: Tell, is_stopped: Callable[[], bool]) -> OpenWallet:
        """Raises as ``make_wallet``."""

    def line(self, opened: OpenWallet, is_stopped: Callable[[], bool]) -> AbstractContextManager[BankClient]:
        """A line to its bank, for the length of the context."""

    def close(self, opened: OpenWallet) -> None:
        """Let go of store and keystore."""


class PlaceSource:
    """The wallet in ``place``. Made in the main thread: only there can SIGTERM be kept from cutting into a login."""

    def __init__(self, place: WalletDir, clock: Clock, random: Random) -> None:
        hold_termination()
        self._place = place
        self._clock = clock
        self._random = random

    def open(self, pin: str) -> OpenWallet:
        return open_wallet(self._place, pin, self._clock, self._random)

    def make(self, wish: WalletSpec, pin: str, tell: Tell, is_stopped: Callable[[], bool]) -> OpenWallet:
        return make_wallet(self._place, wish, pin, self._clock, self._random, tell, is_stopped)

    def line(self, opened: OpenWallet, is_stopped: Callable[[], bool]) -> AbstractContextManager[BankClient]:
        return bank_line(opened, self._random, is_stopped)

    def close(self, opened: OpenWallet) -> None:
        close(opened)
