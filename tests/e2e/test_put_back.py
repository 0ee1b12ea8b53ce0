"""Old copies of a wallet's folders put back, over the real command line, SoftHSM tokens and services.

Only the keystore: store and record differ, the wallet waits for the ledger. The whole folder: nothing on the device
can tell. A person who then goes online loses and is blamed for nothing; one who spends again is found and named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_network import ASKED, OTHER, PAYER, SHOP, TIYN, RunningNetwork


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    made = RunningNetwork(tmp_path_factory.mktemp("put back"))
    try:
        yield made
    finally:
        made.close()


def paid(stage: RunningNetwork, payer: str, payee: str = SHOP) -> str:
    """Where the pictures of a payment lie."""
    at = stage.scene()
    stage.cli.wallet(payee, "request", ASKED, "--out", at("request.png"))
    stage.cli.wallet(payer, "pay", at("request.png"), "--yes", "--out", at("payment"))
    return at("payment")


def received(stage: RunningNetwork, payee: str, payment: str) -> Mapping[str, Any]:
    return stage.cli.wallet(payee, "receive", payment)


def state(stage: RunningNetwork, name: str) -> str:
    return str(stage.cli.wallet(name, "wallet", "show")["state"])


def spendable(stage: RunningNetwork, name: str) -> int:
    return int(stage.cli.wallet(name, "balance")["spendable"])


def evidence(stage: RunningNetwork, name: str) -> list[str]:
    """Files of all that a wallet can prove."""
    files: list[str] = stage.cli.wallet(name, "evidence", "save", stage.scene()("evidence"))["files"]
    return files


def test_an_old_keystore_under_a_newer_purse_waits_for_the_ledger(stage: RunningNetwork) -> None:
    before, money = stage.see(PAYER), stage.money()
    copy = stage.copy(PAYER, "keystore")
    first = paid(stage, PAYER)
    stage.put_back(PAYER, copy, "keystore")
    assert state(stage, PAYER) == "rolled_back"
    at = stage.scene()
    stage.cli.wallet(SHOP, "request", ASKED, "--out", at("request.png"))
    again = ("pay", at("request.png"), "--yes", "--out", at("payment"))
    refused = stage.cli.run("--json", "--wallet", PAYER, *again)
    assert (refused.status, refused.json["refused"]) == (1, "rollback")
    assert not Path(at("payment")).exists()
    assert stage.cli.wallet(PAYER, "sync")["conflicts"] == []
    assert state(stage, PAYER) == "sound"
    stage.cli.wallet(PAYER, *again)
    assert [received(stage, SHOP, item)["received"] for item in (first, at("payment"))] == [TIYN, TIYN]
    for name in (SHOP, PAYER):
        assert stage.cli.wallet(name, "sync")["conflicts"] == []
    assert stage.see(PAYER).sum == before.sum - 2 * TIYN
    assert stage.money() == money
    assert not evidence(stage, SHOP)


def test_a_whole_wallet_put_back_that_only_goes_online_is_right_again_and_blamed_for_nothing(
    stage: RunningNetwork,
) -> None:
    before, had, money = stage.see(PAYER), spendable(stage, PAYER), stage.money()
    copy = stage.copy(PAYER)
    payment = paid(stage, PAYER)
    made = stage.see(PAYER).of("transfer") - before.of("transfer")
    stage.put_back(PAYER, copy)
    assert state(stage, PAYER) == "sound", "a perfect copy: nothing on the device can tell"
    stage.cli.wallet(PAYER, "sync")
    assert spendable(stage, PAYER) == had, "nor can the ledger, before it has seen the payment"
    assert received(stage, SHOP, payment)["received"] == TIYN
    assert stage.cli.wallet(SHOP, "sync")["conflicts"] == []
    assert any(stage.is_known_to_bank(PAYER, made) for _ in range(60))
    assert stage.cli.wallet(PAYER, "sync")["conflicts"] == []
    assert spendable(stage, PAYER) == had - TIYN
    stage.cli.wallet(PAYER, "fund", ASKED)
    assert stage.see(PAYER).sum == before.sum - TIYN
    assert stage.money() == money


def test_a_whole_wallet_put_back_that_spends_again_is_found_and_named(stage: RunningNetwork) -> None:
    """It pays one code twice. The shop takes the first payment, refuses the second, shows the ledger both, and is
    paid."""
    had = spendable(stage, SHOP)
    copy, at = stage.copy(OTHER), stage.scene()
    stage.cli.wallet(SHOP, "request", ASKED, "--out", at("request.png"))
    for name in ("first", "second"):
        stage.cli.wallet(OTHER, "pay", at("request.png"), "--yes", "--out", at(name))
        stage.put_back(OTHER, copy)
        begun = int(time.time())
        while int(time.time()) == begun:  # dated alike, the two would be one and the same transfer
            pass
    keys = stage.cli.wallet(OTHER, "wallet", "show")["keys"]
    assert received(stage, SHOP, at("first"))["received"] == TIYN
    refused = stage.cli.run("--json", "--wallet", SHOP, "receive", at("second"))
    assert (refused.status, refused.json["refused"]) == (1, "request_answered")
    synced = stage.cli.wallet(SHOP, "sync")
    assert (synced["settled"], synced["conflict"]) == (1, 1)
    assert spendable(stage, SHOP) == had + TIYN
    (named,) = synced["conflicts"]
    assert named["culprit"] in keys
    (proof,) = evidence(stage, SHOP)
    root = str(Path(proof).with_name("root.hex"))
    checked = stage.cli.must("evidence", "check", proof, "--root", root)
    assert checked["key"] == named["culprit"]
    blocked = stage.cli.run("--json", "--wallet", OTHER, "fund", ASKED)
    assert (blocked.status, blocked.json["refused"]) == (1, "wallet_revoked")
    stage.cli.wallet(SHOP, "request", ASKED, "--out", at("more.png"))
    assert any(stage.books_agree() for _ in range(60))
