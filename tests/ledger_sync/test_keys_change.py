"""Every role gets another key while everything runs: money goes on, what was signed before stands, and whoever was away
or was put back follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.support.audit import Audit
from tests.support.put_back import Backup
from tests.support.system import System
from tests.support.world import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory, Role

_REST = 3_600
ROLES = [
    ("alatau", "bank", 0, "alatau"),
    (NOTARY, "notary", int(Role.NOTARY), ""),
    (CENTRAL_BANK, "issuing", int(Role.ISSUING), ""),
    (CENTRAL_BANK, "policy", int(Role.POLICY), ""),
    (CENTRAL_BANK, "redemption", int(Role.REDEMPTION), ""),
]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "system", "keys change") as system:
        yield system


def change(system: System, service: str, purpose: str, role: int, bank: str, number: int = 2) -> bytes:
    """The operator's two calls, each given twice, as after a cut line. The new key."""
    made = [system.operate(service, "/v1/keys/own", [purpose, number]) for _ in range(2)]
    assert made[0] == made[1]
    ((key,),) = made[:1]
    order = [role, bank, key, system.now + DAY, _REST]
    first, again = (system.operate(CENTRAL_BANK, "/v1/keys", order) for _ in range(2))
    assert first == again
    return bytes(key)


def directory(system: System) -> Directory:
    """As a bank goes by it."""
    return system.network.banks["zhibek"].trust.directory


def good(system: System, role: int, bank: str) -> set[bytes]:
    held, now = directory(system), system.now
    keys = held.bank_keys(bank, now) if role == 0 else held.keys(Role(role), now)
    return {key.raw for key in keys}


def signed(system: System, service: str, alias: str) -> float:
    """How often a key of a service has signed."""
    registry = system.network.homes[service].metrics.registry
    return registry.get_sample_value("qalta_signature_seconds_count", {"key": alias}) or 0


def pass_days(system: System, days: int) -> None:
    """Services and wallets hear of each other meanwhile."""
    for _ in range(days):
        system.now += DAY
        system.settle_down()
        system.bring_together()


@pytest.mark.parametrize(("service", "purpose", "role", "bank"), ROLES, ids=lambda value: str(value))
def test_a_key_follows_and_money_goes_on(
    system: System, service: str, purpose: str, role: int, bank: str
) -> None:
    audit = Audit(system)
    aigul, dana = system.holder("aigul", "alatau"), system.holder("dana", "zhibek")
    aigul.fund(100_000)
    aigul.pay(dana, 10_000)
    system.bring_together()
    (old,) = good(system, role, bank)
    new = change(system, service, purpose, role, bank)
    assert new != old
    aigul.pay(dana, 1_000)  # under way when the key changes
    system.settle_down()
    system.bring_together()
    assert good(system, role, bank) == {old}, "it is announced, and not good yet"
    system.now += DAY + 1
    system.settle_down()
    assert good(system, role, bank) == {old, new}
    aigul.pay(dana, 2_000)
    dana.pay(aigul, 500)
    system.bring_together()
    pass_days(system, 2)
    assert good(system, role, bank) == {new}
    by_old, by_new = signed(system, service, purpose), signed(system, service, f"{purpose}-2")
    aigul.fund(5_000)
    aigul.pay(dana, 3_000)
    dana.defund(1_000)
    system.bring_together()
    late = system.holder("late", "alatau")
    dana.pay(late, 700)
    system.bring_together()
    audit.at_rest()
    assert system.network.keystores[service].public_key(f"{purpose}-2") == new
    for name in system.network.names:
        system.network.restart(name)
    system.now += 300
    aigul.fund(1_000)
    aigul.pay(late, 50)
    system.settle_down()
    system.bring_together()
    audit.at_rest()
    assert signed(system, service, f"{purpose}-2") > by_new
    assert signed(system, service, purpose) == by_old


def test_all_of_them_at_once_and_once_more(system: System) -> None:
    audit = Audit(system)
    aigul, dana = system.holder("aigul", "alatau"), system.holder("dana", "zhibek")
    aigul.fund(100_000)
    for number in (2, 3):
        keys = [change(system, *role, number=number) for role in ROLES]
        pass_days(system, 3)
        for (_, _, role, bank), key in zip(ROLES, keys, strict=True):
            assert good(system, role, bank) == {key}
        aigul.pay(dana, 1_000)
        dana.pay(aigul, 100)
        aigul.fund(2_000)
        system.bring_together()
        audit.at_rest()


def test_a_central_bank_that_forgot_a_change_hears_of_it(system: System, tmp_path: Path) -> None:
    """It was put back to before the policy's key changed; its keystore has the key, and banks have the policy."""
    aigul = system.holder("aigul", "alatau")
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    new = change(system, CENTRAL_BANK, "policy", int(Role.POLICY), "")
    pass_days(system, 3)
    aigul.fund(7_000)
    system.settle_down()
    backup.put_back()
    system.settle_down()
    assert {
        key.raw for key in system.network.central_bank.registry.directory.keys(Role.POLICY, system.now)
    } == {new}
    system.now += DAY
    system.settle_down()
    system.bring_together()
    aigul.fund(1_000)
    assert aigul.held == 8_000


def test_what_would_be_followed_by_nobody_is_refused(system: System) -> None:
    (key,) = system.operate("alatau", "/v1/keys/own", ["bank", 2])
    since = system.now + DAY
    for order, code in (
        ([0, "alatau", key, system.now - 1, 0], Code.MALFORMED),
        ([0, "nobody", key, since, 0], Code.BANK_UNKNOWN),
        ([0, "", key, since, 0], Code.MALFORMED),
        ([3, "alatau", key, since, 0], Code.MALFORMED),
        ([9, "", key, since, 0], Code.MALFORMED),
        ([0, "alatau", bytes(33), since, 0], Code.KEY_INVALID),
    ):
        with pytest.raises(Refusal) as caught:
            system.operate(CENTRAL_BANK, "/v1/keys", order)
        assert caught.value.code is code, order
    for purpose, number, code in (
        ("root", 2, Code.NOT_FOUND),
        ("bank", 1, Code.MALFORMED),
        ("bank", 10_000, Code.MALFORMED),
    ):
        with pytest.raises(Refusal) as caught:
            system.operate("alatau", "/v1/keys/own", [purpose, number])
        assert caught.value.code is code
    version = system.operate(CENTRAL_BANK, "/v1/keys", [0, "alatau", key, since, 0])
    assert version == [1]


def test_an_order_that_comes_again_after_a_later_one_ends_nobody(system: System) -> None:
    """Neither a late copy of it nor an operator who wants the key before back: some key stays good for good."""
    orders = []
    for number in (2, 3):
        (key,) = system.operate("alatau", "/v1/keys/own", ["bank", number])
        orders.append([0, "alatau", key, system.now + number * DAY, _REST])
        system.operate(CENTRAL_BANK, "/v1/keys", orders[-1])
    (before,) = system.operate(CENTRAL_BANK, "/v1/keys", orders[-1])
    first = system.network.keystores["alatau"].public_key("bank")
    assert system.operate(CENTRAL_BANK, "/v1/keys", orders[0]) == [before], "the same again"
    for key in (first, orders[0][2]):
        with pytest.raises(Refusal) as caught:
            system.operate(CENTRAL_BANK, "/v1/keys", [0, "alatau", key, system.now + 4 * DAY, 0])
        assert caught.value.code is Code.MALFORMED
    pass_days(system, 6)
    assert good(system, 0, "alatau") == {orders[1][2]}


def test_a_role_has_only_so_many_keys_and_the_next_one_changes_nothing(system: System) -> None:
    """The list is full: nobody could follow the policy that adds to it, so none is signed."""
    for number in range(2, 17):
        change(system, NOTARY, "notary", int(Role.NOTARY), "", number)
    (key,) = system.operate(NOTARY, "/v1/keys/own", ["notary", 17])
    with pytest.raises(Refusal) as caught:
        system.operate(CENTRAL_BANK, "/v1/keys", [int(Role.NOTARY), "", key, system.now + DAY, 0])
    assert caught.value.code is Code.TOO_MANY
    system.now += 60
    system.settle_down()
    system.network.work()
    assert len(directory(system).roles[Role.NOTARY]) == 16
