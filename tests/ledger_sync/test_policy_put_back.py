"""The central bank put back from a backup: no version of its policy is given twice, and nobody's is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, Plan
from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from tests.support.put_back import BANK, OTHER_BANK, Backup, agree
from tests.support.system import System


@pytest.fixture
def sizes() -> DeltaSizes:
    """Those of the services; smaller ones for a test that says so."""
    return USUAL_SIZES


@pytest.fixture
def system(tmp_path: Path, sizes: DeltaSizes) -> Iterator[System]:
    with System(tmp_path / "system", "put back", plan=Plan(deltas=sizes)) as system:
        yield system


def test_a_central_bank_put_back_signs_no_second_version_of_its_policy(
    system: System, tmp_path: Path
) -> None:
    thief, owner = system.holder("thief", BANK), system.holder("owner", OTHER_BANK)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    thief.bank_client.report_loss()
    system.now += 60
    system.settle_down()
    (version,) = system.rows(CENTRAL_BANK, "select max(version) from deltas")[0]
    listed = system.rows(CENTRAL_BANK, "select hex(raw) from deltas order by version")
    assert version > 0
    backup.put_back()
    assert system.rows(CENTRAL_BANK, "select hex(raw) from deltas order by version") == listed
    owner.bank_client.report_loss()
    system.now += 60
    system.settle_down()
    assert system.rows(CENTRAL_BANK, "select count(*), max(version) from deltas") == [
        (version + 1, version + 1)
    ]
    assert not system.rows(CENTRAL_BANK, "select 1 from revocations where key = x''")


def test_what_was_revoked_is_revoked_again_though_nobody_had_heard_of_that_version(
    system: System, tmp_path: Path
) -> None:
    """Its bank alone knows that it was, and has not asked for the policy since."""
    thief = system.holder("thief", BANK)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    thief.bank_client.report_loss()
    system.network.work()
    listed = "select hex(id), reason from revocations"
    before = system.rows(CENTRAL_BANK, listed)
    assert before
    system.network.put_back(CENTRAL_BANK, backup.folder)
    assert not system.rows(CENTRAL_BANK, listed)
    system.settle_down()
    assert system.rows(CENTRAL_BANK, listed) == before
    system.now += 60
    system.settle_down()
    head = thief.bank_client.policy(0).head
    assert head is not None
    assert head.body.version == 1


@pytest.mark.parametrize("sizes", [DeltaSizes(answer=8)])
def test_a_central_bank_put_back_to_before_all_deltas_that_are_kept_goes_on_from_a_base(
    system: System, sizes: DeltaSizes, tmp_path: Path
) -> None:
    """And a wallet that is as old. Without the base the banks would have had nothing to show it, and it would have
    given versions a second time."""
    thief, owner = system.holder("thief", BANK), system.holder("owner", OTHER_BANK)
    owner.fund(10_000)
    backup = Backup(system, tmp_path, CENTRAL_BANK)
    thief.bank_client.report_loss()
    system.settle_down()
    for _ in range(5):
        for _ in range(6):
            system.network.central_bank.registry._publish(())
        system.network.central_bank.registry._renew_base()
        system.now += 60
        system.settle_down()
    (newest,) = system.rows(CENTRAL_BANK, "select max(version) from deltas")[0]
    listed = "select hex(id), reason from revocations order by id"
    before, base = system.rows(CENTRAL_BANK, listed), "select version from base"
    assert before
    (last,) = system.rows(CENTRAL_BANK, base)[0]
    system.now += 60
    system.settle_down()
    assert all(holder.bank_client.policy(1).says_nothing for holder in (thief, owner))
    backup.put_back()
    assert system.rows(CENTRAL_BANK, base) == [(last,)]
    assert system.rows(CENTRAL_BANK, listed) == before
    assert not system.rows(CENTRAL_BANK, "select 1 from revocations where key = x''")
    owner.bank_client.report_loss()
    system.now += 60
    system.settle_down()
    assert system.rows(CENTRAL_BANK, "select max(version) from deltas") == [(newest + 1,)]
    system.now += 60
    system.settle_down()
    assert owner.wallet.reconciling.policy_version < newest - sizes.answer
    owner.sync()
    assert owner.wallet.reconciling.policy_version == newest + 1
    assert agree(system, OTHER_BANK)
