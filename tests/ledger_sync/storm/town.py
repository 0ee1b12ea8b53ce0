"""Customers of a storm's banks, who remember all that they are told, and know what they must have in the end.

Rule: what is to be done is done again under the same ids until it is answered. A refusal that says anything about what
was asked is nothing that anybody here may get.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from ledger_sync import sandbox
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.peers import is_asked_again
from ledger_sync.sandbox.network import Network
from ledger_sync.sandbox.operator import Order
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import OPENING
from tests.ledger_sync.bank.test_processes import RealTown
from tests.support.told import Answer, Told, each_alone
from tests.support.world import Key
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token

A = TypeVar("A")
GRANT: Final = 100_000_000_000
_AT_ONCE: Final = 32
"""Transfers whose verdicts are asked for in one call."""
_PAUSE_SECONDS: Final = 0.1


class Stopped(Exception):
    """Nothing is asked any more: the storm was given up."""


@dataclass
class Person:
    """A customer, what it has in its pocket, and what must be on its account."""

    customer: Customer
    account: int = OPENING
    pocket: list[Token] = field(default_factory=list)
    uploaded: list[bytes] = field(default_factory=list)
    """Transfers whose verdicts it was told."""


class StormTown(RealTown):
    """All customers, opened at once by the operator."""

    def __init__(self, home: Path, network: Network, is_given_up: threading.Event) -> None:
        self._lines: dict[tuple[str, bytes], ServiceClient] = {}
        self._is_given_up = is_given_up
        super().__init__(home, network)
        self.people: list[Person] = []
        self.answers = 0
        self._directory = super().directory()
        self.told = Told(self._directory)

    def directory(self) -> Directory:
        return self._directory

    def line(self, service: str, key: Key) -> ServiceClient:
        """One for each of whoever calls, kept."""
        return self._lines.setdefault((service, key.public), super().line(service, key))

    def found(self, people: Sequence[tuple[str, str]]) -> list[Person]:
        """Banks get their grants, and customers, by name and bank, their accounts."""
        opened: list[Order] = [
            Order("central-bank", "POST", "/v1/issues", [bank.encode().ljust(16), bank, GRANT])
            for bank in ("alatau", "zhibek")
        ]
        opened += [
            Order(bank, "POST", "/v1/customers", [name.encode().ljust(16)[:16], name, 0, 0, OPENING])
            for name, bank in people
        ]
        answers = sandbox.operate(self.network, opened)  # type: ignore[arg-type]
        for (name, bank), answer in zip(people, answers[2:], strict=True):
            assert not isinstance(answer, Refusal), answer
            customer = Customer(self, bank, name, Key.of(f"{name} device"))
            self.enrol(customer, answer[0])
            customer.certify()
            self.people.append(Person(customer))
        return self.people[-len(people) :]

    def until_answered(self, act: Callable[[], A]) -> A:
        """The same again until it is answered."""
        while True:
            try:
                answer = act()
            except Refusal as refusal:
                if not is_asked_again(refusal):
                    raise
                if self._is_given_up.wait(_PAUSE_SECONDS):
                    raise Stopped from refusal
                continue
            self.answers += 1
            return answer

    def fund(self, person: Person, *amounts: int) -> tuple[Token, ...]:
        """From the account into the pocket of whoever asked; who asks again is given the same."""
        funding = self.random(16)
        tokens = self.until_answered(lambda: person.customer.fund(*amounts, funding=funding))
        person.account -= sum(amounts)
        return tokens

    def settle(self, person: Person, *transfers: Signed[Transfer]) -> list[Answer]:
        """A person uploads transfers with all that is known of them, until each has its verdict."""
        bundle = self.bundle(transfers).to_cbor()
        line = person.customer.line()
        wanted = {transfer.id for transfer in transfers}
        while True:
            rows = self.until_answered(lambda: line.post("/v1/uploads", bundle))
            answers = [answer for row in each_alone(rows) if (answer := self.told.hear(row)).txid in wanted]
            if all(answer.settlement is not None for answer in answers):
                person.uploaded += [answer.txid for answer in answers]
                return answers
            self.breathe()

    def redeem_all(self, person: Person, tokens: Sequence[Token]) -> None:
        """Tokens go back to the account, to the tiyn."""
        transfer = self.defund(person.customer, tokens)
        while (answer := self.settle(person, transfer)[0]).value is None:
            self.breathe()
        assert answer.value == sum(token.amount for token in tokens), answer
        person.account += answer.value

    def ask_again(self, person: Person) -> None:
        """Every verdict that a person was ever told, once more."""
        asked = sorted(set(person.uploaded))
        for begin in range(0, len(asked), _AT_ONCE):
            wanted = asked[begin : begin + _AT_ONCE]
            rows = self.until_answered(lambda of=wanted: person.customer.line().post("/v1/verdicts", of))  # type: ignore[misc]
            answers = [self.told.hear(row) for row in each_alone(rows)]
            assert [answer.txid for answer in answers] == wanted
            assert all(answer.settlement is not None for answer in answers), "a verdict is missing"

    def inputs_of_id(self, txid: bytes) -> tuple[TokenRef, ...]:
        """What the transfer of that id consumes."""
        return self._transfers[txid].body.inputs

    def breathe(self, looks: int = 1) -> None:
        if self._is_given_up.wait(looks * _PAUSE_SECONDS):
            raise Stopped
