"""A PIN opens the wallet; wrong ones are counted and make waits that grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.manual_worker import PIN, NetworkSource, Person, person
from tests.support.wallets import WalletNetwork


@pytest.fixture
def town(tmp_path: Path) -> Iterator[WalletNetwork]:
    town = WalletNetwork(tmp_path)
    town.wallet("alia", 50_000)
    yield town
    town.close()


@pytest.fixture
def alia(town: WalletNetwork) -> Person:
    return person(NetworkSource(town, "alia"), lambda: town.world.now, town.folder / "alia")


def test_the_right_pin_opens(alia: Person) -> None:
    alia.unlock()
    view = alia.house.unlock.view
    assert (view.is_open, view.pin_length, view.trouble) == (True, 0, None)


def test_nothing_can_be_seen_before(alia: Person) -> None:
    alia.house.home.refresh()
    alia.settle()
    assert alia.house.home.view.trouble is not None
    assert alia.house.home.view.trouble.code == "locked"
    assert alia.house.home.view.balance is None


def test_wrong_pins_wait_longer_and_longer(alia: Person, town: WalletNetwork) -> None:
    unlock, waits = alia.house.unlock, []
    for left in (2, 1, 0, 0, 0):
        alia.unlock("0000")
        assert not unlock.view.is_open
        assert unlock.view.trouble is not None
        assert (unlock.view.trouble.code, unlock.view.tries_left) == ("pin_wrong", left)
        until = unlock.view.wait_until
        if until is None:
            continue
        waits.append(until - town.world.now)
        alia.unlock(PIN)
        assert (unlock.view.is_open, unlock.view.pin_length) == (False, 0)
        unlock.tick(until - 1)
        assert unlock.view.wait_until == until
        town.world.now = until
        unlock.tick(until)
        assert unlock.view.wait_until is None
    assert waits == [30, 60, 300]
    assert alia.unlock().house.unlock.view.is_open


def test_a_pin_too_short_is_not_tried(alia: Person) -> None:
    alia.unlock("123")
    assert (alia.house.unlock.view.pin_length, alia.house.unlock.view.trouble) == (3, None)
    alia.house.unlock.erase()
    assert alia.house.unlock.view.pin_length == 2


def test_the_wait_of_another_run_is_told_with_the_first_try(alia: Person, town: WalletNetwork) -> None:
    for _ in range(3):
        alia.unlock("0000")
    again = person(NetworkSource(town, "alia"), lambda: town.world.now, town.folder / "alia").unlock()
    view = again.house.unlock.view
    assert view.trouble is not None
    assert (view.trouble.code, view.wait_until) == ("pin_blocked", town.world.now + 30)


def test_no_view_holds_the_pin(alia: Person) -> None:
    seen: list[str] = []
    alia.house.unlock.watch(lambda view: seen.append(repr(view)))
    alia.unlock("86420")
    assert seen
    assert not any("86420" in view for view in seen)
    assert "86420" not in repr(vars(alia.house.unlock))
