"""One device copied many times, the copies spending the same money at many shops, uploaded in any order.

Whatever the order: what was issued once is paid once, every shop that was not paid holds evidence that names the
copied key and nobody else, and the banks agree to the tiyn.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import sampling
from tests.support.audit import Audit
from tests.support.system import System
from wallet.protocol.evidence import check_evidence

SHOPS = 6
AMOUNT = 1_000_000


@pytest.fixture(scope="module")
def birth() -> Iterator[System]:
    folder = Path(tempfile.mkdtemp(prefix="qalta-birth-"))
    try:
        with System(folder / "world", f"copies {sampling.seed()}") as system:
            system.holder("cheat", "alatau").fund(AMOUNT)
            for number in range(SHOPS):
                bank = ("alatau", "zhibek")[number % 2]
                system.holder(f"shop {number}", bank, merchant=number % 3 == 0)
            system.settle_down()
        yield system
    finally:
        shutil.rmtree(folder)


@hypothesis.seed(sampling.seed())
@settings(
    max_examples=150 if sampling.everything() else 5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    spenders=st.lists(
        st.tuples(st.integers(0, SHOPS - 1), st.sampled_from((AMOUNT, AMOUNT // 2, 30_000))),
        min_size=2,
        max_size=SHOPS,
    ),
    passed_on=st.lists(st.tuples(st.integers(0, SHOPS - 1), st.integers(0, SHOPS - 1)), max_size=4),
    order=st.permutations(range(SHOPS)),
)
def test_many_copies_are_found_and_named_whatever_the_order(
    birth: System, spenders: list[tuple[int, int]], passed_on: list[tuple[int, int]], order: list[int]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="qalta-copies-"))
    try:
        with birth.copy(folder / "world", "copies") as system:
            _play(system, spenders, passed_on, order)
    finally:
        shutil.rmtree(folder)


def _play(
    system: System, spenders: list[tuple[int, int]], passed_on: list[tuple[int, int]], order: list[int]
) -> None:
    audit = Audit(system)
    cheat = system.holders["cheat"]
    audit.cheats.add(cheat.account)
    backup = cheat.snapshot()
    shops = [system.holders[f"shop {number}"] for number in range(SHOPS)]
    with system.network.offline():
        taken = set()
        for number, (shop, amount) in enumerate(spenders):
            copy = cheat.clone(backup, f"copy {number}")
            if copy.pay(shops[shop], amount).code is None:
                taken.add(shop)
        for payer, payee in passed_on:
            spendable = shops[payer].wallet.balance().spendable
            if payer != payee and spendable:
                shops[payer].pay(shops[payee], spendable)
    audit.moment()
    names = [shops[number].name for number in order]
    for name in names:
        system.holders[name].sync()
        system.network.work()
    system.bring_together(*names)
    audit.at_rest()
    assert sum(shop.held for shop in shops) <= AMOUNT
    if len(taken) < 2:
        return
    named = audit.contradictions()
    assert len(named) == 1
    for seller in shops:
        for evidence in seller.wallet.evidence():
            assert {check_evidence(evidence, audit.directory()).key} == named
