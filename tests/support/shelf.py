"""Purses that were copied and put back, and purses that nobody has closed."""

from __future__ import annotations

from tests.support.wallets import WalletNetwork
from wallet.purse.store.memory import MemoryHome
from wallet.wallet import Wallet


class Shelf:
    """Copies of purses, as a backup program or a thief makes them. The keystore is never copied here."""

    def __init__(self, net: WalletNetwork) -> None:
        self._town = net
        self._copies: dict[str, MemoryHome] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._copies

    def keep(self, name: str) -> None:
        """Of a wallet that is closed for it, as a person does before a backup."""
        self._town.wallets.pop(name).close()
        self._copies[name] = self._town.homes[name].clone()
        self._town.open(name)

    def put_back(self, name: str, *, was_killed: bool = False) -> Wallet:
        """``was_killed``: the purse in whose place it comes was never closed, so that its record has not followed."""
        return self._town.put_back(name, self._copies[name].clone(), was_killed=was_killed)


def open_after_a_kill(net: WalletNetwork, name: str) -> Wallet:
    """Another process opens a purse that nobody has closed."""
    del net.wallets[name]
    return net.open(name)
