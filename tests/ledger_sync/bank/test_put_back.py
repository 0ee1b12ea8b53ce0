"""Services put back from a backup, over raw transfers: what is asked again comes out as before, and is booked once."""

from __future__ import annotations

from pathlib import Path

import httpx

from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange
from tests.ledger_sync.bank.town import OPENING, Town


def test_a_revoked_wallets_refresh_is_paid_to_the_account_once(town: Town, tmp_path: Path) -> None:
    """The central bank is asked again for the redemption before the bank has revoked the wallet again."""
    aigul = town.customer("Aigul")
    tokens = aigul.fund(50_000)
    town.settle_down()
    town.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    aigul.line().post("/v1/losses", [])
    town.settle_down()
    aigul.upload(town.refresh(aigul, tokens))
    town.settle_down()
    assert aigul.balance() == OPENING
    town.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    town.settle_down(8)
    assert len(aigul.deliveries()[0].issuances) == 1, "the first"
    assert aigul.balance() == OPENING
    town.check_books()


def test_a_list_that_two_follow_at_once_is_held_once(town: Town, tmp_path: Path) -> None:
    """A bank that was put back finds a funding that it has forgotten; a second thread asks while the first has asked."""
    aigul = town.customer("Aigul")
    town.settle_down()
    town.network.back_up("alatau", tmp_path / "backup")
    aigul.fund(20_000)
    asked = False

    def beside(exchange: Exchange) -> httpx.Response:
        nonlocal asked
        answer = exchange.deliver()
        if not asked and exchange.request.url.path == "/v1/movements":
            asked = True
            town.banks["alatau"].node.movements.follow()
        return answer

    town.network.put_back("alatau", tmp_path / "backup")
    with town.network.lines.disturbed(beside, caller="alatau", callee=CENTRAL_BANK):
        town.banks["alatau"].node.movements.follow()
    assert asked
    assert town.banks["alatau"].node.house.store.rows("select kind, amount from unclaimed") == [
        ("funding", -20_000)
    ]
    town.settle_down()
    assert aigul.balance() == OPENING - 20_000
    town.check_books()
