"""A PIN opens the wallet; wrong ones are counted and make waits that grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.manual_worker import PIN, NetworkSource, Person, person
from tests.support.wallets import WalletNetwork


@pytest.fixture
def net(tmp_path: Path) -> Iterator[WalletNetwork]:
    net = WalletNetwork(tmp_path)
    net.wallet("alia", 50_000)
    yield net
    net.close()


@pytest.fixture
def alia(net: WalletNetwork) -> Person:
    return person(NetworkSource(net, "alia"), lambda: net.world.now, net.folder / "alia")


def test_the_right_pin_opens(alia: Person) -> None:
    alia.unlock()
    view = alia.container.unlock.view
    assert (view.is_open, view.pin_length, view.trouble) == (True, 0, None)


def test_nothing_can_be_seen_before(alia: Person) -> None:
    alia.container.home.refresh()
    alia.settle()
    assert alia.container.home.view.trouble is not None
    assert alia.container.home.view.trouble.code == "locked"
    assert alia.container.home.view.balance is None


def test_wrong_pins_wait_longer_and_longer(alia: Person, net: WalletNetwork) -> None:
    unlock, waits = alia.container.unlock, []
    for left in (2, 1, 0, 0, 0):
        alia.unlock("0000")
        assert not unlock.view.is_open
        assert unlock.view.trouble is not None
        assert (unlock.view.trouble.code, unlock.view.tries_left) == ("pin_wrong", left)
        until = unlock.view.wait_until
        if until is None:
            continue
        waits.append(until - net.world.now)
        alia.unlock(PIN)
        assert (unlock.view.is_open, unlock.view.pin_length) == (False, 0)
        unlock.tick(until - 1)
        assert unlock.view.wait_until == until
        net.world.now = until
        unlock.tick(until)
        assert unlock.view.wait_until is None
    assert waits == [30, 60, 300]
    assert alia.unlock().container.unlock.view.is_open


def test_a_pin_too_short_is_not_tried(alia: Person) -> None:
    alia.unlock("123")
    assert (alia.container.unlock.view.pin_length, alia.container.unlock.view.trouble) == (3, None)
    alia.container.unlock.erase()
    assert alia.container.unlock.view.pin_length == 2


def test_the_wait_of_another_run_is_told_with_the_first_try(alia: Person, net: WalletNetwork) -> None:
    for _ in range(3):
        alia.unlock("0000")
    again = person(NetworkSource(net, "alia"), lambda: net.world.now, net.folder / "alia").unlock()
    view = again.container.unlock.view
    assert view.trouble is not None
    assert (view.trouble.code, view.wait_until) == ("pin_blocked", net.world.now + 30)


def test_no_view_holds_the_pin(alia: Person) -> None:
    seen: list[str] = []
    alia.container.unlock.watch(lambda view: seen.append(repr(view)))
    alia.unlock("86420")
    assert seen
    assert not any("86420" in view for view in seen)
    assert "86420" not in repr(vars(alia.container.unlock))
