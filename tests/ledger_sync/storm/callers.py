"""Who uploads in a storm: circles of customers at both banks that pay each other, and some who pay with the same twice.

Rule: each caller is a thread with chance of its own; what it does in which order follows from the storm's seed, when it
does it does not. What is paid on comes freshly from an account, so that no provenance grows.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Final

from tests.ledger_sync.storm.town import Person, Stopped, StormTown
from tests.support.told import Answer, Contradiction
from wallet.protocol.bounds import MAX_INPUTS
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer

CIRCLE: Final = ("alatau", "zhibek", "alatau", "zhibek")
"""The banks of a circle's customers; the last one pays with the same twice."""
_FUNDED: Final = 400_000
"""Tiyn with which a circle's payment begins."""
_AMOUNTS: Final = (1, 999, 50_000, 123_456)
_COPIES: Final = 32
"""Tokens that a cheat takes from its account at a time; all before its first crime, since nobody gives it any after."""
_CHEATED: Final = 3_000
"""Tiyn of each."""
_FULL_POCKET: Final = MAX_INPUTS
_MOST_HOPS: Final = 4
_BETWEEN_CERTIFICATES: Final = 20
"""Looks: a device has so many, and a clock that has jumped is soon right again."""


class Caller(threading.Thread):
    """One circle."""

    def __init__(self, town: StormTown, people: Sequence[Person], chance: Random, crimes: int) -> None:
        """``crimes``: how often the last of them pays with the same twice, at most."""
        super().__init__(daemon=True)
        self._town, self._chance = town, chance
        self._people, self._cheat, self._crimes = people[:-1], people[-1], crimes
        self._acts: Sequence[Callable[[], None]] = (
            *[self._pay_on] * 4,
            *[self._pay_twice] * 3,
            self._redeem,
            self._say_again,
        )
        self.is_over = threading.Event()
        self.acts = 0
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while len(self._cheat.pocket) < self._crimes:
                self._cheat.pocket += self._town.fund(self._cheat, *[_CHEATED] * _COPIES)
            while not self.is_over.is_set():
                self._chance.choice(self._acts)()
                self.acts += 1
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - told by whoever watches the callers
            self.fault = error

    def _pay_on(self) -> None:
        """A token goes from hand to hand, unseen by any bank until the last one uploads all of it."""
        town, hops = self._town, self._chance.randint(1, _MOST_HOPS)
        order = [self._people[(self._chance.randrange(3) + hop) % 3] for hop in range(hops + 1)]
        order = [one for at, one in enumerate(order) if at == 0 or one is not order[at - 1]]
        if len(order) < 2:
            return
        for one in self._people:
            self._keep_certified(one)
        order[0] = self._who_can_fund(order[0])
        if order[0] is order[1]:
            return
        tokens = town.fund(order[0], _FUNDED)
        made: list[Signed[Transfer]] = []
        for payer, payee in itertools.pairwise(order):
            amount = tokens[0].amount - self._chance.choice(_AMOUNTS) // len(order)
            made.append(town.pay(payer.customer, tokens[:1], payee.customer, amount))
            tokens = town.outputs(made[-1])
            payer.pocket += tokens[1:]
        order[-1].pocket.append(tokens[0])
        answers = town.settle(order[-1], *reversed(made))
        if len(answers) != len(made) or any(_verdict(one) is not Verdict.SETTLED for one in answers):
            raise Contradiction(f"an honest chain got {answers}")

    def _who_can_fund(self, person: Person) -> Person:
        """Somebody whose account has enough: this one if it can, else the richest, once all pockets are empty."""
        if person.account < _FUNDED:
            for one in self._people:
                self._bring_home(one)
        return person if person.account >= _FUNDED else max(self._people, key=lambda one: one.account)

    def _keep_certified(self, person: Person) -> None:
        """Another epoch, once the certificate in force lets somebody pay little more. A bank whose clock has jumped
        may have dated it so that nothing is signed under it yet."""
        while not self._can_pay(person):
            self._bring_home(person)
            self._town.until_answered(partial(person.customer.certify, person.customer.person.total))
            self._town.breathe(_BETWEEN_CERTIFICATES)

    def _can_pay(self, person: Person) -> bool:
        paying = person.customer.person
        certificate = paying.certificate.body
        left = certificate.total + certificate.limits.total - paying.total
        return certificate.issued <= self._town.now <= certificate.expires and left >= _MOST_HOPS * _FUNDED

    def _pay_twice(self) -> None:
        """The same token to two people, who bring it to their banks at once: one is paid."""
        town, cheat = self._town, self._cheat
        if not cheat.pocket:
            return
        token = cheat.pocket.pop()
        payees = self._chance.sample(self._people, 2)
        rivals = [town.pay(cheat.customer, [token], payee.customer, token.amount) for payee in payees]
        with ThreadPoolExecutor(2) as hands:
            (first,), (second,) = hands.map(town.settle, payees, rivals)
        verdicts = {_verdict(first), _verdict(second)}
        if verdicts != {Verdict.SETTLED, Verdict.CONFLICT}:
            raise Contradiction(f"two with the same token got {first} and {second}")
        winner = 0 if _verdict(first) is Verdict.SETTLED else 1
        payees[winner].pocket += town.outputs(rivals[winner])

    def _redeem(self) -> None:
        full = max(self._people, key=lambda one: len(one.pocket))
        if full.pocket:
            tokens, full.pocket = full.pocket[:_FULL_POCKET], full.pocket[_FULL_POCKET:]
            self._town.redeem_all(full, tokens)

    def _say_again(self) -> None:
        """Somebody asks once more for what it was told."""
        asking = self._chance.choice(self._people)
        asking.uploaded, before = asking.uploaded[-8:], asking.uploaded[:-8]
        self._town.ask_again(asking)
        asking.uploaded = before + asking.uploaded

    def come_home(self) -> None:
        """Everybody brings all of its money back to its account."""
        for person in (*self._people, self._cheat):
            self._bring_home(person)

    def _bring_home(self, person: Person) -> None:
        while person.pocket:
            tokens, person.pocket = person.pocket[:_FULL_POCKET], person.pocket[_FULL_POCKET:]
            self._town.redeem_all(person, tokens)


def _verdict(answer: Answer) -> Verdict | None:
    return None if answer.settlement is None else answer.settlement.verdict
