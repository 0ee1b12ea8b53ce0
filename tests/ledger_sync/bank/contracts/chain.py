"""A chain of payments as a bank's archive has it, valid and not yet settled, and the notary's words about it."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_sync.bank.ports.customers import Admission, Customer
from ledger_sync.bank.ports.feed import What
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.transfers import New
from ledger_sync.bank.ports.wallets import Certified, Holder
from tests.support.world import NOW, Person, World
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Consumption, Settlement, Verdict
from wallet.protocol.transfer import Purpose, ToAccount, TokenRef, Transfer
from wallet.protocol.validity import Token, issued_tokens

PURPOSE = bytes(16)

DEVICE = b"\2" + bytes(32)
ACCOUNT = Customer("a" * 32, "Aigul", WalletKind.PERSON, 0)


def enter(storage: Storage) -> str:
    """A customer with a device; the account."""
    if storage.customers.get(ACCOUNT.id) is None:
        storage.accounts.open(ACCOUNT.id)
        storage.customers.add(ACCOUNT, 0, NOW)
        storage.customers.add_code("CODE", b"cause", ACCOUNT.id)
        assert storage.customers.admit(DEVICE, "CODE", NOW, 1) is Admission.ADMITTED
    return ACCOUNT.id


class Chain:
    """Payments of 700 of 1,000, each handed on whole, in the archive behind a storage."""

    def __init__(self, storage: Storage, length: int = 3, *, stage: str = "valid") -> None:
        """``stage``: "valid", or "waiting" where they were not judged."""
        self.world = World()
        self.objects = storage.archive
        self.people = [self.world.person(f"person {number}") for number in range(length + 1)]
        self.storage = storage
        self.issuance = self.world.issue(self.people[0], 1_000)
        self.keep(self.issuance)
        with storage.unit.transaction():
            for person in self.people:
                self.objects.certificates.add(person.certificate)
        self.transfers: list[Signed[Transfer]] = []
        self.tokens = list(issued_tokens(self.issuance))
        """What was issued, and what each payment paid."""
        for payer, payee in zip(self.people, self.people[1:], strict=False):
            token = self.tokens[-1]
            made = self.pay(payer, token, payee.key.public, min(700, token.amount), PURPOSE, stage)
            self.transfers.append(made)
            self.tokens.append(self.world.outputs(made, [token], payer)[0])

    def keep(self, issuance: Signed[Issuance]) -> None:
        """Have an issuance and its tokens."""
        with self.storage.unit.transaction():
            self.objects.issuances.add(issuance)
            self.objects.tokens.add(issued_tokens(issuance), settled=True)

    def pay(
        self, payer: Person, token: Token, payee: bytes, amount: int, purpose: Purpose, stage: str
    ) -> Signed[Transfer]:
        """A transfer of ``payer``, in the archive."""
        made = self.world.transfer(payer, [token], payee, amount, purpose)
        archive = self.objects.transfers
        with self.storage.unit.transaction():
            archive.add([New(made, payer.key.public, "customer:a")], NOW)
            archive.sign([(made, payer.key.public)])
            if stage == "valid":
                self.objects.tokens.add(self.world.outputs(made, [token], payer), settled=False)
                archive.make_valid([(made.id, payer.certificate)])
        return made

    def certify(self, certificate: Signed[Certificate]) -> None:
        """Have one more certificate."""
        self.objects.certificates.add(certificate)

    def uploaded(self, txid: bytes, uploader: str) -> None:
        """``uploader`` brought a transfer."""
        with self.storage.unit.transaction():
            self.objects.transfers.brought([(txid, uploader, False)])

    def listed(self, txid: bytes) -> str:
        """A transfer is listed for a customer; whose account it is."""
        account = enter(self.storage)
        assert self.storage.feed.append([(account, What.TRANSFER, txid)], 1) == 1
        return account

    def redeem(self, owner: Person, token: Token) -> Signed[Transfer]:
        """All of a token for the owner's account."""
        return self.pay(owner, token, self.world.redemption.public, token.amount, ToAccount(), "valid")

    def owned(self, amount: int) -> Token:
        """A token of a customer of the bank, which nobody has spent."""
        owner = self.world.person(f"customer {amount}")
        body = owner.certificate.body
        holder = Holder(enter(self.storage), DEVICE)
        with self.storage.unit.transaction():
            self.objects.certificates.add(owner.certificate)
            certified = Certified(
                body.wallet, body.key, holder, owner.certificate.id, body.issued, body.expires
            )
            assert self.storage.wallets.certify(certified, None)
        issuance = self.world.issue(owner, amount)
        self.keep(issuance)
        return issued_tokens(issuance)[0]

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
