"""Services restored elsewhere from a copy made while they ran: everybody goes on, and no tiyn is made or lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from ledger_sync.service.backup import back_up, restore
from tests.support.audit import Audit
from tests.support.system import System


@pytest.mark.parametrize("service", ["alatau", NOTARY, CENTRAL_BANK])
def test_a_service_restored_elsewhere_from_a_running_ones_copy_agrees_with_all_others(
    tmp_path: Path, service: str
) -> None:
    """In the middle of work when it is copied: a payment is at the bank and not yet passed on. Then more is paid,
    redeemed and refreshed, of which the copy knows nothing."""
    with System(tmp_path / "system", f"restored {service}") as system:
        audit = Audit(system)
        aigul, dana = system.holder("aigul", "alatau"), system.holder("dana", "zhibek")
        aigul.fund(100_000)
        dana.fund(50_000)
        aigul.pay(dana, 30_000)
        with system.network.offline("zhibek"):
            aigul.sync()
        folder = system.folder / service
        (folder / "keystore").mkdir()
        copied = back_up(folder, tmp_path / "copy", system.now)
        assert any(name.endswith(".db") for name in copied.files)
        system.settle_down()
        system.bring_together()
        dana.pay(aigul, 12_000)
        aigul.pay(dana, 5_000)
        system.bring_together()
        dana.defund(7_000)
        aigul.fund(11_000)
        system.bring_together()
        audit.moment()

        system.network.stop(service)
        shutil.rmtree(folder)
        restore(tmp_path / "copy", folder)
        system.network.start(service)
        audit.restored.add(service)
        system.settle_down()
        system.bring_together()
        audit.at_rest()
        dana.pay(aigul, 1_000)
        system.bring_together()
        audit.at_rest()
