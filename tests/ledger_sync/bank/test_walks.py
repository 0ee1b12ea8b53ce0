"""Random lives of six customers at two banks, one of them a cheat with a clone, in any order, over failing lines.

In the end, whatever happened: no tiyn is created or lost, nothing stays outstanding once all time has run out, no
honest key is blamed, and the cheat is revoked if two of its transfers contradict each other.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import BANKS, LedgerNetwork
from tests.support.world import DAY, Person
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import check_evidence
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token

PEOPLE = 6
SERVICES = (CENTRAL_BANK, NOTARY, *BANKS)
steps = st.lists(
    st.tuples(
        st.sampled_from("ffppppppcccuuuuurrdxnns"), st.integers(0, 5), st.integers(0, 5), st.integers(1, 9)
    ),
    min_size=1,
    max_size=40,
)


class Life:
    """What the wallets know, and what they do next. Customer 0 is the cheat: it and its clone spend what is spent."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.net = net
        self.people = [net.customer(f"P{n}", BANKS[n % 2], opening=5_000_000) for n in range(PEOPLE)]
        self.cheat = self.people[0]
        held = self.cheat.person
        self.clone = Person(held.key, held.certificate)
        self.purses: list[list[Token]] = [[] for _ in self.people]
        self.spent: list[Token] = []
        self.transfers: list[tuple[Signed[Transfer], set[int]]] = []

    def step(self, action: str, one: int, other: int, size: int) -> None:
        match action:
            case "f":
                self.fund(one, size)
            case "p":
                self.pay(one, other, size)
            case "c":
                self.cheat_again(other, size)
            case "u":
                self.upload(one, other, whole=size > 2)
            case "r":
                self.refuse(one)
            case "d":
                self.redeem(one, to_account=size > 4)
            case "x":
                self.net.settle_down(1)
            case "n":
                self.toggle(SERVICES[one % len(SERVICES)])
            case "s":
                self.restart(BANKS[one % 2])

    def fund(self, one: int, size: int) -> None:
        with suppress(Refusal):
            self.purses[one] += self.people[one].fund(size * 10_000, 7_000)

    def pay(self, one: int, other: int, size: int) -> None:
        if one != other and self.purses[one]:
            token = self.purses[one].pop(size % len(self.purses[one]))
            if token.hop < 15:
                self._pay(self.people[one], one, token, other, size)

    def cheat_again(self, other: int, size: int) -> None:
        if self.spent and other != 0:
            token = self.spent[size % len(self.spent)]
            payer = self.clone if size % 2 else self.cheat.person
            self._pay(payer, 0, token, other, size)

    def _pay(self, payer: Customer | Person, index: int, token: Token, other: int, size: int) -> None:
        amount = max(1, token.amount * size // 10)
        paid = self.net.pay(payer, [token], self.people[other], amount)
        outputs = self.net.outputs(paid)
        self.purses[other].append(outputs[0])
        if payer is not self.clone:
            self.purses[index] += outputs[1:]
        self._made(paid, token, index, other)

    def _made(self, transfer: Signed[Transfer], token: Token, *holders: int) -> None:
        if token.owner == self.cheat.key:
            self.spent.append(token)
        self.transfers.append((transfer, set(holders)))

    def refuse(self, one: int) -> None:
        paid = [token for token in self.purses[one] if token.payer is not None]
        if paid:
            self.purses[one].remove(paid[-1])
            payer = next(n for n, person in enumerate(self.people) if person.key == paid[-1].payer)
            self._made(self.net.refuse(self.people[one], paid[-1]), paid[-1], one, payer)

    def redeem(self, one: int, *, to_account: bool) -> None:
        if self.purses[one]:
            token = self.purses[one].pop()
            make = self.net.defund if to_account else self.net.refresh
            self._made(make(self.people[one], [token]), token, one)

    def upload(self, one: int, which: int, *, whole: bool) -> None:
        known = [transfer for transfer, holders in self.transfers if one in holders]
        if known:
            with suppress(Refusal):
                self.people[one].upload(known[which % len(known)], whole=whole)

    def toggle(self, service: str) -> None:
        self.net.down ^= {service}

    def restart(self, bank: str) -> None:
        self.net.stop(bank)
        self.net.start(bank)

    # the end

    def end(self) -> None:
        net = self.net
        net.down.clear()
        for transfer, holders in self.transfers:
            for holder in holders:
                self.people[holder].upload(transfer)
        net.settle_down()
        self.check_verdicts()
        self.check_blame()
        net.now += 121 * DAY
        net.settle_down(6)
        net.check_books()
        assert net.central_books()[2] == 0, "nothing is left that nobody can get"

    def check_verdicts(self) -> None:
        for transfer, holders in self.transfers:
            rows = [self.people[holder].upload(transfer) for holder in holders]
            answers = {
                (r.settlement.verdict, r.settlement.values) for row in rows if (r := row[0]).settlement
            }
            assert len(answers) == 1, "both banks say the same"
            assert all(row[0].settlement is not None for row in rows)
            for row in rows:
                settlement = row[0].settlement
                assert settlement is not None
                if settlement.verdict is Verdict.CONFLICT:
                    assert row[0].evidence is not None
                    assert check_evidence(row[0].evidence, self.net.directory()).key == self.cheat.key

    def check_blame(self) -> None:
        revoked = self.net.policy().revoked
        for person in self.people[1:]:
            assert person.person.certificate.body.revocation_id not in revoked
        own = [transfer for transfer, _holders in self.transfers if self._signer(transfer) == self.cheat.key]
        contradicts = any(
            set(one.body.inputs) & set(two.body.inputs) or one.body.sequence == two.body.sequence
            for one, two in combinations(own, 2)
        )
        is_revoked = self.cheat.person.certificate.body.revocation_id in revoked
        assert is_revoked or not contradicts

    def _signer(self, transfer: Signed[Transfer]) -> bytes:
        return self.net._inputs[transfer.id][0].owner


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_whatever_happens_the_sums_agree_and_only_the_cheat_is_blamed(
    steps: list[tuple[str, int, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        net = LedgerNetwork(Path(folder))
        try:
            life = Life(net)
            for step in steps:
                life.step(*step)
            life.end()
        finally:
            net.down.clear()
            net.close()
