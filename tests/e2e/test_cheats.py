"""Who spends twice, in a whole world in one process: who is paid, who is named, and who learns of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from ledger_sync.client import BankClient
from tests.e2e.scenes import funded, named, together, wallet_id
from tests.support.audit import Audit, kinds_of_evidence
from tests.support.system import BANKS, System
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Contradiction


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "scenes") as system:
        yield system


@pytest.fixture
def audit(world: System) -> Audit:
    return Audit(world)


@pytest.mark.parametrize("banks", list(product(BANKS, BANKS)))
@pytest.mark.parametrize("first", ["dana", "erlan"])
def test_a_copied_token_pays_the_first_and_names_the_copier(
    world: System, audit: Audit, banks: tuple[str, str], first: str
) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = (
        world.holder("dana", banks[0], merchant=True),
        world.holder("erlan", banks[1], merchant=True),
    )
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        assert cheat.pay(dana, 3_000_000).code is None
        assert copy.pay(erlan, 3_000_000).code is None
    second = {"dana": "erlan", "erlan": "dana"}[first]
    world.holders[first].sync()
    world.settle_down()
    report = world.holders[second].sync()
    assert len(report.conflict | report.waiting) == 1
    together(world, audit, second, first)
    assert (world.holders[first].held, world.holders[second].held) == (3_000_000, 0)
    assert wallet_id(cheat) in named(world.holders[second], audit)
    assert audit.contradictions()
    assert kinds_of_evidence(world) == {Contradiction.CONFLICT}


def test_a_sequence_number_used_for_two_tokens_takes_nobodys_money(world: System, audit: Audit) -> None:
    cheat = world.holder("cheat", "alatau")
    for amount in (10_000, 20_000):
        cheat.fund(amount)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        assert cheat.pay(dana, 10_000).code is None
        assert copy.pay(erlan, 20_000).code is None
    together(world, audit, "dana", "erlan")
    assert (dana.held, erlan.held) == (10_000, 20_000)
    assert kinds_of_evidence(world) == {Contradiction.SEQUENCE_FORK}
    assert audit.contradictions()


def test_who_descends_from_the_second_spending_is_short_and_not_blamed(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    gulnar, hadisha = world.holder("gulnar", "zhibek"), world.holder("hadisha", "alatau")
    audit.cheats.add(cheat.account)
    copy = cheat.clone(cheat.snapshot(), "copy")
    with world.network.offline():
        cheat.pay(dana, 3_000_000)
        copy.pay(erlan, 3_000_000)
        erlan.pay(gulnar, 2_000_000)
        gulnar.pay(hadisha, 500_000)
    dana.sync()
    world.settle_down()
    report = hadisha.sync()
    world.settle_down()
    report = hadisha.sync() if report.waiting else report
    assert (len(report.conflict), len(report.short)) == (1, 2)
    together(world, audit)
    assert (dana.held, erlan.held, gulnar.held, hadisha.held) == (3_000_000, 0, 0, 0)
    assert wallet_id(cheat) in named(hadisha, audit), "the holder keeps evidence as a claim"


def test_the_next_shop_learns_of_a_cheat_from_another_wallet(world: System, audit: Audit) -> None:
    cheat = funded(world, "cheat", "alatau", 3_000_000)
    dana, erlan = world.holder("dana", "zhibek"), world.holder("erlan", "alatau")
    shop, gulnar = world.holder("shop", "zhibek", merchant=True), funded(world, "gulnar", "alatau", 1_000_000)
    audit.cheats.add(cheat.account)
    snapshot = cheat.snapshot()
    copies = [cheat.clone(snapshot, f"copy {n}") for n in range(2)]
    cheat.pay(dana, 2_000_000)
    copies[0].pay(erlan, 2_000_000)
    for name in ("dana", "erlan"):
        world.holders[name].sync()
    world.settle_down()
    world.now += 120  # revocations of some seconds share a delta, and banks ask for it now and then
    world.network.work()
    gulnar.sync()
    with world.network.offline():
        request = shop.wallet.receiving.request(1_000_000)
        before = shop.wallet.reconciling.policy_version
        assert gulnar.pay(shop, 50_000).code is None, "one who has been online passes the policy on"
        assert shop.wallet.reconciling.policy_version > before
        _, raw = copies[1].show(request)
        received = shop.wallet.receiving.receive(raw, request)
    assert received.code is Code.REVOKED_CONFLICT
    assert shop.held == 50_000
    together(world, audit)


# refusing, returning


def test_a_bank_can_name_no_key_as_ours_that_our_device_never_had(world: System, audit: Audit) -> None:
    aliya, bolat = world.holder("aliya", "alatau"), world.holder("bolat", "alatau")
    mine = {wallet.body.key for wallet in (aliya.wallet.reconciling.certificate,) if wallet is not None}
    assert set(aliya.bank_client.own_keys()) == mine
    assert mine.isdisjoint(bolat.bank_client.own_keys())
    told = aliya.bank_client._service.post("/v1/possessions", [b""])

    class Liar:
        def get(self, path: str) -> Cbor:
            raise AssertionError(path)

        def post(self, path: str, value: Cbor) -> Cbor:
            return told if value == [b""] else []

    assert list(BankClient(Liar(), "alatau", bolat.bank_client.device_key).own_keys()) == []
    together(world, audit)
