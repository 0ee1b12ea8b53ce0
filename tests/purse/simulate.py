"""Weeks of purchases without a signature in them: which tokens to spend, and how to cut a funding.

`python -m tests.purse.simulate` prints the tables of wallet/purse/pay/SELECTION.md. People are funded weekly, buy at
shops and pay each other; shops pay suppliers and wages out of what they took; everybody reconciles every few days,
which renews what they hold. Sizes are those of real objects. A seed gives the same weeks to every strategy.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.transfer import TokenRef
from wallet.purse.pay.selection import Candidate, Choice, Part, Prices, choose, is_lawful
from wallet.purse.sync.denominations import split

TENGE = 100
ISSUANCE, AMOUNT, CERTIFICATE, TRANSFER = 145, 5, 191, 191
"""Encoded bytes: an issuance without its amounts, one amount, a certificate, a transfer with one input."""

PEOPLE = 24

Strategy = Callable[[Sequence[Candidate], int, Callable[[bytes], int]], Choice | None]
Cut = Callable[[int], tuple[int, ...]]


def _first_enough(ordered: Sequence[Candidate], amount: int) -> list[Candidate]:
    taken: list[Candidate] = []
    for item in ordered:
        if sum(one.amount for one in taken) >= amount:
            break
        taken.append(item)
    return taken if sum(one.amount for one in taken) >= amount else []


def _lawful(taken: Sequence[Candidate], amount: int, size: Callable[[bytes], int]) -> Choice | None:
    if not taken:
        return None
    part = Part(taken[0].owner, tuple(sorted(taken, key=lambda item: item.ref)), amount)
    choice = Choice((part,))
    return choice if is_lawful(choice, size) else None


def largest_first(
    candidates: Sequence[Candidate], amount: int, size: Callable[[bytes], int]
) -> Choice | None:
    return _lawful(_first_enough(sorted(candidates, key=lambda item: -item.amount), amount), amount, size)


def smallest_first(
    candidates: Sequence[Candidate], amount: int, size: Callable[[bytes], int]
) -> Choice | None:
    return _lawful(_first_enough(sorted(candidates, key=lambda item: item.amount), amount), amount, size)


def oldest_first(candidates: Sequence[Candidate], amount: int, size: Callable[[bytes], int]) -> Choice | None:
    return _lawful(_first_enough(sorted(candidates, key=lambda item: item.ref), amount), amount, size)


def closest(candidates: Sequence[Candidate], amount: int, size: Callable[[bytes], int]) -> Choice | None:
    """The smallest token that is enough; else largest first."""
    enough = [item for item in candidates if item.amount >= amount]
    if enough:
        return _lawful([min(enough, key=lambda item: item.amount)], amount, size)
    return largest_first(candidates, amount, size)


def weighed(change: int, hop: int) -> Strategy:
    """The purse's own, with these prices in bytes."""
    return lambda candidates, amount, size: choose(candidates, amount, size, Prices(change, hop))


def chosen(candidates: Sequence[Candidate], amount: int, size: Callable[[bytes], int]) -> Choice | None:
    return choose(candidates, amount, size)


STRATEGIES: dict[str, Strategy] = {
    "largest first": largest_first,
    "smallest first": smallest_first,
    "oldest first": oldest_first,
    "closest": closest,
    "bytes only": weighed(0, 0),
    "chosen": chosen,
}


def equal(pieces: int) -> Cut:
    return lambda amount: tuple(
        [amount // pieces] * (pieces - 1) + [amount - amount // pieces * (pieces - 1)]
    )


def notes(amount: int) -> tuple[int, ...]:
    """Like banknotes: 10 000, 5 000, 2 000, 1 000, 500, 200, 100 tenge, a few of each, the rest in one."""
    parts: list[int] = []
    for value, most in ((10_000, 1), (5_000, 2), (2_000, 3), (1_000, 4), (500, 4), (200, 5), (100, 5)):
        for _ in range(most):
            if amount - sum(parts) > value * TENGE:
                parts.append(value * TENGE)
    return (amount - sum(parts), *parts)


CUTS: dict[str, Cut] = {
    "one token": lambda amount: (amount,),
    "4 halves": lambda amount: split(amount, 4),
    "8 halves": split,
    "12 halves": lambda amount: split(amount, 12),
    "16 halves": lambda amount: split(amount, 16),
    "8 equal": equal(8),
    "banknotes": notes,
}


@dataclass
class Holder:
    name: str
    budget: int
    is_shop: bool
    certificate: bytes = b""
    tokens: list[Candidate] = field(default_factory=list)
    next_sync: int = 0

    @property
    def worth(self) -> int:
        return sum(item.amount for item in self.tokens)


@dataclass
class Tally:
    """What was measured, payment by payment."""

    inputs: list[int] = field(default_factory=list)
    changes: int = 0
    hops: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    scattered: int = 0
    used_up: int = 0

    def row(self) -> tuple[str, ...]:
        payments = len(self.sizes)
        tried = payments + self.scattered + self.used_up
        return (
            f"{payments}",
            f"{statistics.mean(self.inputs):.2f}",
            f"{100 * self.changes / payments:.0f} %",
            f"{statistics.mean(self.hops):.2f}",
            f"{statistics.mean(self.sizes):.0f}",
            f"{sorted(self.sizes)[payments * 95 // 100]}",
            f"{max(self.sizes)}",
            f"{statistics.mean(self.held):.1f}",
            f"{1000 * self.scattered / tried:.1f} ‰",
            f"{1000 * self.used_up / tried:.1f} ‰",
        )


HEADS = ("payments", "inputs", "change", "hop", "bytes", "p95", "max", "tokens", "scattered", "no hops")


class Weeks:
    """The same people and prices for every strategy; only the choices differ."""

    def __init__(
        self, strategy: Strategy, cut: Cut, *, seed: int = 1, weeks: int = 4, patience: int = 10
    ) -> None:
        """``patience``: days that a person may go without reconciling; a shop half as many."""
        self._strategy = strategy
        self._cut = cut
        self._chance = random.Random(seed)
        self._numbers = count(1)
        self._sizes: dict[bytes, int] = {}
        budgets = [self._chance.choice([20, 40, 80]) * 1_000 * TENGE for _ in range(PEOPLE)]
        self._people = [Holder(f"person {n}", budget, False) for n, budget in enumerate(budgets)]
        self._shops = [Holder(f"shop {n}", 0, True) for n in range(PEOPLE // 4)]
        self._patience = patience
        self._days = weeks * 7
        self.tally = Tally()

    def run(self) -> Tally:
        for holder in (*self._people, *self._shops):
            holder.certificate = self._new(CERTIFICATE)
        for day in range(self._days):
            for holder in (*self._people, *self._shops):
                self._morning(holder, day)
            for person in self._people:
                self._spend(person)
            for shop in self._shops:
                self._pay_out(shop)
            self.tally.held += [len(person.tokens) for person in self._people]
        return self.tally

    def _new(self, size: int) -> bytes:
        name = next(self._numbers).to_bytes(32, "big")
        self._sizes[name] = size
        return name

    def _morning(self, holder: Holder, day: int) -> None:
        """Now and then: reconcile, so that all is new; a person tops up to the week's budget."""
        if day < holder.next_sync:
            return
        holder.next_sync = day + self._chance.randint(
            1, self._patience // 2 if holder.is_shop else self._patience
        )
        worth = holder.worth if holder.is_shop else max(holder.worth, holder.budget)
        holder.tokens = self._issued(holder, worth) if worth else []

    def _issued(self, holder: Holder, amount: int) -> list[Candidate]:
        amounts = self._cut(amount)
        issuance = self._new(ISSUANCE + AMOUNT * len(amounts))
        owner = holder.name.encode()
        return [
            Candidate(
                ref=TokenRef(issuance, index),
                amount=value,
                owner=owner,
                hop=0,
                expires=2_000,
                transfers=frozenset(),
                issuances=frozenset({issuance}),
                certificates=frozenset(),
            )
            for index, value in enumerate(amounts)
        ]

    def _price(self) -> int:
        tenge = min(30_000.0, self._chance.lognormvariate(7.1, 0.9))
        step = self._chance.choices([10, 5, 1], [6, 2, 2])[0]
        return max(step, round(tenge / step) * step) * TENGE

    def _spend(self, person: Holder) -> None:
        for _ in range(self._chance.choices([0, 1, 2, 3, 4], [15, 30, 30, 15, 10])[0]):
            to_friend = self._chance.random() < 0.15
            payee = self._chance.choice(self._people if to_friend else self._shops)
            amount = self._chance.randint(1, 10) * 500 * TENGE if to_friend else self._price()
            if payee is not person and amount <= person.worth:
                self._pay(person, payee, amount)

    def _pay_out(self, shop: Holder) -> None:
        """Suppliers and wages, out of what was taken."""
        for _ in range(self._chance.randint(0, 2)):
            amount = int(shop.worth * self._chance.uniform(0.1, 0.5)) // (10 * TENGE) * 10 * TENGE
            payee = self._chance.choice([*self._people, *self._shops])
            if amount and payee is not shop:
                self._pay(shop, payee, amount)

    def _pay(self, payer: Holder, payee: Holder, amount: int) -> None:
        ready = [item for item in payer.tokens if item.hop < MAX_HOP]
        if sum(item.amount for item in ready) < amount:
            self.tally.used_up += 1
            return
        choice = self._strategy(ready, amount, self._sizes.__getitem__)
        if choice is None:
            self.tally.scattered += 1
            return
        (part,) = choice.parts
        spent = {item.ref for item in part.inputs}
        payer.tokens = [item for item in payer.tokens if item.ref not in spent]
        transfer = self._new(TRANSFER + 36 * (len(part.inputs) - 1))
        transfers = frozenset({transfer}).union(*(item.transfers for item in part.inputs))
        issuances = frozenset[bytes]().union(*(item.issuances for item in part.inputs))
        certificates = frozenset({payer.certificate}).union(*(item.certificates for item in part.inputs))

        def made(index: int, value: int, owner: Holder, hop: int) -> Candidate:
            ref = TokenRef(transfer, index)
            return Candidate(
                ref=ref,
                amount=value,
                owner=owner.name.encode(),
                hop=hop,
                expires=2_000,
                transfers=transfers,
                issuances=issuances,
                certificates=certificates,
            )

        payee.tokens.append(made(0, amount, payee, part.hop))
        if part.change:
            payer.tokens.append(made(1, part.change, payer, part.hop - 1))
        self._note(part, transfers | issuances | certificates)

    def _note(self, part: Part, carried: frozenset[bytes]) -> None:
        self.tally.inputs.append(len(part.inputs))
        self.tally.changes += part.change > 0
        self.tally.hops.append(part.hop)
        self.tally.sizes.append(8 + sum(self._sizes[item] for item in carried))


def table(title: str, rows: dict[str, Tally]) -> str:
    lines = [f"| {title} | " + " | ".join(HEADS) + " |", "| --- |" + " ---: |" * len(HEADS)]
    lines += [f"| {name} | " + " | ".join(tally.row()) + " |" for name, tally in rows.items()]
    return "\n".join(lines) + "\n"


def main(seed: int) -> None:
    print(table("strategy", {name: Weeks(each, split, seed=seed).run() for name, each in STRATEGIES.items()}))
    rarely = {
        name: Weeks(each, split, seed=seed, weeks=8, patience=40).run() for name, each in STRATEGIES.items()
    }
    print(table("seldom online", rarely))
    prices = [(0, 0), (100, 0), (100, 150), (400, 0), (400, 600), (1_200, 150)]
    print(
        table("change, hop", {f"{c}, {h}": Weeks(weighed(c, h), split, seed=seed).run() for c, h in prices})
    )
    print(table("funding cut", {name: Weeks(chosen, cut, seed=seed).run() for name, cut in CUTS.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
