"""Fundings, redemptions, refunds and challenges over lines that lose, garble, repeat and hold up calls, in any order.

Whatever is lost, spoilt, doubled or late: at every moment the books of all agree but for what is listed in flight; and
once the lines are good again everyone has to the tiyn what was paid, whoever had tokens consumed for nothing.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange, HoldUp
from tests import sampling
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import BANKS, GRANT, OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_late import forge_commit
from tests.support.audit import Audit
from tests.support.world import DAY
from wallet.protocol import cose
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token, issued_tokens

DISTURBED = ("fundings", "redemptions", "refunds", "challenges", "commits", "movements", "transfers")
FATES = ("through", "unsent", "unheard", "torn", "held", "doubled", "late")
SIZES = (30_000, 50_000, 120_000)

steps = st.lists(
    st.tuples(st.sampled_from("ffappppprrdswwlge"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
    min_size=4,
    max_size=24,
)
fates = st.lists(st.sampled_from(FATES + ("through",) * 4), max_size=90)


class Fates:
    """What becomes of the calls that move money, one after another; at the end of the list all of them get through."""

    def __init__(self, drawn: list[str]) -> None:
        self._left = drawn[::-1]
        self._hold = HoldUp()

    def __call__(self, exchange: Exchange) -> httpx.Response:
        kind = exchange.request.url.path.split("/")[2]
        fate = self._left.pop() if self._left and kind in DISTURBED else "through"
        match fate:
            case "unsent":
                raise httpx.ConnectError("no line", request=exchange.request)
            case "unheard":
                exchange.deliver()
                raise httpx.ReadTimeout("no answer", request=exchange.request)
            case "torn":
                answer = exchange.deliver()
                half = answer.read()[: len(answer.content) // 2]
                return httpx.Response(
                    answer.status_code, headers=_kind(answer), stream=httpx.ByteStream(half)
                )
            case "held":
                return self._hold(exchange)
            case "doubled":
                exchange.deliver()
                return exchange.deliver()
            case "late":
                self.let_go()
                return exchange.deliver()
        return exchange.deliver()

    def let_go(self) -> None:
        """What was held up arrives after all."""
        self._hold.release()

    def calm_down(self) -> None:
        self._left.clear()


def _kind(answer: httpx.Response) -> dict[str, str]:
    return {"content-type": answer.headers.get("content-type", "")}


class Stores:
    """A network's databases, as an auditor looks into them."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.network = net.network
        self._look = net.look

    def rows(self, name: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._look(name, sql, values)


@dataclass
class Life:
    """Aigul and Baurzhan bank at alatau, Chingiz at zhibek, which has others' tokens consumed for nothing."""

    net: LedgerNetwork
    lines: Fates
    people: list[Customer] = field(default_factory=list)
    tokens: dict[int, list[Token]] = field(default_factory=dict)
    fundings: list[tuple[int, bytes, int]] = field(default_factory=list)
    paid: list[tuple[int, Signed[Transfer]]] = field(default_factory=list)
    change: list[int] = field(default_factory=lambda: [0, 0, 0])
    known: set[bytes] = field(default_factory=set)
    """Issuances whose tokens were taken into a purse."""
    orders: int = 0

    def step(self, what: str, one: int, other: int, size: int) -> None:
        with suppress(Refusal):
            match what:
                case "f":
                    self.fundings.append((one, self.net.random(16), SIZES[size]))
                    self.ask(*self.fundings[-1])
                case "a" if self.fundings:
                    self.ask(*self.fundings[(one + 3 * other) % len(self.fundings)])
                case "p":
                    self.pay(one, other, size)
                case "d":
                    self.defund(one)
                case "r" if self.tokens[one]:
                    self.rob(one)
                case "s":
                    self.move_position(BANKS[one % 2], size)
                case "w":
                    self.net.settle_down(1)
                case "l":
                    self.lines.let_go()
                case "g" if self.paid:
                    who, transfer = self.paid[(one + 3 * other) % len(self.paid)]
                    self.people[who].upload(transfer)
                case "e":
                    self.net.now += 3_600

    def ask(self, one: int, funding: bytes, amount: int) -> None:
        """A funding, again perhaps; each token is taken into the purse once."""
        person = self.people[one]
        raw = person.line().post("/v1/fundings", [funding, person.key, [amount]])
        issuance = cose.from_cbor(Issuance, raw)
        self.net.remember(issuance)
        if issuance.id not in self.known:
            self.known.add(issuance.id)
            self.tokens[one] += issued_tokens(issuance)

    def pay(self, one: int, other: int, size: int) -> None:
        """All that one holds but for change; the payee brings it at once, or later."""
        held = self.tokens[one][: size + 1]
        total = sum(token.amount for token in held)
        if one == other or not held:
            return
        amount = total - 1_000 * size
        transfer = self.net.pay(self.people[one], held, self.people[other], amount)
        del self.tokens[one][: size + 1]
        self.change[one] -= amount
        self.change[other] += amount
        self.paid.append((other, transfer))
        self.people[other].upload(transfer)

    def defund(self, one: int) -> None:
        """Back to the account: nothing changes hands."""
        if self.tokens[one]:
            held = [self.tokens[one].pop()]
            transfer = self.net.defund(self.people[one], held)
            self.paid.append((one, transfer))
            self.people[one].upload(transfer)

    def rob(self, one: int) -> None:
        """zhibek has a token of alatau's customers consumed that it cannot show by what."""
        if self.people[one].bank != "zhibek":
            forge_commit(self.net, "zhibek", self.tokens[one][-1].ref)

    def move_position(self, bank: str, size: int) -> None:
        """The operator takes a bank's money away, or gives it back."""
        self.orders += 1
        path = "/v1/withdrawals" if size else "/v1/issues"
        held = dict(self.net.central_books()[3])[bank]
        amount = max(1, held - 10_000 * size) if size else GRANT
        self.net.order(CENTRAL_BANK, "POST", path, [self.orders.to_bytes(16, "big"), bank, amount])

    def end(self) -> None:
        """The lines are good again, the banks have money, everyone uploads what there is; then all time runs out."""
        self.lines.calm_down()
        self.lines.let_go()
        for bank in BANKS:
            self.move_position(bank, 0)
        self.net.settle_down(2)
        for funding in self.fundings:
            with suppress(Refusal):
                self.ask(*funding)
        for who, transfer in self.paid:
            self.people[who].upload(transfer)
        self.net.let_a_day_pass()
        self.net.now += 121 * DAY
        self.net.settle_down(3)
        self.lines.let_go()
        self.net.let_a_day_pass()


def live(net: LedgerNetwork, actions: list[tuple[str, int, int, int]], drawn: list[str]) -> None:
    life = Life(net, Fates(drawn))
    banks = ("alatau", "alatau", "zhibek")
    life.people = [net.customer(f"P{number}", bank) for number, bank in enumerate(banks)]
    life.tokens = {number: list(person.fund(*SIZES)) for number, person in enumerate(life.people)}
    net.network.lines.place(life.lines)
    audit = Audit(Stores(net))  # type: ignore[arg-type]
    for action in actions:
        life.step(*action)
        audit.books()
    life.end()
    audit.books()
    net.check_books()
    assert [person.balance() - OPENING for person in life.people] == life.change
    assert net.policy().revoked == {}, "nobody has signed twice"


@seed(sampling.seed())
@settings(
    max_examples=150 if sampling.everything() else 8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(steps, fates, st.integers(0, 2**32))
def test_whatever_becomes_of_calls_the_books_agree_and_everyone_has_what_was_paid(
    actions: list[tuple[str, int, int, int]], drawn: list[str], chance: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        net = LedgerNetwork(Path(folder), Random(chance).randbytes)
        try:
            live(net, actions, drawn)
        finally:
            net.close()
