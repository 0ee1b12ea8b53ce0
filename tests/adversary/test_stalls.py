"""A real wallet that does what shops do every day is never stalled by what it has done before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hsm.memory import MemoryKeystore
from ledger_sync import client as online
from ledger_sync.http.peers import NoAnswer
from tests.support.holders import DEVICE, PIN, Holder
from tests.support.system import System
from tests.support.wallets import Chance
from tests.support.world import DAY
from wallet.protocol.codes import Code

HOUR = 3_600


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "stalls") as made:
        alia = made.holder("alia", "alatau")
        made.holder("shop", "zhibek", merchant=True)
        alia.fund(1_000_000)
        yield made


def resize(system: System, **capacity: int) -> None:
    """Banks that keep less of one uploader than is usual."""
    for bank in system.banks:
        system.network.restart(bank, terms={"capacity": capacity})


def sale(system: System, amount: int = 100) -> None:
    """Paid by code, and brought to the bank at once."""
    system.holders["alia"].pay(system.holders["shop"], amount)
    system.holders["shop"].sync()


def certificates(system: System, holder: Holder) -> int:
    sql = "select count(*) from wallets where customer = ?"
    return int(system.rows(holder.bank, sql, holder.account)[0][0])


def test_reconciling_is_no_new_epoch(system: System) -> None:
    """`busy wallet runs out of epochs`: one certificate each time; 512 of them, and a shop stood still for weeks."""
    shop, alia = system.holders["shop"], system.holders["alia"]
    before = certificates(system, shop)
    for _ in range(4):
        for _ in range(5):
            system.now += 2 * HOUR
            sale(system)
            alia.sync()
        system.now += 14 * HOUR
    assert certificates(system, shop) - before <= 4
    assert certificates(system, alia) <= 5
    assert shop.held == 4 * 5 * 100


def test_a_new_epoch_begins_when_the_total_asks_for_it(tmp_path: Path) -> None:
    limits = {"balance": 10_000, "payment": 5_000, "total": 10_000, "hops": 15, "days": 30}
    with System(tmp_path, "total", terms={"limits": limits}) as system:
        alia, shop = system.holder("alia", "alatau"), system.holder("shop", "zhibek", merchant=True)
        alia.fund(9_000)
        assert certificates(system, alia) == 1
        alia.pay(shop, 2_000)
        alia.sync()
        assert certificates(system, alia) == 1
        alia.pay(shop, 4_000)
        alia.sync()
        assert certificates(system, alia) == 2
        alia.pay(shop, 2_000)


def test_without_new_certificates_the_one_in_force_goes_on(system: System) -> None:
    """`real wallet stalled by shares`, epochs: verdicts, refresh, defunding and payments go on."""
    shop, alia = system.holders["shop"], system.holders["alia"]
    system.settle_down()
    resize(system, wallets=1)
    for _ in range(3):
        system.now += DAY
        sale(system)
    assert certificates(system, shop) == 1
    system.settle_down()
    shop.sync()
    assert shop.wallet.balance().unsettled == 0
    assert shop.defund(200) == 200
    resize(system)
    system.now += DAY
    shop.sync()
    assert certificates(system, shop) == 2
    alia.sync()


def another_device(system: System, holder: Holder, name: str) -> Holder:
    """A new phone of the same customer."""
    keystore = MemoryKeystore(Chance(f"keys of {name}"), pin=PIN)
    keystore.create_key(DEVICE)
    made = Holder(system, name, holder.bank, holder.account, system.folder / name, keystore)
    made.start()
    (code,) = system.operate(holder.bank, "/v1/devices", [bytes(16), holder.account])
    made.bank_client.enrol(code)
    online.set_up(made.wallet, made.bank_client, system.root)
    online.certify(made.wallet, made.bank_client)
    return made


def test_one_device_takes_no_other_devices_certificates(system: System) -> None:
    resize(system, wallets=1)
    alia = system.holders["alia"]
    other = another_device(system, alia, "phone")
    assert other.wallet.reconciling.certificate is not None
    other.wallet.close()
    assert certificates(system, alia) == 2


def test_sales_by_code_never_use_up_a_share(system: System) -> None:
    """`real wallet stalled by shares`, requests: nothing worked any more, neither upload nor defunding."""
    resize(system, requests=4)
    shop = system.holders["shop"]
    for _ in range(10):
        sale(system)
    system.settle_down()
    shop.sync()
    assert shop.defund(1_000) == 1_000


def test_a_certificate_that_lasts_less_than_a_day_is_replaced_once_it_has_expired(system: System) -> None:
    alia, shop = system.holders["alia"], system.holders["shop"]
    system.network.restart("alatau", terms={"validity": 6 * HOUR})
    system.now += DAY
    alia.sync()
    before = certificates(system, alia)
    system.now += 5 * HOUR
    alia.sync()
    assert certificates(system, alia) == before
    system.now += 2 * HOUR
    alia.sync()
    assert certificates(system, alia) == before + 1
    alia.pay(shop, 2_000)


@pytest.mark.parametrize("ahead", [-3 * DAY, -400 * DAY])
def test_a_certificate_that_is_given_again_says_nothing_about_the_time(system: System, ahead: int) -> None:
    """Its answer was lost, and days later the wallet took the time of its signing for the present one."""
    alia, shop = system.holders["alia"], system.holders["shop"]
    alia.ahead = ahead
    system.now += DAY
    system.settle_down()
    certified = alia.bank_client.certify

    def lost(*asked: Any) -> Any:
        certified(*asked)
        raise NoAnswer(Code.UNREACHABLE)

    with pytest.MonkeyPatch.context() as line:
        line.setattr(alia.bank_client, "certify", lost)
        with pytest.raises(NoAnswer):
            alia.sync()
    system.now += 3 * DAY
    system.settle_down()
    alia.sync()
    assert alia.wallet.now() == system.now
    alia.pay(shop, 2_000)
