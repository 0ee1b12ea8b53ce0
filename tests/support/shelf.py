"""Purses that were copied and put back, and purses that nobody has closed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.wallets import Town
from wallet.wallet import Wallet


class Shelf:
    """Copies of purses, as a backup program or a thief makes them. The keystore is never copied here."""

    def __init__(self, town: Town, folder: Path) -> None:
        self._town = town
        self._folder = folder

    def keep(self, name: str) -> None:
        self._town.wallets.pop(name).close()
        shutil.copytree(self._town.folder / name, self._folder / name, dirs_exist_ok=True)
        self._town.open(name)

    def put_back(self, name: str) -> Wallet:
        self._town.wallets.pop(name).close()
        shutil.rmtree(self._town.folder / name)
        shutil.copytree(self._folder / name, self._town.folder / name)
        return self._town.open(name)

    def lose(self, name: str) -> Wallet:
        self._town.wallets.pop(name).close()
        shutil.rmtree(self._town.folder / name)
        wallet = self._town.open(name)
        wallet.reconciling.take_root(
            self._town.world.root.public, self._town.world.signed_directory().encode()
        )
        wallet.reconciling.take_policy(None, self._town.update())
        return wallet


def open_after_a_kill(town: Town, name: str) -> Wallet:
    """Another process opens a purse that nobody has closed."""
    del town.wallets[name]
    return town.open(name)
