"""What waits, as a service's figures tell it: by kind and partner, from when it waits until it is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.support.system import System
from wallet.protocol.codes import Refusal


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "waits") as system:
        yield system


def waits(system: System, name: str) -> dict[tuple[str, str], int]:
    """By kind and partner, what that service's figures say waits."""
    samples = [
        sample
        for family in system.network.homes[name].metrics.registry.collect()
        if family.name == "qalta_waiting"
        for sample in family.samples
    ]
    return {
        (sample.labels["what"], sample.labels["peer"]): int(sample.value)
        for sample in samples
        if sample.value
    }


def counted(system: System, name: str, figure: str, **labels: str) -> float:
    return system.network.homes[name].metrics.registry.get_sample_value(figure, labels) or 0


def test_a_payment_waits_for_the_notary_then_for_the_other_bank_then_for_nobody(system: System) -> None:
    aigul, dana = system.holder("aigul", "alatau"), system.holder("dana", "zhibek")
    aigul.fund(100_000)
    aigul.pay(dana, 30_000)
    with system.network.offline(NOTARY):
        aigul.sync()
        assert waits(system, "alatau") == {("notary", ""): 1}
    with system.network.offline("zhibek"):
        system.network.work("alatau")
        assert waits(system, "alatau")["job_whole", "zhibek"] == 1
    system.settle_down()
    system.bring_together()
    assert all(waits(system, name) == {} for name in ("alatau", "zhibek", CENTRAL_BANK, NOTARY))
    assert counted(system, "alatau", "qalta_verdicts_total", verdict="settled") >= 1
    decided = counted(system, NOTARY, "qalta_batch_size_sum", what="commit")
    assert decided >= 1
    assert counted(system, NOTARY, "qalta_verdicts_total", verdict="first") == decided
    assert counted(system, NOTARY, "qalta_verdicts_total", verdict="lost") == 0


def test_a_funding_waits_for_the_central_bank_since_it_was_debited(system: System) -> None:
    aigul = system.holder("aigul", "alatau")
    with system.network.offline(CENTRAL_BANK), pytest.raises(Refusal):
        aigul.fund(100_000)
    assert waits(system, "alatau")["funding", ""] == 1
    system.now += 60
    system.settle_down()
    assert ("funding", "") not in waits(system, "alatau")
    made = system.network.homes["alatau"].metrics.registry.get_sample_value
    assert made("qalta_age_seconds", {"what": "policy"}) is not None
