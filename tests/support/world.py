"""A small world of signed objects: a central bank, banks and people with keys in memory, and payments among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hsm.memory import MemoryKeystore
from ledger_sync.possession import Possession, possession_message
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.directory import Bank, Directory, DirectoryBody, KeyEntry, roles_of
from wallet.protocol.issuance import CURRENCY, Issuance
from wallet.protocol.keys import p256
from wallet.protocol.payment import Payment
from wallet.protocol.policy import Policy, PolicyDelta, PolicyHead, first_policy
from wallet.protocol.request import Request, request_ref
from wallet.protocol.transfer import Purpose, TokenRef, Transfer
from wallet.protocol.validity import Token, check_transfer, issued_tokens

NOW = 1_800_000_000
DAY = 86_400
CENTRAL_BANK, NOTARY, OPERATOR = "central-bank", "notary", "operator"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LIMITS = Limits(50_000_000, 20_000_000, 100_000_000, 15, 30)


@dataclass(frozen=True)
class Key:
    """A P-256 key derived from a name, so that every run has the same world."""

    name: str
    private: ec.EllipticCurvePrivateKey
    public: bytes

    @classmethod
    def of(cls, name: str) -> Key:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % (ORDER - 1) + 1
        private = ec.derive_private_key(seed, ec.SECP256R1())
        public = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        return cls(name, private, public)

    def sign(self, message: bytes) -> bytes:
        """Deterministic (RFC 6979) and low-s, so that vectors can be frozen."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self.private.sign(message, algorithm))
        s = min(s, ORDER - s)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass
class Person:
    """A wallet's key and certificate, and what it has paid so far."""

    key: Key
    certificate: cose.Signed[Certificate]
    sequence: int = 0
    total: int = 0

    def possession(self, bank: str = "") -> Possession:
        """What the bank of the certificate shows; or what was signed for another ``bank``."""
        device = Key.of(f"device of {self.key.name}").public
        proof = self.key.sign(possession_message(bank or self.certificate.body.bank, device))
        return Possession(self.certificate, device, proof)


@dataclass
class World:
    """Keys of every role, and builders for every object; ``now`` is moved by the test."""

    now: int = NOW
    wrong: dict[str, int] = field(default_factory=dict)
    """Seconds by which the clock of "central bank", "notary" or "bank" is ahead of ``now``."""
    root: Key = field(default_factory=lambda: Key.of("root"))
    issuing: Key = field(default_factory=lambda: Key.of("issuing"))
    policy_key: Key = field(default_factory=lambda: Key.of("policy"))
    notary: Key = field(default_factory=lambda: Key.of("notary"))
    redemption: Key = field(default_factory=lambda: Key.of("redemption"))
    banks: tuple[str, ...] = ("alatau", "zhibek")

    def clock_of(self, role: str) -> int:
        return self.now + self.wrong.get(role, 0)

    def bank_key(self, bank: str) -> Key:
        return Key.of(f"bank {bank}")

    def keystores(self) -> dict[str, MemoryKeystore]:
        """Of the services, with the keys by which this world signs."""
        central_bank = {
            "root": self.root,
            "issuing": self.issuing,
            "policy": self.policy_key,
            "redemption": self.redemption,
        }
        banks = {bank: keystore_of({"bank": self.bank_key(bank)}) for bank in self.banks}
        return {
            CENTRAL_BANK: keystore_of(central_bank),
            NOTARY: keystore_of({"notary": self.notary}),
            OPERATOR: keystore_of({"operator": Key.of("operator")}),
            **banks,
        }

    def signed_directory(self) -> cose.Signed[DirectoryBody]:
        since = NOW - 365 * DAY
        roles = (self.issuing, self.policy_key, self.notary, self.redemption)
        body = DirectoryBody(
            1,
            since,
            tuple(
                Bank(b, b.title() + " Bank", (KeyEntry(p256(self.bank_key(b).public), since),))
                for b in self.banks
            ),
            roles_of((KeyEntry(p256(key.public), since),) for key in roles),
        )
        return cose.sign(body, self.root.sign)

    def directory(self) -> Directory:
        return Directory.of(self.signed_directory(), self.root.public)

    def head(self, version: int = 0, limits: Limits = LIMITS) -> cose.Signed[PolicyHead]:
        time = max(self.clock_of("central bank"), self.directory().time)
        return cose.sign(PolicyHead(version, time, limits, 30 * DAY), self.policy_key.sign)

    def policy(self, *deltas: cose.Signed[PolicyDelta], limits: Limits = LIMITS) -> Policy:
        return first_policy(self.directory(), self.head(len(deltas), limits), deltas)

    def person(self, name: str, /, bank: str = "alatau", **changes: object) -> Person:
        key = Key.of(name)
        wallet = hashlib.sha256(b"wallet " + name.encode()).digest()[:16]
        values: dict[str, object] = dict(
            bank=bank,
            wallet=wallet,
            key=key.public,
            issued=self.now - DAY,
            expires=self.now + 60 * DAY,
            kind=WalletKind.PERSON,
            limits=LIMITS,
            total=0,
        )
        body = Certificate(**{**values, **changes})  # type: ignore[arg-type]
        return Person(key, cose.sign(body, self.bank_key(bank).sign))

    def issue(self, owner: Person, *amounts: int, **changes: object) -> cose.Signed[Issuance]:
        funding = hashlib.sha256(repr((owner.key.name, amounts)).encode()).digest()[:16]
        values: dict[str, object] = dict(
            funding=funding,
            owner=owner.key.public,
            currency=CURRENCY,
            amounts=amounts,
            mark=None,
            issued=self.now,
            expires=self.now + 90 * DAY,
        )
        body = Issuance(**{**values, **changes})  # type: ignore[arg-type]
        return cose.sign(body, self.issuing.sign)

    def request(self, payee: Person, amount: int, **changes: object) -> cose.Signed[Request]:
        values: dict[str, object] = dict(
            payee=payee.certificate,
            currency=CURRENCY,
            amount=amount,
            is_open=False,
            nonce=hashlib.sha256(repr((payee.key.name, amount)).encode()).digest()[:16],
            memo="",
            expires=self.now + 3600,
            policy=0,
        )
        body = Request(**{**values, **changes})  # type: ignore[arg-type]
        return cose.sign(body, payee.key.sign)

    def transfer(
        self,
        payer: Person,
        inputs: Sequence[Token],
        payee: bytes,
        amount: int,
        purpose: Purpose,
        *,
        edit: Callable[[Transfer], Transfer] = lambda body: body,
    ) -> cose.Signed[Transfer]:
        """Signed by the payer's key, with the rest as change; ``edit`` alters the body before it is signed."""
        payer.sequence += 1
        if isinstance(purpose, bytes):
            payer.total += amount
        body = Transfer(
            inputs=tuple(sorted(token.ref for token in inputs)),
            payee=payee,
            amount=amount,
            change=sum(token.amount for token in inputs) - amount,
            purpose=purpose,
            sequence=payer.sequence,
            total=payer.total,
            time=max(self.now, *(token.made for token in inputs)),
        )
        return cose.sign(edit(body), payer.key.sign)

    def outputs(
        self, transfer: cose.Signed[Transfer], inputs: Iterable[Token], payer: Person
    ) -> tuple[Token, ...]:
        by_ref = {token.ref: token for token in inputs}
        ordered = [by_ref[ref] for ref in transfer.body.inputs]
        return check_transfer(transfer, ordered, payer.certificate.body, self.directory())

    def chain(self, hops: int, amount: int = 1_250_050, face: int = 2_000_000) -> Payment:
        """One issued token of ``face`` handed on ``hops`` times, ``amount`` then a little less each time."""
        people = [self.person(f"person {n}") for n in range(hops + 1)]
        issuance = self.issue(people[0], face, 500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000)
        token = issued_tokens(issuance)[0]
        transfers: list[cose.Signed[Transfer]] = []
        for hop in range(hops):
            payer, payee = people[hop], people[hop + 1]
            request = self.request(payee, amount - hop)
            made = self.transfer(payer, [token], payee.key.public, amount - hop, request_ref(request))
            transfers.append(made)
            token = self.outputs(made, [token], payer)[0]
        return Payment(
            1, tuple(transfers), (issuance,), tuple(person.certificate for person in people[:hops])
        )


def keystore_of(keys: Mapping[str, Key]) -> MemoryKeystore:
    """A keystore in memory that holds these keys by their aliases; what is made later is another key each time."""
    seeds = [key.private.private_numbers().private_value - 1 for key in keys.values()]
    names = "later keys of " + ", ".join(keys)

    def seed(size: int) -> bytes:
        later = int.from_bytes(hashlib.sha256(f"{names} {len(keystore.aliases())}".encode()).digest(), "big")
        return (seeds.pop(0) if seeds else later).to_bytes(size, "big")

    keystore = MemoryKeystore(seed, pin="")
    for alias, key in keys.items():
        assert keystore.create_key(alias) == key.public
    return keystore


def token_ref(transfer: cose.Signed[Transfer], output: int = 0) -> TokenRef:
    return TokenRef(transfer.id, output)
