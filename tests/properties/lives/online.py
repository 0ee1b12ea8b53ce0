"""People and services go online: reconciling, funding, defunding, and the banks' own work, while time passes."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.properties.lives.life import AMOUNTS, COUNT, WHO, Life
from tests.support.holders import Holder
from tests.support.system import BANKS
from tests.support.world import DAY


class Online(Life):
    """What is done over lines that work, or are simply dead."""

    @rule(who=WHO)
    def sync(self, who: int) -> None:
        self._online(self.one(who), self.one(who).sync)

    @rule(who=WHO, calls=COUNT)
    def sync_until_the_line_is_cut(self, who: int, calls: int) -> None:
        with self.system.cut(calls):
            self._online(self.one(who), self.one(who).sync)

    @rule(who=WHO, amount=AMOUNTS)
    def fund(self, who: int, amount: int) -> None:
        self._online(self.one(who), lambda: self.one(who).fund(amount))

    @rule(who=WHO, amount=AMOUNTS)
    def defund(self, who: int, amount: int) -> None:
        self._online(self.one(who), lambda: self.one(who).defund(amount))

    def _online(self, holder: Holder, call: Callable[[], object]) -> None:
        self.trying(call)
        self.system.network.revive()

    @rule(names=st.sets(st.sampled_from((CENTRAL_BANK, NOTARY, *BANKS)), min_size=1))
    def services_work(self, names: set[str]) -> None:
        self.system.network.work(*sorted(names))
        self.system.network.revive()

    @rule(name=st.sampled_from((CENTRAL_BANK, NOTARY, *BANKS)), who=WHO)
    def a_service_is_down_for_a_while(self, name: str, who: int) -> None:
        self.system.network.stop(name)
        self.trying(self.one(who).sync)
        self.system.network.work()
        self.system.network.revive()

    @rule(seconds=st.sampled_from((1, 600, 5 * 3_600, 3 * DAY, 20 * DAY, 45 * DAY)))
    def time_passes(self, seconds: int) -> None:
        self.system.now += seconds
        self.system.network.work()
