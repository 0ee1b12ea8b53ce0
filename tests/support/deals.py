"""Payments with everything around them: who paid whom, for which request, with which tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tests.support.world import Person, World
from wallet.protocol.acceptance import PayeeView, check_acceptance
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.limits import Commitments
from wallet.protocol.payment import Payment
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token, Verified, issued_tokens, verify

AMOUNT = 1_250_050
FACE = 2_000_000


def untouched(body: Transfer) -> Transfer:
    return body


@dataclass(frozen=True)
class Deal:
    """A payment to the payee of ``request``; ``policy`` and ``now`` are the payee's."""

    world: World
    payer: Person
    payee: Person
    request: Signed[Request]
    payment: Payment

    def verified(self) -> Verified:
        return verify(self.payment.encode(), self.world.directory())

    def view(self, **changes: object) -> PayeeView:
        usual = PayeeView(self.request, self.world.policy(), self.world.now, Commitments(), lambda ref: None)
        return replace(usual, **changes)  # type: ignore[arg-type]

    def accept(self, **changes: object) -> None:
        """Validity, then acceptance by a payee with these changes to the usual view."""
        check_acceptance(self.verified(), self.view(**changes))

    def with_payment(self, **changes: object) -> Deal:
        return replace(self, payment=replace(self.payment, **changes))  # type: ignore[arg-type]


def deal(
    world: World | None = None,
    *,
    payer: Person | None = None,
    payee: Person | None = None,
    issuances: Sequence[Signed[Issuance]] | None = None,
    amount: int = AMOUNT,
    certificates: Sequence[Signed[Certificate]] | None = None,
    request: Callable[[Request], Request] | None = None,
    edit: Callable[[Transfer], Transfer] = untouched,
    **asked: object,
) -> Deal:
    """Aigul pays Baurzhan from one issued token (or the first of each of ``issuances``).

    ``asked`` changes the request, ``edit`` the transfer before it is signed.
    """
    world = world or World()
    payer = payer or world.person("Aigul")
    payee = payee or world.person("Baurzhan", bank="zhibek")
    issuances = issuances or (world.issue(payer, FACE),)
    tokens = [issued_tokens(issuance)[0] for issuance in issuances]
    wanted = world.request(payee, **{"amount": amount, **asked})  # type: ignore[arg-type]
    transfer = world.transfer(payer, tokens, payee.key.public, amount, request_ref(wanted), edit=edit)
    payment = Payment(1, (transfer,), tuple(issuances), tuple(certificates or (payer.certificate,)))
    return Deal(world, payer, payee, wanted, payment)


@dataclass(frozen=True)
class Chain:
    """Money handed on: ``people[n]`` paid ``people[n + 1]``; ``tokens[n]`` is what came of the n-th transfer."""

    world: World
    people: tuple[Person, ...]
    issuance: Signed[Issuance]
    requests: tuple[Signed[Request], ...]
    transfers: tuple[Signed[Transfer], ...]
    tokens: tuple[Token, ...]

    @property
    def payment(self) -> Payment:
        payers = self.people[: len(self.transfers)]
        return Payment(1, self.transfers, (self.issuance,), tuple(person.certificate for person in payers))

    def deal(self) -> Deal:
        hops = len(self.transfers)
        return Deal(self.world, self.people[hops - 1], self.people[hops], self.requests[-1], self.payment)


def chain(hops: int, world: World | None = None, *, amount: int = AMOUNT, face: int = FACE) -> Chain:
    """A token of ``face`` handed on ``hops`` times, each time with some change."""
    world = world or World()
    people = tuple(world.person(f"person {n}", bank=world.banks[n % 2]) for n in range(hops + 1))
    issuance = world.issue(people[0], face, 500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000)
    tokens = [issued_tokens(issuance)[0]]
    requests, transfers = [], []
    for hop, (payer, payee) in enumerate(pairwise(people)):
        request = world.request(payee, amount - hop)
        transfer = world.transfer(payer, [tokens[-1]], payee.key.public, amount - hop, request_ref(request))
        requests.append(request)
        transfers.append(transfer)
        tokens.append(world.outputs(transfer, [tokens[-1]], payer)[0])
    return Chain(world, people, issuance, tuple(requests), tuple(transfers), tuple(tokens))


def refusal_of(action: Callable[[], object]) -> Code:
    """The code that ``action`` is refused with; it is an error if it is not refused."""
    try:
        action()
    except Refusal as refusal:
        return refusal.code
    raise AssertionError("nothing was refused")
