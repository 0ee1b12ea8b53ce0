"""Whatever people, clones, crashes, cuts and clocks do: no tiyn is made or lost, and only who signs twice is named.

A random world in one process (tests/support/system.py), audited after every step (tests/support/audit.py). In the
end everybody reconciles, and everything must come out by the rules. A crash here is EMULATED by an exception at a
durable step; the kills that count are SIGKILLs and stand in the tests that start processes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Final, TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests import sampling
from tests.support.audit import Audit, Ledger
from tests.support.holders import Holder, Snapshot
from tests.support.steps import Crash
from tests.support.system import BANKS, System
from tests.support.world import DAY
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import parse_payment
from wallet.protocol.request import Request, request_ref
from wallet.purse.journal import PurseState
from wallet.purse.payments import PaymentState
from wallet.purse.receiving import Received

T = TypeVar("T")

PEOPLE: Final = (
    ("aliya", "alatau", False),
    ("bolat", "zhibek", False),
    ("chen", "zhibek", False),
    ("dana", "alatau", True),
    ("erlan", "zhibek", True),
)
MAX_CLONES: Final = 2
NEVER: Final = frozenset(
    {
        Code.INTERNAL,
        Code.MALFORMED,
        Code.MALFORMED_CBOR,
        Code.NOT_CANONICAL,
        Code.DUPLICATE_ITEM,
        Code.UNNEEDED_ITEM,
        Code.VALUE_MISMATCH,
        Code.PROVENANCE_MISSING,
        Code.CERTIFICATE_MISSING,
        Code.STORE_DAMAGED,
        Code.FUNDING_MISMATCH,
        Code.COMMIT_MISMATCH,
        Code.EVIDENCE_INVALID,
        Code.AUTH_REPLAYED,
        Code.AUTH_SIGNATURE,
        Code.TRANSFER_SIGNATURE,
        Code.CERTIFICATE_SIGNATURE,
        Code.ISSUANCE_SIGNATURE,
        Code.REQUEST_SIGNATURE,
        Code.RECEIPT_SIGNATURE,
        Code.SETTLEMENT_SIGNATURE,
        Code.NOTARY_SIGNATURE,
        Code.POLICY_SIGNATURE,
        Code.REDEMPTION_KEY,
        Code.REDEMPTION_AMOUNTS,
        Code.REDEMPTION_PAYER,
        Code.TIME_BEFORE_INPUTS,
        Code.TIME_BEFORE_CERTIFICATE,
    }
)
"""What nobody in this world may ever be told: nobody forges anything here."""

AMOUNTS: Final = st.sampled_from((1, 999, 10_000, 50_050, 123_456, 1_000_000, 4_000_000))
WHO: Final = st.integers(0, len(PEOPLE) + MAX_CLONES - 1)
COUNT: Final = st.integers(1, 12)
DEALS: Final = st.lists(
    st.tuples(WHO, WHO, AMOUNTS, st.sampled_from((3, 3, 3, 2, 1))), min_size=2, max_size=6
)
"""Payer, payee, amount, and how far it comes: shown only, handed over, or with its receipt back."""
OPERATIONS: Final = ("pay", "receive", "fund", "sync", "defund")


@dataclass
class Shown:
    """A signed payment, and what its payee has answered so far."""

    payer: str
    payee: str
    payment: bytes
    raw: bytes
    request: Signed[Request]
    answer: Received | None = None


@pytest.fixture(scope="module")
def birth() -> Iterator[System]:
    """One founded world with certified people; every example goes on with a copy of it."""
    folder = Path(tempfile.mkdtemp(prefix="qalta-birth-"))
    try:
        with System(folder / "world", f"birth {sampling.seed()}") as system:
            for name, bank, merchant in PEOPLE:
                system.holder(name, bank, merchant=merchant).fund(3_000_000)
            system.settle_down()
        yield system
    finally:
        shutil.rmtree(folder)


class DigitalTenge(RuleBasedStateMachine):
    """``birth`` is set by the test."""

    birth: System

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="qalta-life-"))
        self._stack.callback(shutil.rmtree, folder)
        self.system = self._stack.enter_context(self.birth.copy(folder / "world", "life"))
        self.audit = Audit(self.system)
        self.shown: list[Shown] = []
        self.asked: list[tuple[str, Signed[Request]]] = []
        self.codes: list[tuple[str, Signed[Request]]] = []
        self.backups: list[tuple[str, Snapshot]] = []
        self.clones_to_come = 0
        self.forgetful: set[str] = set()
        """Whose purse was once replaced by an older one, or lost."""

    # helpers

    def one(self, number: int) -> Holder:
        holders = list(self.system.holders.values())
        return holders[number % len(holders)]

    def two(self, number: int, other: int) -> tuple[Holder, Holder] | None:
        one, two = self.one(number), self.one(other)
        return None if one.account == two.account else (one, two)

    def trying(self, call: Callable[[], T]) -> T | None:
        """What it gives, or None where it is refused for a reason that there may be."""
        try:
            return call()
        except Refusal as refusal:
            code = refusal
        assert code.code not in NEVER, code
        return None

    def is_honest(self, holder: Holder) -> bool:
        return holder.account not in self.audit.cheats

    def payee_of(self, request: Signed[Request]) -> str | None:
        """Who has that request in its purse."""
        ref = request_ref(request)
        names = [name for name, asked in (*self.asked, *self.codes) if request_ref(asked) == ref]
        return names[0] if names else None

    def show(
        self, payer: Holder, request: Signed[Request], amount: int | None, *, anew: bool = False
    ) -> Shown | None:
        before, is_sound = payer.held, payer.wallet.state is PurseState.SOUND
        signed = {
            item.id for item in payer.wallet.paying.pending() if item.state is not PaymentState.RESERVED
        }
        made = self.trying(lambda: payer.show(request, amount, anew=anew))
        if made is None:
            return None
        shown = Shown(payer.name, self.payee_of(request) or "", made[0], made[1], request)
        for item in self.shown:
            is_same = (item.payment, item.payer) == (made[0], payer.name)
            assert not is_same or item.raw == made[1], "what is shown again is what was shown"
            if item.raw == made[1]:
                return item
        assert is_sound or made[0] in signed, "an older purse must not spend"
        paid = sum(transfer.body.amount for transfer in parse_payment(made[1]).newest)
        paid = 0 if made[0] in signed else paid
        assert payer.held == before - paid, (payer.held, before, paid)
        self.shown.append(shown)
        return shown

    def hand_over(self, shown: Shown) -> Received | None:
        payee = self.system.holders[shown.payee]
        before = payee.held
        received = self.trying(lambda: payee.wallet.receiving.receive(shown.raw, shown.request))
        if received is None:
            return None
        if shown.answer is not None and payee.name not in self.forgetful:
            assert received.repeat_of is not None, "a repeat says that it is one"
            assert received.receipt == shown.answer.receipt, "and is answered as the first time"
        if received.repeat_of is not None or received.code is not None:
            assert payee.held == before, "a repeat or a refusal is no money"
        else:
            assert payee.held == before + received.amount
        shown.answer = received
        return received

    def give_receipt(self, shown: Shown) -> None:
        answer, payer = shown.answer, self.system.holders[shown.payer]
        if answer is None:
            return
        before = payer.held
        state = self.trying(lambda: payer.wallet.paying.acknowledge(shown.payment, answer.receipt))
        assert state is not None or payer.name in self.forgetful, "a payer knows what it has signed"
        assert payer.held == before

    def ask(self, payee: Holder, amount: int) -> Signed[Request] | None:
        request = self.trying(lambda: payee.wallet.receiving.request(amount))
        if request is not None:
            self.asked.append((payee.name, request))
        return request

    # people pay

    @initialize(deals=DEALS, clones=st.integers(0, MAX_CLONES))
    def the_first_day(self, deals: list[tuple[int, int, int, int]], clones: int) -> None:
        self.clones_to_come = clones
        self.a_day(deals)

    @rule(deals=DEALS)
    def a_day(self, deals: list[tuple[int, int, int, int]]) -> None:
        for payer, payee, amount, until in deals:
            self._pay(payer, payee, amount, until)

    def _pay(self, payer: int, payee: int, amount: int, until: int) -> None:
        pair = self.two(payer, payee)
        request = None if pair is None else self.ask(pair[1], amount)
        if pair is None or request is None:
            return
        shown = self.show(pair[0], request, None)
        if shown is not None and until > 1:
            self.hand_over(shown)
            if until > 2:
                self.give_receipt(shown)

    @rule(payer=WHO, which=st.integers(0, 50))
    @precondition(lambda self: self.asked)
    def answer_a_request_again(self, payer: int, which: int) -> None:
        """Somebody else answers a request that was answered, or not."""
        payee, request = self.asked[which % len(self.asked)]
        if self.one(payer).account == self.system.holders[payee].account:
            return
        shown = self.show(self.one(payer), request, None)
        if shown is not None:
            self.hand_over(shown)
            self.give_receipt(shown)

    @rule(payee=WHO, amount=AMOUNTS, is_open=st.booleans())
    def print_a_code(self, payee: int, amount: int, is_open: bool) -> None:
        receiving = self.one(payee).wallet.receiving
        code = self.trying(
            lambda: receiving.request(amount, is_open=is_open, printed=True, valid_for=20 * DAY)
        )
        if code is not None:
            self.codes.append((self.one(payee).name, code))

    @rule(payer=WHO, which=st.integers(0, 50), amount=AMOUNTS, anew=st.booleans(), whole=st.booleans())
    @precondition(lambda self: self.codes)
    def pay_a_code(self, payer: int, which: int, amount: int, anew: bool, whole: bool) -> None:
        payee, code = self.codes[which % len(self.codes)]
        if self.one(payer).account == self.system.holders[payee].account:
            return
        shown = self.show(self.one(payer), code, amount if code.body.is_open else None, anew=anew)
        if shown is not None:
            self.hand_over(shown)
            if whole:
                self.give_receipt(shown)

    @rule(which=st.integers(0, 50), receipt=st.booleans())
    @precondition(lambda self: self.shown)
    def show_late_or_again(self, which: int, receipt: bool) -> None:
        shown = self.shown[which % len(self.shown)]
        if self.hand_over(shown) is not None and receipt:
            self.give_receipt(shown)

    # people go online

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
        together = holder.held + self._account(holder)
        self.trying(call)
        self.system.network.revive()
        del together

    def _account(self, holder: Holder) -> int:
        rows = self.system.rows(holder.bank, "select balance from accounts where id = ?", holder.account)
        return int(rows[0][0])

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

    # what breaks

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
                self.trying(lambda p=pending, w=paying: w.drop(p.id) if drop else w.sign(p.id))
            if holder.wallet.paying.summary(pending.id).state not in (
                PaymentState.SIGNED,
                PaymentState.SHOWN,
            ):
                continue
            raw = self.trying(lambda p=pending: holder.wallet.paying.show_again(p.id))
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

    @rule(seconds=st.sampled_from((1, 600, 5 * 3_600, 3 * DAY, 20 * DAY, 45 * DAY)))
    def time_passes(self, seconds: int) -> None:
        self.system.now += seconds
        self.system.network.work()

    @rule(who=WHO, ahead=st.sampled_from((0, -10 * DAY, -3_600, 200, 5 * 3_600, 3 * DAY)))
    def somebody_sets_a_clock(self, who: int, ahead: int) -> None:
        self.one(who).ahead = ahead

    # what holds

    @invariant()
    def books_purses_and_blame_are_right(self) -> None:
        self.audit.moment()

    def teardown(self) -> None:
        try:
            if not getattr(self, "_failed", False):
                self._end()
        finally:
            self._stack.close()

    def _end(self) -> None:
        for holder in self.system.holders.values():
            holder.ahead = 0
        self.system.network.revive()
        self.system.bring_together(*reversed(self.system.holders))
        self.audit.at_rest()
        self._nothing_signed_was_forgotten()
        self._life_goes_on()

    def _life_goes_on(self) -> None:
        """Whoever is honest, reconciled and has money can pay whoever is honest, whatever happened before."""
        honest = [holder for holder in self.system.holders.values() if self.is_honest(holder)]
        for payer, payee in permutations(honest, 2):
            money = payer.wallet.balance().spendable
            if money and payer.wallet.state is PurseState.SOUND:
                for waiting in payer.wallet.paying.pending():
                    if waiting.state is PaymentState.RESERVED:
                        payer.wallet.paying.drop(waiting.id)
                assert payer.pay(payee, min(money, 1_000)).code is None
        self.audit.moment()

    def _nothing_signed_was_forgotten(self) -> None:
        """The ledger knows every payment that was signed, unless everybody who had it has lost it since."""
        known = Ledger.of(self.system).transfers
        for shown in self.shown:
            if shown.payer not in self.forgetful:
                assert set(parse_payment(shown.raw).ids) <= set(known), (shown.payer, shown.payee)


def test_no_tiyn_is_made_or_lost_and_only_who_signs_twice_is_named(birth: System) -> None:
    DigitalTenge.birth = birth
    hypothesis.seed(sampling.seed())(DigitalTenge)
    run_state_machine_as_test(
        DigitalTenge,
        settings=settings(
            max_examples=600 if sampling.everything() else 30,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
