"""Wallets in memory: no file, no descriptor, no flush; opened again and copied like those in folders."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.purses import refused
from tests.support.wallets import Chance, WalletNetwork
from wallet.protocol.codes import Code
from wallet.purse.store.journal import PurseState
from wallet.purse.store.memory import MemoryHome
from wallet.wallet import Wallet


@contextmanager
def no_files() -> Iterator[None]:
    """Nothing can be opened, and nothing written to what is open."""
    former = {what: resource.getrlimit(what) for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)}
    try:
        for what, (_, hard) in former.items():
            resource.setrlimit(what, (0, hard))
        yield
    finally:
        for what, limits in former.items():
            resource.setrlimit(what, limits)


def warm_up(net: WalletNetwork) -> None:
    """What is loaded once in a process is loaded."""
    net.wallet("first", 10_000), net.wallet("second")
    net.pay("first", "second", 10_000)
    for name in ("first", "second"):
        net.reconcile(name, anew=True, refresh=True)


def test_a_wallets_whole_day_needs_no_file(net: WalletNetwork) -> None:
    warm_up(net)
    with no_files():
        with pytest.raises(OSError, match="open files"):
            os.open("/dev/null", os.O_RDONLY)
        net.wallet("asel", 100_000), net.wallet("berik")
        net.pay("asel", "berik", 70_000)
        for name in ("asel", "berik"):
            net.reconcile(name, anew=True, refresh=True)
            net.open(name)
        net.pay("berik", "asel", 10_000)
        assert [net.wallets[name].balance().held for name in ("asel", "berik")] == [40_000, 60_000]
    assert not list(net.folder.iterdir())


def test_a_copy_has_a_life_of_its_own(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik")
    copy = net.homes["asel"].clone()
    net.pay("asel", "berik", 60_000)
    other = Wallet.open(copy, net.keystores["asel"].clone(), lambda: net.world.now, Chance("copy"))
    assert (other.state, other.balance().held) == (PurseState.ROLLED_BACK, 100_000)
    assert net.wallets["asel"].balance().held == 40_000
    other.close()


def test_it_is_not_copied_within_a_transaction() -> None:
    home = MemoryHome()
    store = home.open()
    with store.transaction(), pytest.raises(RuntimeError, match="between transactions"):
        home.clone()
    assert home.clone().open().value("PRAGMA user_version") == store.value("PRAGMA user_version")


def test_whoever_opens_it_takes_it_from_who_had_it(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    again = Wallet.open(net.homes["asel"], net.keystores["asel"], lambda: net.world.now, Chance("again"))
    assert again.balance().held == 100_000
    with pytest.raises(Exception, match="closed"):
        asel.balance()
    again.close()


def test_an_older_copy_in_its_place_is_noticed(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000), net.wallet("berik")
    copy = net.homes["asel"].clone()
    net.pay("asel", "berik", 60_000)
    asel = net.put_back("asel", copy)
    assert asel.state is PurseState.ROLLED_BACK
    with refused(Code.ROLLBACK):
        asel.paying.consider(net.wallets["berik"].receiving.request(1_000))


def test_a_folder_holds_the_same_as_memory(tmp_path: Path) -> None:
    """Which of the two a wallet lies in is not to be seen in what it does."""
    said = []
    for net in (WalletNetwork(tmp_path / "a"), WalletNetwork(tmp_path / "b", on_disk=True)):
        net.wallet("asel", 100_000), net.wallet("berik")
        net.pay("asel", "berik", 60_000)
        net.reconcile("berik", refresh=True)
        opened = [net.open(name) for name in ("asel", "berik")]
        said.append([(wallet.history(), wallet.tokens()) for wallet in opened])
        net.close()
    assert said[0] == said[1]
