"""Several wallets in one process, purses and keys in memory, certified and funded by a World without any service."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from hsm.memory import MemoryKeystore
from tests.support.small_ledger import SmallLedger
from tests.support.world import DAY, LIMITS, World
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY, Issuance
from wallet.protocol.policy import PolicyDelta, PolicyUpdate, Reason
from wallet.purse.receive.receiving import Received
from wallet.purse.store.memory import MemoryHome
from wallet.purse.sync.fundings import Funding
from wallet.wallet import Wallet


class Chance:
    """Random bytes that every run gives alike."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed} {self._count}".encode()).digest(size)


@dataclass
class WalletNetwork:
    """A World and the wallets in it; ``world.now`` is everyone's clock unless ``ahead`` says otherwise. ``folder`` has
    the purses where they are to be ``on_disk``."""

    folder: Path
    world: World = field(default_factory=World)
    limits: Limits = LIMITS
    ledger: SmallLedger = field(init=False)
    deltas: list[Signed[PolicyDelta]] = field(default_factory=list)
    on_disk: bool = False
    keystores: dict[str, MemoryKeystore] = field(default_factory=dict)
    homes: dict[str, MemoryHome] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)
    ahead: dict[str, int] = field(default_factory=dict)
    last_head: int = 0
    _issued: int = 0

    def __post_init__(self) -> None:
        self.ledger = SmallLedger(self.world)

    def open(self, name: str) -> Wallet:
        """The wallet of ``name``, made or opened again; not certified yet if it is new."""
        if name in self.wallets:
            self.wallets.pop(name).close()
        self._issued += 1
        keystore = self.keystores.setdefault(name, MemoryKeystore(Chance(f"keys of {name}"), pin="1234"))
        wallet = Wallet.open(
            self.folder / name if self.on_disk else self.homes.setdefault(name, MemoryHome()),
            keystore,
            lambda: self.world.now + self.ahead.get(name, 0),
            Chance(f"{name} {self._issued}"),
        )
        self.wallets[name] = wallet
        return wallet

    def wallet(self, name: str, /, *amounts: int, bank: str = "alatau", **changes: object) -> Wallet:
        """A certified wallet, funded with tokens of exactly these amounts."""
        wallet = self.open(name)
        wallet.reconciling.take_root(self.world.root.public, self.world.signed_directory().encode())
        wallet.reconciling.take_policy(None, self.update())
        self.certify(name, bank=bank, **changes)
        if amounts:
            self.fund_exactly(name, *amounts)
        return wallet

    def merchant(self, name: str, *amounts: int, bank: str = "alatau", **changes: object) -> Wallet:
        values = dict(kind=WalletKind.MERCHANT, category=5411, name=name.title())
        return self.wallet(name, *amounts, bank=bank, **{**values, **changes})

    def certify(self, name: str, /, bank: str = "alatau", **changes: object) -> Signed[Certificate]:
        """A new epoch: a certificate for the key that the wallet offers."""
        wallet = self.wallets[name]
        epoch = wallet.reconciling.begin_epoch()
        values: dict[str, object] = dict(
            bank=bank,
            wallet=hashlib.sha256(epoch.key + self.world.now.to_bytes(8, "big")).digest()[:16],
            key=epoch.key,
            issued=self.world.clock_of("bank"),
            expires=self.world.clock_of("bank") + 60 * DAY,
            kind=WalletKind.PERSON,
            limits=self.limits,
            total=epoch.total,
        )
        body = Certificate(**{**values, **changes})  # type: ignore[arg-type]
        certificate = cose.sign(body, self.world.bank_key(bank).sign)
        wallet.reconciling.install_certificate(certificate)
        return certificate

    def issue(self, funding: Funding) -> Signed[Issuance]:
        now = self.world.clock_of("central bank")
        body = Issuance(
            funding=funding.id,
            owner=funding.owner,
            currency=CURRENCY,
            amounts=funding.amounts,
            mark=None,
            issued=now,
            expires=now + 90 * DAY,
        )
        issuance = cose.sign(body, self.world.issuing.sign)
        self.ledger.know(issuance)
        return issuance

    def fund(self, name: str, amount: int) -> None:
        """By the wallet's own denominations."""
        reconciling = self.wallets[name].reconciling
        reconciling.fundings.complete(self.issue(reconciling.fundings.begin(amount)))

    def fund_exactly(self, name: str, *amounts: int) -> None:
        """Tokens of these amounts, as if the wallet had asked for them."""
        wallet = self.wallets[name]
        funding = replace(wallet.reconciling.fundings.begin(sum(amounts)), amounts=amounts)
        store = wallet._purse.store
        with store.transaction():
            sql = "UPDATE funding SET amounts = ? WHERE id = ?"
            store.write(sql, codec.encode(list(amounts)), funding.id)
        wallet.reconciling.fundings.complete(self.issue(funding))

    def update(self, since: int = 0) -> PolicyUpdate:
        """As the central bank gives it: a head that it had dated ahead is followed by a newer version."""
        time = max(self.world.clock_of("central bank"), self.world.directory().time)
        if time < self.last_head - 300:
            self.deltas.append(
                cose.sign(PolicyDelta(len(self.deltas) + 1, time, (), (), ()), self.world.policy_key.sign)
            )
        self.last_head = time
        return PolicyUpdate(self.world.head(len(self.deltas), self.limits), tuple(self.deltas[since:]))

    def revoke(self, revocation_id: bytes, reason: Reason) -> None:
        """A new policy version that revokes; nobody knows it yet."""
        body = PolicyDelta(len(self.deltas) + 1, self.world.now, ((revocation_id, reason),), (), ())
        self.deltas.append(cose.sign(body, self.world.policy_key.sign))

    def learn_policy(self, name: str) -> None:
        reconciling = self.wallets[name].reconciling
        reconciling.take_policy(None, self.update(reconciling.policy_version))

    def id_of(self, name: str) -> bytes:
        """The wallet id of its current certificate."""
        return self.certificate_of(name).wallet

    def revocation_id_of(self, name: str) -> bytes:
        """What a policy lists it by."""
        return self.certificate_of(name).revocation_id

    def certificate_of(self, name: str) -> Certificate:
        certificate = self.wallets[name]._purse.epochs.current()
        assert certificate is not None
        return certificate.body

    def pay(self, payer: str, payee: str, amount: int) -> Received:
        """A whole payment, its receipt given back."""
        request = self.wallets[payee].receiving.request(amount)
        paying = self.wallets[payer].paying
        payment = paying.reserve(request)
        raw = paying.sign(payment)
        paying.shown(payment)
        received = self.wallets[payee].receiving.receive(raw, request)
        paying.acknowledge(payment, received.receipt)
        return received

    def reconcile(self, name: str, *, anew: bool = False, refresh: bool = False) -> None:
        """Everything that the online client does, against the small ledger."""
        reconciling = self.wallets[name].reconciling
        self.learn_policy(name)
        self.upload(name)
        keys = self.wallets[name]._purse.epochs.own()
        reconciling.deliver(*self.ledger.deliver(keys))
        self.upload(name)
        if anew:
            self.certify(name)
        if refresh:
            reconciling.exchanging.begin_refresh()
            self.upload(name)

    def upload(self, name: str, limit: int = 100) -> None:
        """Until nothing is left; what waits is asked for once."""
        reconciling = self.wallets[name].reconciling
        waiting: set[bytes] = set()
        while (bundle := reconciling.uploads.next(limit, waiting)).transfers:
            rows = self.ledger.upload(bundle)
            reconciling.answer(rows)
            waiting.update(row.transfer for row in rows if row.settlement is None)

    def put_back(self, name: str, purse: MemoryHome, *, was_killed: bool = False) -> Wallet:
        """A copy of the purse in its place, under the keystore of today; ``was_killed``: it was never closed."""
        before = self.wallets.pop(name)
        if not was_killed:
            before.close()
        self.homes[name] = purse
        return self.open(name)

    def lose(self, name: str) -> Wallet:
        """The purse is gone; the keystore is not. What the set-up of a wallet does, is done again."""
        wallet = self.put_back(name, MemoryHome())
        wallet.reconciling.take_root(self.world.root.public, self.world.signed_directory().encode())
        wallet.reconciling.take_policy(None, self.update())
        return wallet

    def close(self) -> None:
        for wallet in self.wallets.values():
            wallet.close()
