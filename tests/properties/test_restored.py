"""Banks, notary and central bank put back again and again from backups of any age: they never make a false verdict.

Rule: whatever of the ledger's words crosses any line, from the first day on, is kept; no two of them may contradict
each other. A service is put back among the others, of whom some are away at first and people use the rest; it has
heard from all before another is put back, since what nobody holds any more nobody can say again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, Exchange, cut
from tests import sampling
from tests.support.audit import Audit
from tests.support.databases import ENGINES, Databases
from tests.support.holders import Holder
from tests.support.system import BANKS, System
from tests.support.told import Told
from wallet.protocol import codec
from wallet.protocol.codes import Refusal

PEOPLE: Final = (("aliya", "alatau"), ("bolat", "zhibek"), ("chen", "zhibek"), ("dana", "alatau"))
CHEAT: Final = "cheat"
RESTORED: Final = (NOTARY, CENTRAL_BANK, *BANKS)
_MOST: Final = 2**22
_ROUNDS: Final = 3

who = st.integers(0, len(PEOPLE) - 1)
amounts = st.sampled_from((1, 999, 30_000, 123_456))
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), who, who, amounts),
        st.tuples(st.just("pay"), who, who, amounts),
        st.tuples(st.just("cheat"), who, who, amounts),
        st.tuples(st.just("sync"), who),
        st.tuples(st.just("sync"), who),
        st.tuples(st.just("defund"), who, amounts),
        st.tuples(st.just("back up"), st.sampled_from(RESTORED)),
        st.tuples(st.just("back up"), st.sampled_from(RESTORED)),
        st.tuples(
            st.just("put back"),
            st.integers(0, 30),
            st.sampled_from((None, *RESTORED)),
            st.lists(who, max_size=3),
        ),
    ),
    min_size=8,
    max_size=30,
)


@pytest.fixture(scope="module", params=sampling.sampled("engine that is put back", ENGINES, 1))
def birth(request: pytest.FixtureRequest) -> Iterator[System]:
    with ExitStack() as stack:
        databases = None
        if request.param == "postgres":
            databases = stack.enter_context(Databases(request.getfixturevalue("postgres")))
        folder = Path(tempfile.mkdtemp(prefix="qalta-birth-"))
        stack.callback(shutil.rmtree, folder)
        seed = f"restored {sampling.seed()}"
        with System(folder / "world", seed, databases=databases) as system:
            for name, bank in (*PEOPLE, (CHEAT, "alatau")):
                system.holder(name, bank).fund(1_000_000)
            system.settle_down()
        yield system


def test_services_put_back_again_and_again_never_make_a_false_verdict(birth: System) -> None:
    sample, all_of_them = (4, 100) if birth.databases is None else (2, 40)

    @hypothesis.seed(sampling.seed())
    @settings(
        max_examples=all_of_them if sampling.everything() else sample,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=STEPS)
    def live(steps: list[tuple[Any, ...]]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="qalta-restored-"))
        try:
            with birth.copy(folder / "world", "restored") as system:
                Restored(system).live(steps)
        finally:
            shutil.rmtree(folder)

    live()


@dataclass
class Restored:
    """One life."""

    system: System
    audit: Audit = field(init=False)
    told: Told = field(init=False)
    disks: list[tuple[str, Path]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.audit = Audit(self.system)
        self.told = Told(self.audit.directory())
        self.system.network.lines.place(self._overhear)
        for service in RESTORED:
            self._back_up(service)

    def live(self, steps: list[tuple[Any, ...]]) -> None:
        for kind, *values in steps:
            getattr(self, "_" + kind.replace(" ", "_"))(*values)
            self.audit.verdicts()
        self.system.bring_together()
        self.audit.at_rest()

    def _overhear(self, exchange: Exchange) -> httpx.Response:
        response = exchange.deliver()
        content = response.read()
        if response.status_code == 200 and response.headers["content-type"] == "application/cbor":
            self.told.listen(codec.decode(content, _MOST))
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(content)
        )

    def _one(self, number: int) -> Holder:
        return self.system.holders[PEOPLE[number][0]]

    def _pay(self, payer: int, payee: int, amount: int) -> None:
        if payer != payee and self._one(payer).wallet.balance().spendable >= amount:
            self._one(payer).pay(self._one(payee), amount)

    def _cheat(self, one: int, other: int, amount: int) -> None:
        """The same tokens to two, by a device and its copy."""
        cheat = self.system.holders[CHEAT]
        if one == other or cheat.wallet.balance().spendable < amount:
            return
        self.audit.cheats.add(cheat.account)
        copy = cheat.clone(cheat.snapshot(), f"copy {len(self.system.holders)}")
        cheat.pay(self._one(one), amount)
        copy.pay(self._one(other), amount)

    def _sync(self, number: int) -> None:
        self._one(number).try_sync()

    def _defund(self, number: int, amount: int) -> None:
        try:
            self._one(number).defund(amount)
        except Refusal:
            return

    def _back_up(self, service: str) -> None:
        to = self.system.folder / f"disk {len(self.disks)} of {service}"
        self.system.network.back_up(service, to)
        self.disks.append((service, to))

    def _put_back(self, which: int, away: str | None, meanwhile: list[int]) -> None:
        """A service comes up over an older disk while another is away, people use what there is, then it is there."""
        service, disk = self.disks[which % len(self.disks)]
        network = self.system.network
        self.audit.restored.add(service)
        self.told.restored.add(service)
        lift = None if away in (None, service) else network.lines.place(cut, callee=away)
        network.put_back(service, disk)
        for number in meanwhile:
            self._one(number).try_sync()
            self._work(1)
        if lift is not None:
            lift()
        self._work(_ROUNDS)

    def _work(self, rounds: int) -> None:
        for _ in range(rounds):
            self.system.now += 40
            self.system.network.work()
