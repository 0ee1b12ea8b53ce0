"""A world with a notary's word in it: transfers among people, and who was first to consume each token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.support.world import Person, World
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.request import request_ref
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import Redemption, TokenRef, Transfer
from wallet.protocol.validity import Token, issued_tokens


@dataclass
class Ledger:
    """Builds a graph of payments and keeps what the notary decided, first come first served."""

    world: World = field(default_factory=World)
    transfers: dict[bytes, Signed[Transfer]] = field(default_factory=dict)
    issuances: list[Signed[Issuance]] = field(default_factory=list)
    certificates: dict[bytes, Signed[Certificate]] = field(default_factory=dict)
    statements: list[Signed[Consumption]] = field(default_factory=list)
    winners: dict[TokenRef, bytes] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    signers: dict[bytes, Person] = field(default_factory=dict)
    """By transfer."""

    def person(self, name: str, bank: str = "alatau", **changes: object) -> Person:
        if name not in self.people:
            self.people[name] = self.world.person(name, bank, **changes)
            self.certificates[self.people[name].certificate.id] = self.people[name].certificate
        return self.people[name]

    def issue(self, owner: Person, *amounts: int, **changes: object) -> tuple[Token, ...]:
        issuance = self.world.issue(owner, *amounts, **changes)
        self.issuances.append(issuance)
        return issued_tokens(issuance)

    def pay(self, payer: Person, inputs: Sequence[Token], payee: Person, amount: int) -> list[Token]:
        """Signed, not committed; gives the outputs, payee's first."""
        request = self.world.request(payee, amount, nonce=None)
        made = self.world.transfer(payer, inputs, payee.key.public, amount, request_ref(request))
        return self._keep(made, inputs, payer)

    def redeem(self, payer: Person, inputs: Sequence[Token], purpose: Redemption) -> list[Token]:
        total = sum(token.amount for token in inputs)
        made = self.world.transfer(payer, inputs, self.world.redemption.public, total, purpose)
        return self._keep(made, inputs, payer)

    def _keep(self, made: Signed[Transfer], inputs: Sequence[Token], payer: Person) -> list[Token]:
        self.transfers[made.id] = made
        self.signers[made.id] = payer
        return list(self.world.outputs(made, inputs, payer))

    def commit(self, *made: Sequence[Token], bank: str = "alatau") -> None:
        """The notary decides the transfers that made these outputs, in this order."""
        for outputs in made:
            transfer = self.transfers[outputs[0].ref.txid]
            free = tuple(ref for ref in transfer.body.inputs if ref not in self.winners)
            self.consume(transfer.id, free, bank)

    def consume(self, consumer: bytes, refs: Iterable[TokenRef], bank: str = "alatau") -> None:
        free = tuple(refs)
        if free:
            body = Consumption(consumer, bank, self.world.now, free)
            self.statements.append(cose.sign(body, self.world.notary.sign))
            self.winners.update(dict.fromkeys(free, consumer))

    def bundle(self) -> Bundle:
        """All there is."""
        return Bundle(
            tuple(self.transfers.values()), tuple(self.issuances), tuple(self.certificates.values())
        )
