"""What breaks in people's hands: wallets that die, purses put back or lost, devices cloned, clocks set wrong."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.properties.lives.life import AMOUNTS, COUNT, DEALS, OPERATIONS, WHO, Shown
from tests.properties.lives.paying import Paying
from tests.support.holders import Holder, Snapshot
from tests.support.steps import Crash
from tests.support.world import DAY
from wallet.purse.store.payments import PaymentState


class Breaking(Paying):
    """Deaths are EMULATED by an exception at a durable step; SIGKILL is in the tests that start processes."""

    @rule(who=WHO, payee=WHO, amount=AMOUNTS, step=COUNT, what=st.sampled_from(OPERATIONS))
    def a_wallet_dies(self, who: int, payee: int, amount: int, step: int, what: str) -> None:
        """Emulated: an exception at its so-and-so-manieth durable step; then it is opened again."""
        holder = self.one(who)
        call = self._dying(holder, payee, amount, what)
        if call is None:
            return
        try:
            with self.system.steps.crash_at(step, "purse."):
                self.trying(call)
        except Crash:
            holder.restart()

    def _dying(self, holder: Holder, payee: int, amount: int, what: str) -> Callable[[], object] | None:
        if what == "receive":
            waiting = [item for item in self.shown if item.payee == holder.name]
            shown = waiting[-1] if waiting else None
            return (
                None if shown is None else lambda: holder.wallet.receiving.receive(shown.raw, shown.request)
            )
        if what == "pay":
            other = self.one(payee)
            request = None if other.account == holder.account else self.ask(other, amount)
            return None if request is None else lambda: self.show(holder, request, None)
        calls = {
            "fund": lambda: holder.fund(amount),
            "sync": holder.sync,
            "defund": lambda: holder.defund(amount),
        }
        return calls[what]

    @rule(who=WHO, drop=st.booleans())
    def finish_what_was_begun(self, who: int, drop: bool) -> None:
        """After a crash: an unsigned intent is signed or dropped, a signed payment shown again."""
        holder = self.one(who)
        for pending in holder.wallet.paying.pending():
            if pending.state is PaymentState.RESERVED:
                paying = holder.wallet.paying
                self.trying(lambda p=pending, w=paying: w.drop(p.id) if drop else w.sign(p.id))  # type: ignore[misc]
            if holder.wallet.paying.summary(pending.id).state not in (
                PaymentState.SIGNED,
                PaymentState.SHOWN,
            ):
                continue
            raw = self.trying(lambda p=pending: holder.wallet.paying.show_again(p.id))  # type: ignore[misc]
            request = holder.wallet.paying.request(pending.id)
            payee = self.payee_of(request)
            if raw is not None and payee is not None:
                holder.note(raw)
                known = [item for item in self.shown if item.raw == raw]
                shown = known[0] if known else Shown(holder.name, payee, pending.id, raw, request)
                self.shown += [] if known else [shown]
                self.hand_over(shown)

    @rule(who=WHO, area=st.sampled_from(("bank.", "central_bank.")), step=COUNT, amount=AMOUNTS)
    def a_service_dies(self, who: int, area: str, step: int, amount: int) -> None:
        """Emulated, while somebody funds and reconciles; then it is started again over its disk."""
        with self.system.steps.crash_at(step, area):
            self.trying(lambda: self.one(who).fund(amount))
            self.trying(self.one(who).sync)
            self.system.network.work()
        self.system.network.revive()

    @rule(who=WHO)
    def back_up(self, who: int) -> None:
        self.backups.append((self.one(who).name, self.one(who).snapshot()))

    @rule(which=st.integers(0, 50))
    @precondition(lambda self: self.backups)
    def put_an_old_purse_back(self, which: int) -> None:
        name, backup = self.backups[which % len(self.backups)]
        self.system.holders[name].restore(backup)
        self.forgetful.add(name)

    @rule(who=WHO)
    def lose_a_purse(self, who: int) -> None:
        self.trying(self.one(who).lose_purse)
        self.forgetful.add(self.one(who).name)

    @rule(who=WHO, deals=DEALS)
    @precondition(lambda self: self.clones_to_come)
    def a_device_is_cloned_and_both_spend(self, who: int, deals: list[tuple[int, int, int, int]]) -> None:
        original = self.one(who)
        self._clone(original.name, original.snapshot(), deals)

    @rule(which=st.integers(0, 50), deals=DEALS)
    @precondition(lambda self: self.backups and self.clones_to_come)
    def a_backup_comes_to_life(self, which: int, deals: list[tuple[int, int, int, int]]) -> None:
        """Purse and keystore of a backup go on living beside the original."""
        self._clone(*self.backups[which % len(self.backups)], deals)

    def _clone(self, name: str, backup: Snapshot, deals: list[tuple[int, int, int, int]]) -> None:
        self.clones_to_come -= 1
        original = self.system.holders[name]
        self.audit.cheats.add(original.account)
        copy = original.clone(backup, f"copy {len(self.system.holders)} of {name.split()[-1]}")
        names = list(self.system.holders)
        for turn, (_, payee, amount, until) in enumerate(deals):
            self._pay(names.index((original, copy)[turn % 2].name), payee, amount, until)

    @rule(who=WHO, deals=DEALS)
    def an_old_purse_is_put_back_after_a_day(self, who: int, deals: list[tuple[int, int, int, int]]) -> None:
        backup = self.one(who).snapshot()
        for turn, (payer, payee, amount, until) in enumerate(deals):
            self._pay(who if turn % 2 else payer, payee if turn % 2 else who, amount, until)
        self.one(who).restore(backup)
        self.forgetful.add(self.one(who).name)

    @rule(who=WHO, ahead=st.sampled_from((0, -10 * DAY, -3_600, 200, 5 * 3_600, 3 * DAY)))
    def somebody_sets_a_clock(self, who: int, ahead: int) -> None:
        self.one(who).ahead = ahead
