"""Services put back from a backup, real processes: each notices that it is older than what it once said, is told it
again by those who heard it, and contradicts nothing; money and deliveries are whole afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.running_network import ASKED, OTHER, PAYER, SHOP, TIYN, RunningNetwork


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    made = RunningNetwork(tmp_path_factory.mktemp("services put back"))
    try:
        yield made
    finally:
        made.close()


def pay(stage: RunningNetwork, payer: str, payee: str) -> None:
    at = stage.scene()
    stage.cli.wallet(payee, "request", ASKED, "--out", at("request.png"))
    stage.cli.wallet(payer, "pay", at("request.png"), "--yes", "--out", at("payment"))
    assert stage.cli.wallet(payee, "receive", at("payment"))["received"] == TIYN


def spendable(stage: RunningNetwork, name: str) -> int:
    return int(stage.cli.wallet(name, "balance")["spendable"])


def test_a_bank_put_back_gives_its_customers_back_what_it_forgot(stage: RunningNetwork) -> None:
    """After the backup one customer brings money into the pocket, pays, is paid, and takes money out."""
    backup, money = stage.copy_station("alatau"), stage.money()
    stage.cli.wallet(PAYER, "fund", ASKED)
    pay(stage, PAYER, SHOP)
    stage.cli.wallet(SHOP, "sync")
    stage.cli.wallet(PAYER, "sync")
    stage.cli.wallet(PAYER, "defund", ASKED)
    assert any(stage.books_agree() for _ in range(60))
    assert stage.money() == money
    had = {name: stage.see(name) for name in (PAYER, SHOP)}
    stage.put_back_station("alatau", backup)
    stage.revive()
    assert stage.cli.wallet(PAYER, "sync")["conflicts"] == []
    assert any(stage.books_agree() for _ in range(60))
    assert {name: stage.see(name).sum for name in had} == {name: seen.sum for name, seen in had.items()}
    assert stage.see(PAYER).account == had[PAYER].account
    assert stage.cli.wallet(PAYER, "fund", ASKED)["funded"] == TIYN
    pay(stage, PAYER, OTHER)
    assert stage.cli.wallet(OTHER, "sync")["settled"] == 1
    assert stage.money() == money


def test_a_notary_put_back_lets_no_token_be_spent_twice(stage: RunningNetwork) -> None:
    backup, had = stage.copy_station("notary"), spendable(stage, PAYER)
    wallet = stage.copy(OTHER)
    pay(stage, OTHER, SHOP)
    assert stage.cli.wallet(SHOP, "sync")["settled"] == 1
    stage.put_back(OTHER, wallet)
    pay(stage, OTHER, PAYER)
    stage.put_back_station("notary", backup)
    stage.revive()
    synced = stage.cli.wallet(PAYER, "sync")
    assert synced["conflict"] == 1
    assert stage.cli.wallet(SHOP, "sync")["conflicts"] == []
    stage.cli.wallet(SHOP, "defund", ASKED)
    assert any(stage.books_agree() for _ in range(60))
    assert spendable(stage, PAYER) == had
    assert stage.cli.must("sandbox", "without", "zhibek")["told"] == []
