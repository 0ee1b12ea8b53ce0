"""Wallets that live a while, in any order of events: no tiyn is made or lost, and nobody honest is blamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.support.shelf import Shelf
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code, Refusal
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState

NAMES = ("asel", "berik", "dina", "shop")
NOT_NOW = {
    Code.FUNDS_SHORT,
    Code.FUNDS_SCATTERED,
    Code.HOPS_USED_UP,
    Code.RECONCILE_FIRST,
    Code.ROLLBACK,
    Code.PAYMENT_STATE,
    Code.SELF_PAYMENT,
    Code.LIMIT_BALANCE,
    Code.LIMIT_TOTAL,
    Code.REQUEST_EXPIRED,
}
"""What an ordinary day may bring."""
people = st.sampled_from(NAMES)
T = TypeVar("T")


def perhaps(action: Callable[[], T]) -> T | None:
    """Its result, or None where it is refused for a reason of every day."""
    try:
        return action()
    except Refusal as refusal:
        if refusal.code not in NOT_NOW:
            raise
        return None


class Lives(RuleBasedStateMachine):
    payments = Bundle("payments")
    requests = Bundle("requests")

    @initialize()
    def begin(self) -> None:
        self.net = WalletNetwork(Path("nowhere"))
        self.shelf = Shelf(self.net)
        self.issued = 0
        for name in NAMES:
            self.net.wallet(name, bank="zhibek" if name == "dina" else "alatau")
            self.fund(name, 100_000)

    @rule(name=people, amount=st.integers(1, 300_000))
    def fund(self, name: str, amount: int) -> None:
        self.net.fund(name, amount)
        self.issued += amount

    @rule(target=requests, name=people, amount=st.integers(1, 120_000), printed=st.booleans())
    def ask(self, name: str, amount: int, printed: bool) -> object:
        return name, self.net.wallets[name].receiving.request(amount, printed=printed)

    @rule(target=payments, name=people, request=requests)
    def pay(self, name: str, request: Any) -> object:
        payee, asked = request
        paying = self.net.wallets[name].paying
        payment = perhaps(lambda: paying.reserve(asked, allow_second=True))
        raw = None if payment is None else perhaps(lambda: paying.sign(payment))
        return multiple() if raw is None else (payee, name, payment, raw)

    @rule(name=people, request=requests)
    def hesitate(self, name: str, request: Any) -> None:
        """An intent that is left lying, or taken back."""
        _, asked = request
        perhaps(lambda: self.net.wallets[name].paying.reserve(asked, allow_second=True))

    @rule(name=people)
    def think_again(self, name: str) -> None:
        paying = self.net.wallets[name].paying
        for item in paying.pending():
            if item.state is PaymentState.RESERVED and self.net.wallets[name].state is PurseState.SOUND:
                paying.drop(item.id)

    @rule(payment=payments, answers=st.booleans())
    def show(self, payment: Any, answers: bool) -> None:
        """To its payee, as often as one likes; the receipt may get lost."""
        payee, payer, identifier, raw = payment
        try:
            received = self.net.wallets[payee].receiving.receive(raw)
        except Refusal as refusal:
            # Put back, it signs no refusal of what it may have had before.
            if refusal.code is not Code.ROLLBACK or self.net.wallets[payee].state is PurseState.SOUND:
                raise
            return
        paying = self.net.wallets[payer].paying
        if answers and self._remembers(payer, identifier):
            state = paying.acknowledge(identifier, received.receipt)
            assert state in (PaymentState.ACKNOWLEDGED, PaymentState.REFUSED)

    def _remembers(self, payer: str, payment: bytes) -> bool:
        """An older copy of a purse may not know its own payment."""
        known = {item.id for item in self.net.wallets[payer].paying.pending()}
        return (
            payment in known
            and self.net.wallets[payer].paying.summary(payment).state is not PaymentState.RESERVED
        )

    @rule(name=people, anew=st.booleans(), refresh=st.booleans())
    def sync(self, name: str, anew: bool, refresh: bool) -> None:
        self.net.world.now += 60
        sound = self.net.wallets[name].state is PurseState.SOUND
        self.net.reconcile(name, anew=anew, refresh=refresh and sound)

    @rule(name=people, amount=st.integers(1, 50_000))
    def take_back(self, name: str, amount: int) -> None:
        perhaps(lambda: self.net.wallets[name].reconciling.exchanging.begin_defund(amount))

    @rule(name=people)
    def open_again(self, name: str) -> None:
        self.net.open(name)

    @rule(name=people)
    def copy(self, name: str) -> None:
        self.shelf.keep(name)

    @rule(name=people)
    def put_back(self, name: str) -> None:
        """The older store under the newer keystore."""
        if name in self.shelf:
            self.shelf.put_back(name)

    @invariant()
    def no_money_from_nowhere(self) -> None:
        if not hasattr(self, "net"):
            return
        refs = {}
        for wallet in self.net.wallets.values():
            if wallet.state is PurseState.SOUND:
                refs.update({item.token.ref: item.worth for item in wallet.tokens()})
        assert sum(refs.values()) <= self.issued

    def teardown(self) -> None:
        if not hasattr(self, "net"):
            return
        try:
            self._settle_all()
        finally:
            self.net.close()

    def _settle_all(self) -> None:
        """When everybody has been online, wallets and ledger agree to the tiyn."""
        for _ in range(3):
            for name in NAMES:
                self.net.reconcile(name)
        for name in NAMES:
            wallet = self.net.wallets[name]
            assert wallet.evidence() == (), "nobody here is dishonest"
        held = sum(wallet.balance().held for wallet in self.net.wallets.values())
        outstanding, accounts = self.net.ledger.outstanding(), sum(self.net.ledger.accounts.values())
        assert outstanding + accounts == self.issued
        if all(wallet.state is PurseState.SOUND for wallet in self.net.wallets.values()):
            assert held == outstanding


EVERYTHING = os.environ.get("QALTA_TEST_ALL") == "1"
TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=200 if EVERYTHING else 8,
    stateful_step_count=40 if EVERYTHING else 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
