"""Throwaway parts in memory: keys, a central bank and a bank, people, and money handed on among them.

Nothing here verifies: what it makes is first seen by whoever is measured. Its keys are forgotten with the process.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from wallet.protocol import cose
from wallet.protocol.bounds import DAY, FUNDING_ID_BYTES, NONCE_BYTES, WALLET_ID_BYTES
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, Directory, DirectoryBody, KeyEntry, roles_of
from wallet.protocol.issuance import CURRENCY, Issuance
from wallet.protocol.keys import p256
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyHead, PolicyUpdate
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import TokenRef, Transfer

BANK: Final = "bench"
AMOUNTS: Final = (2_000_000, 500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000)
"""Tiyn: eight tokens, as a wallet's funding has them. The first is the one handed on."""
LIMITS: Final = Limits(balance=10**12, payment=10**12, total=10**12, hops=15, days=30)
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class SoftKey:
    """A P-256 key in memory, which signs as a keystore does."""

    def __init__(self, secret: int | None = None) -> None:
        """The key of that secret; a new one where none is given."""
        curve = ec.SECP256R1()
        made = ec.generate_private_key(curve) if secret is None else ec.derive_private_key(secret, curve)
        self._private = made
        self.public: bytes = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )

    @property
    def secret(self) -> int:
        """By which it can be made again, where what it signed is kept for another run."""
        return self._private.private_numbers().private_value

    def sign(self, message: bytes) -> bytes:
        """64 bytes r ‖ s with low s over a message."""
        r, s = decode_dss_signature(self._private.sign(message, _ECDSA))
        return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")


@dataclass(slots=True)
class Person:
    """A wallet's key and certificate, and what it has signed so far."""

    key: SoftKey
    certificate: Signed[Certificate]
    sequence: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """One token handed on: who signed which transfer, and the request that each answers."""

    issuance: Signed[Issuance]
    payers: tuple[Person, ...]
    transfers: tuple[Signed[Transfer], ...]
    requests: tuple[Signed[Request], ...]

    @property
    def payment(self) -> Payment:
        """What the last payer hands over: each certificate once."""
        certificates = {person.certificate.id: person.certificate for person in self.payers}
        return Payment(1, self.transfers, (self.issuance,), tuple(certificates.values()))


def hand_on(issuance: Signed[Issuance], hands: Sequence[Person], amount: int, output: int = 0) -> Chain:
    """A token of ``issuance``, the first where no ``output`` is named, from the first of ``hands`` to the second, and
    so on to the last.

    ``amount`` (tiyn) is paid first, one tiyn less each time, so that every later payer keeps some change.
    """
    token = TokenRef(issuance.id, output)
    held, moment = issuance.body.amounts[output], issuance.body.issued
    transfers: list[Signed[Transfer]] = []
    requests: list[Signed[Request]] = []
    for hop, (payer, payee) in enumerate(pairwise(hands)):
        paid = amount - hop
        request = ask(payee, paid, moment)
        payer.sequence += 1
        payer.total += paid
        ref, number, total = request_ref(request), payer.sequence, payer.total
        body = Transfer(
            inputs=(token,),
            payee=payee.key.public,
            amount=paid,
            change=held - paid,
            purpose=ref,
            sequence=number,
            total=total,
            time=moment,
        )
        transfers.append(cose.sign(body, payer.key.sign))
        requests.append(request)
        token, held = TokenRef(transfers[-1].id, 0), paid
    return Chain(issuance, tuple(hands[:-1]), tuple(transfers), tuple(requests))


def hand_over(issuance: Signed[Issuance], hands: Sequence[Person], request: Signed[Request]) -> Payment:
    """The first token of ``issuance`` through all ``hands``, the last of whom answers anybody's ``request`` with it.

    The token is worth what is asked and one tiyn for each of ``hands``, which all keep theirs as change.
    """
    paid = request.body.amount
    chain = hand_on(issuance, hands, paid + len(hands) - 1)
    payer, moment = hands[-1], issuance.body.issued
    payer.sequence += 1
    payer.total += paid
    token = TokenRef(chain.transfers[-1].id if chain.transfers else issuance.id, 0)
    number, total = payer.sequence, payer.total
    body = Transfer(
        inputs=(token,),
        payee=request.body.key,
        amount=paid,
        change=1,
        purpose=request_ref(request),
        sequence=number,
        total=total,
        time=moment,
    )
    last = cose.sign(body, payer.key.sign)
    return Payment(1, (*chain.transfers, last), (issuance,), tuple(person.certificate for person in hands))


def ask(payee: Person, amount: int, now: int) -> Signed[Request]:
    """A request of ``amount`` tiyn that is good for an hour."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = Request(
        payee=payee.certificate,
        currency=CURRENCY,
        amount=amount,
        is_open=False,
        nonce=nonce,
        memo="",
        expires=now + 3_600,
        policy=0,
    )
    return cose.sign(body, payee.key.sign)


@dataclass(frozen=True, slots=True)
class Authorities:
    """A central bank and one bank, all their keys in memory."""

    now: int = field(default_factory=lambda: int(time.time()))
    root: SoftKey = field(default_factory=SoftKey)
    issuing: SoftKey = field(default_factory=SoftKey)
    policy: SoftKey = field(default_factory=SoftKey)
    notary: SoftKey = field(default_factory=SoftKey)
    redemption: SoftKey = field(default_factory=SoftKey)
    bank: SoftKey = field(default_factory=SoftKey)

    def signed_directory(self) -> bytes:
        roles = (self.issuing, self.policy, self.notary, self.redemption)
        since = self.now - DAY
        body = DirectoryBody(
            1,
            since,
            (Bank(BANK, BANK, (KeyEntry(p256(self.bank.public), since),)),),
            roles_of((KeyEntry(p256(key.public), since),) for key in roles),
        )
        return cose.sign(body, self.root.sign).encode()

    def directory(self) -> Directory:
        """Read from its bytes, as a wallet does: the keys in it are then known."""
        return Directory.open(self.signed_directory(), self.root.public)

    def first_policy(self) -> PolicyUpdate:
        head = PolicyHead(0, self.now, LIMITS, 30 * DAY)
        return PolicyUpdate(cose.sign(head, self.policy.sign), ())

    def certify(self, key: bytes, total: int = 0) -> Signed[Certificate]:
        """A person's certificate for ``key``, under a wallet id of its own."""
        body = Certificate(
            bank=BANK,
            wallet=secrets.token_bytes(WALLET_ID_BYTES),
            key=key,
            issued=self.now,
            expires=self.now + 60 * DAY,
            kind=WalletKind.PERSON,
            limits=LIMITS,
            total=total,
        )
        return cose.sign(body, self.bank.sign)

    def person(self) -> Person:
        key = SoftKey()
        return Person(key, self.certify(key.public))

    def issue(
        self, owner: bytes, amounts: Sequence[int] = AMOUNTS, funding: bytes | None = None
    ) -> Signed[Issuance]:
        """Tokens at hop 0; ``funding`` is the id to answer, if somebody asked."""
        identifier = funding or secrets.token_bytes(FUNDING_ID_BYTES)
        body = Issuance(
            funding=identifier,
            owner=owner,
            currency=CURRENCY,
            amounts=tuple(amounts),
            mark=None,
            issued=self.now,
            expires=self.now + 90 * DAY,
        )
        return cose.sign(body, self.issuing.sign)

    def chain(self, hands: Sequence[Person], amount: int = 1_250_050) -> Chain:
        """A fresh token handed on through all ``hands``."""
        return hand_on(self.issue(hands[0].key.public), hands, amount)

    def payment_to(self, request: Signed[Request], hops: int) -> Payment:
        """A payment of the ``hops``-th hop that answers anybody's ``request``, by people never seen before."""
        hands = self.people(hops)
        return hand_over(self.issue(hands[0].key.public, (request.body.amount + hops,)), hands, request)

    def people(self, count: int) -> tuple[Person, ...]:
        return tuple(self.person() for _ in range(count))
