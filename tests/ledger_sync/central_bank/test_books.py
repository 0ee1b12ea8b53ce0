"""Whatever is asked, in any order, again and after restarts: the books balance and nobody gets more than went in."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.ledger_sync.central_bank.rig import GRANT, CentralBankRig
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, ToPayer


class Books(RuleBasedStateMachine):
    """Random orders, fundings, payments, cheats and redemptions, repeated and restarted: the books always balance,
    and nobody gets more than was put in."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.rig = CentralBankRig(Path(self.folder.name))
        ledger = self.rig.ledger
        self.people = [ledger.person("ann"), ledger.person("bob", "zhibek"), ledger.person("cid")]
        self.tokens: list[tuple[int, object]] = []
        self.redeemed: dict[bytes, object] = {}
        self.count = 0

    @rule(who=st.integers(0, 2), amounts=st.lists(st.integers(1, 5_000_000), min_size=1, max_size=3))
    def fund(self, who: int, amounts: list[int]) -> None:
        self.count += 1
        bank = self.people[who].certificate.body.bank
        if sum(amounts) <= self.rig.books()[3][bank]:
            made = self.rig.fund(self.people[who], *amounts, name=str(self.count))
            self.tokens += [(who, token) for token in made]

    @rule(chance=st.randoms(), again=st.booleans())
    def pay(self, chance: object, again: bool) -> None:
        if self.tokens:
            held = chance.choice(self.tokens)  # type: ignore[attr-defined]
            payee = (held[0] + 1) % 3
            amount = chance.randint(1, held[1].amount)  # type: ignore[attr-defined]
            outputs = self.rig.ledger.pay(self.people[held[0]], [held[1]], self.people[payee], amount)
            self.rig.commit(outputs)
            if not again:
                self.tokens.remove(held)
            self.tokens += list(zip((payee, held[0]), outputs, strict=False))

    @rule(chance=st.randoms(), purpose=st.sampled_from(["account", "refresh", "payer"]), again=st.booleans())
    def redeem(self, chance: object, purpose: str, again: bool) -> None:
        if self.tokens:
            held = chance.choice(self.tokens)  # type: ignore[attr-defined]
            who, token = held
            owner = self.people[who]
            what: Redemption = ToAccount()
            if purpose == "refresh":
                what = Refresh(owner.key.public, (token.amount,))
            elif purpose == "payer" and token.payer is not None:
                what = ToPayer(token.payer)
            outputs = self.rig.ledger.redeem(owner, [token], what)
            self.rig.commit(outputs)
            answer = self.rig.redeem(outputs)
            assert answer[1] <= token.amount
            self.redeemed[outputs[0].ref.txid] = (outputs, answer)
            if not again:
                self.tokens.remove(held)

    @rule()
    def repeat_and_restart(self) -> None:
        self.rig.reopen()
        for outputs, answer in self.redeemed.values():  # type: ignore[misc]
            assert self.rig.redeem(outputs) == answer  # type: ignore[has-type, has-type]

    @invariant()
    def nothing_made_nothing_lost(self) -> None:
        if hasattr(self, "rig"):
            issued, redeemed, outstanding, positions = self.rig.books()
            assert (issued, redeemed) == (2 * GRANT, 0)
            assert outstanding >= 0
            assert all(held >= 0 for held in positions.values())

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.close()
            self.folder.cleanup()


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
