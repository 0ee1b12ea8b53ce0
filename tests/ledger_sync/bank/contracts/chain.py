"""A chain of payments as a bank's archive has it, valid and not yet settled, and the notary's words about it."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.objects import Objects
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.sqlite.storage import SqliteStorage
from ledger_sync.bank.terms import Capacity
from tests.support.world import NOW, Person, World
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement, Verdict
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token, issued_tokens

PURPOSE = bytes(16)


class Chain:
    """Payments of 700 of 1,000, each handed on whole, in the archive behind a storage."""

    def __init__(self, storage: Storage, length: int = 3, *, stage: str = "valid") -> None:
        """``stage``: "valid", or "waiting" where they were not judged."""
        assert isinstance(storage, SqliteStorage)  # until the archive is a port itself
        self.world = World()
        self.objects = Objects(storage.store, Capacity())
        self.people = [self.world.person(f"person {number}") for number in range(length + 1)]
        issuance = self.world.issue(self.people[0], 1_000)
        with storage.unit.transaction():
            self.objects.issuances.add(issuance)
            self.objects.tokens.add(issued_tokens(issuance), settled=True)
            for person in self.people:
                self.objects.certificates.add(person.certificate)
        self.storage = storage
        self.transfers: list[Signed[Transfer]] = []
        token = issued_tokens(issuance)[0]
        for payer, payee in zip(self.people, self.people[1:], strict=False):
            made = self.pay(payer, token, payee, min(700, token.amount), stage)
            self.transfers.append(made)
            token = self.world.outputs(made, [token], payer)[0]

    def pay(self, payer: Person, token: Token, payee: Person, amount: int, stage: str) -> Signed[Transfer]:
        made = self.world.transfer(payer, [token], payee.key.public, amount, PURPOSE)
        archive = self.objects.transfers
        with self.storage.unit.transaction():
            archive.add(made, "customer:a", NOW)
            archive.set_owner(made.id, payer.key.public)
            archive.add_copy(made, payer.key.public)
            if stage == "valid":
                self.objects.tokens.add(self.world.outputs(made, [token], payer), settled=False)
                archive.set_signer(made.id, payer.certificate)
                archive.mark_valid(made.id)
        return made

    @property
    def ids(self) -> list[bytes]:
        return [transfer.id for transfer in self.transfers]

    def said(self, *consumers: Signed[Transfer], of: Sequence[TokenRef] = ()) -> list[Signed[Consumption]]:
        """What the notary says: each was the first to consume its inputs, or what ``of`` names."""
        bodies = (
            Consumption(one.id, "alatau", NOW, tuple(sorted(of)) or one.body.inputs) for one in consumers
        )
        return [cose.sign(body, self.world.notary.sign) for body in bodies]

    def verdict(
        self, transfer: Signed[Transfer], *values: int, code: Code | None = None, time: int = NOW
    ) -> Signed[Settlement]:
        """Settled with these values, or refused by a code."""
        body = Settlement(
            bank="alatau",
            transfer=transfer.id,
            verdict=Verdict.SETTLED if code is None else Verdict.REFUSED,
            values=values,
            code=code,
            time=time,
        )
        return cose.sign(body, self.world.bank_key("alatau").sign)
