"""A funding that the bank can't finish holds up no verdict, and is finished when the central bank answers again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_sync.http.peers import RemoteRefusal
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.system import System
from wallet.protocol.codes import Code


def test_uploads_go_on_while_a_funding_waits_for_the_central_bank(tmp_path: Path) -> None:
    with System(tmp_path, "a funding waits") as world:
        aigul, shop = world.holder("aigul", "alatau"), world.holder("shop", "alatau")
        aigul.sync()
        shop.sync()
        aigul.fund(200_000)
        with world.network.offline():
            assert aigul.pay(shop, 50_000).code is None
        with world.network.offline(CENTRAL_BANK):
            with pytest.raises(RemoteRefusal) as caught:
                shop.fund(300_000)
            assert caught.value.code is Code.UNREACHABLE
            report = shop.sync()
            assert len(report.settled) == 1
            assert shop.wallet.balance().funding == 300_000
        world.bring_together("shop", "aigul")
        assert shop.wallet.balance().funding == 0
        assert shop.held == 350_000
