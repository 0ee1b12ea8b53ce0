"""People pay each other without a network: shown, handed over, with and without receipts, late and again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.properties.lives.life import AMOUNTS, DEALS, MAX_CLONES, WHO, Life
from tests.support.world import DAY


class Paying(Life):
    """What two people do between them."""

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
