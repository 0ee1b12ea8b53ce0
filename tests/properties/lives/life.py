"""One life: a copy of the world that was born once, everything in it that may be asked, and how it must end.

Rule: whatever happened, once it is over and everybody has reconciled, the auditor's sums come out, nobody honest is
blamed, and whoever is honest is paid or told what it waits for, and can pay again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from ledger_sync.sandbox.in_process import Plan
from tests.support.audit import Audit
from tests.support.databases import Databases
from tests.support.holders import Holder, Snapshot
from tests.support.ledger import Ledger
from tests.support.strangers import Stranger
from tests.support.system import BANKS, System
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import parse_payment
from wallet.protocol.request import Request, request_ref
from wallet.purse.receive.receiving import Received
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState

T = TypeVar("T")

PEOPLE: Final = (
    ("aliya", "alatau", False),
    ("bolat", "zhibek", False),
    ("chen", "zhibek", False),
    ("dana", "alatau", True),
    ("erlan", "zhibek", True),
)
LIAR: Final = "mallory"
PLAN: Final = Plan(
    banks=(*BANKS, LIAR),
    absent=frozenset({LIAR}),
    bank={
        "terms": {
            "capacity": {"waiting": 12, "claims": 6, "requests": 8, "relays": 2},
            "recalling": 600,
        }
    },
    is_steady=True,
)
"""Shares small enough to be filled in a life, a bank's beginning that ends before it is quiet; services that stand for
their clocks; a bank that is somebody else's."""
_ROUNDS_OF_PEACE: Final = 2
"""Rounds in which services hear of each other again, once nothing is disturbed any more."""
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


@dataclass(frozen=True)
class Birth:
    """One founded world with certified people, and strangers of whom nobody expects anything good: every life goes on
    with a copy of it."""

    system: System
    strangers: tuple[Stranger, ...]

    @classmethod
    @contextmanager
    def of(
        cls, folder: Path, seed: str, databases: Databases | None = None, workers: int = 1
    ) -> Iterator[Birth]:
        """``workers`` of each bank and of the notary."""
        plan = replace(PLAN, workers=workers)
        with System(folder, seed, plan=plan, databases=databases) as system:
            for name, bank, merchant in PEOPLE:
                system.holder(name, bank, merchant=merchant).fund(3_000_000)
            strangers = tuple(Stranger(system, f"stranger at {bank}", bank).enrol() for bank in BANKS)
            system.settle_down()
        yield cls(system, strangers)


class Life(RuleBasedStateMachine):
    """``birth`` is set by the test."""

    birth: Birth

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="qalta-life-"))
        self._stack.callback(shutil.rmtree, folder)
        self.system = self._stack.enter_context(self.birth.system.copy(folder / "world", "life"))
        self.audit = Audit(self.system)
        self.shown: list[Shown] = []
        self.asked: list[tuple[str, Signed[Request]]] = []
        self.codes: list[tuple[str, Signed[Request]]] = []
        self.backups: list[tuple[str, Snapshot]] = []
        self.clones_to_come = 0
        self.forgetful: set[str] = set()
        """Whose purse was once replaced by an older one, or lost."""

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

    # what holds

    def disturbances_end(self) -> None:
        """Whatever is disturbed is so no more."""

    def what_passes_is_over(self) -> None:
        """What lasts for some steps only lasts no more."""

    def step_passed(self) -> None:
        """One more step was made."""

    @invariant()
    def books_purses_and_blame_are_right(self) -> None:
        self.audit.moment()
        self.step_passed()

    def teardown(self) -> None:
        try:
            if not getattr(self, "_failed", False):
                self._end()
        finally:
            self._stack.close()

    def _end(self) -> None:
        self.disturbances_end()
        for holder in self.system.holders.values():
            holder.ahead = 0
        self.system.network.revive()
        for _ in range(_ROUNDS_OF_PEACE):
            self.system.now += 40
            self.system.network.work()
        self.system.bring_together(*reversed(self.system.holders))
        for holder in self.system.holders.values():
            if self.is_honest(holder):
                holder.sync()
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
