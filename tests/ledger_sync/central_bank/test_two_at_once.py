"""Two central banks over one store: what one does while the other signs, the other finds, and begins anew from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ledger_sync.central_bank.asking import Asking
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.directories import FIRST_ROOT, Genesis
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.ordering import Ordering
from ledger_sync.central_bank.peers import NotaryClient
from ledger_sync.central_bank.ports.books import MovementKind
from ledger_sync.central_bank.proving import Proof
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import POOL_SECONDS, Keys, Registry
from ledger_sync.central_bank.sql.policy import SqlPolicyLog
from ledger_sync.central_bank.sql.storage import SqlStorage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.database.store import Store
from ledger_sync.http.call import Signer
from ledger_sync.notaries import Notaries
from tests.ledger_sync.central_bank.backends import Backend
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.world import DAY, NOW, Key
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.parts import WHOLE
from wallet.protocol.policy import PolicyUpdate, Reason
from wallet.protocol.transfer import Refresh
from wallet.protocol.validity import issued_tokens

GRANT = 1_000
TERMS = Terms()


class Nobody:
    """A line on which nobody is reached."""

    def get(self, path: str) -> Cbor:
        raise Refusal(Code.UNREACHABLE)

    def post(self, path: str, value: Cbor) -> Cbor:
        raise Refusal(Code.UNREACHABLE)


class Between(SqlPolicyLog):
    """`meanwhile` is done once, when the newest version was read outside a transaction."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.meanwhile: list[Callable[[], object]] = []

    def newest(self) -> int:
        version = super().newest()
        while self.meanwhile and not self._store.in_transaction:
            self.meanwhile.pop()()
        return version


@dataclass
class Process:
    """One central bank's process; `meanwhile` is done once, when it signs next and has written nothing of that yet."""

    storage: SqlStorage
    ledger: Ledger
    now: int = NOW
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.ledger.world
        self.policy = self.storage.policy = Between(self.storage.store)
        keys = Keys(self._root, *map(self._signer, (world.issuing, world.policy_key, world.redemption)))
        banks = tuple((bank, bank, world.bank_key(bank).public) for bank in world.banks)
        founding = Genesis(banks, {WHOLE: world.notary.public}, NOW - 365 * DAY)
        self.registry = Registry(self.storage, keys, TERMS, founding, self.clock)
        self.issuing = Issuing(self.storage, keys.issuing, TERMS, self.clock)
        self.ordering = Ordering(self.storage, self.clock)
        asking = Asking(self.storage, {}, TERMS, self.clock)
        challenging = Challenging(self.storage, self.registry, asking, self.clock)
        notary = NotaryClient(Notaries.one(Nobody()), keys.redemption, self.clock)
        self.redeeming = Redeeming(
            self.storage, self.registry, self.issuing, notary, challenging, TERMS, self.clock
        )

    def clock(self) -> int:
        return self.now

    def _root(self, alias: str) -> Signer:
        return self._signer(self.ledger.world.root if alias == FIRST_ROOT else Key.of(alias))

    def _signer(self, key: Key) -> Signer:
        def sign(message: bytes) -> bytes:
            while self.meanwhile:
                self.meanwhile.pop()()
            return key.sign(message)

        return Signer(key.public, sign)

    def proof(self) -> Proof:
        return Proof.of(self.ledger.bundle(), self.ledger.statements, self.registry.directory)

    def update(self) -> PolicyUpdate:
        raw = codec.decode(self.registry.update_since(0).body, 2**20)
        return PolicyUpdate.from_cbor(raw, most=99)


Desks = tuple[Process, Process]


@pytest.fixture
def desks(backend: Backend) -> Iterator[Desks]:
    ledger = Ledger()
    first, second = (Process(backend.open(), ledger) for _ in range(2))
    first.ordering.order(MovementKind.ISSUE, bytes(16), "alatau", GRANT)
    yield first, second
    for process in (first, second):
        assert process.meanwhile == [], "something was signed"
        assert process.storage.books.is_sound()


def test_the_same_funding_is_carried_out_once(desks: Desks) -> None:
    one, other = desks
    owner = Key.of("owner").public
    other.now += 1
    made = []
    one.meanwhile.append(lambda: made.append(other.issuing.fund("alatau", b"f" * 16, owner, [300])))
    assert [one.issuing.fund("alatau", b"f" * 16, owner, [300])] == made
    assert one.storage.books.sums().outstanding == 300


def test_money_that_another_funding_took_is_short_and_stays_so(desks: Desks) -> None:
    one, other = desks
    owner = Key.of("owner").public
    one.meanwhile.append(lambda: other.issuing.fund("alatau", b"o" * 16, owner, [GRANT]))
    for process in desks:
        with pytest.raises(Refusal) as refused:
            process.issuing.fund("alatau", b"f" * 16, owner, [1])
        assert refused.value.code is Code.POSITION_SHORT
        other.ordering.order(MovementKind.ISSUE, b"m" * 16, "alatau", GRANT)
    assert one.storage.books.sums().outstanding == GRANT


def test_another_use_of_the_funding_meanwhile_is_a_mismatch(desks: Desks) -> None:
    one, other = desks
    owner = Key.of("owner").public
    one.meanwhile.append(lambda: other.issuing.fund("alatau", b"f" * 16, owner, [2]))
    with pytest.raises(Refusal) as refused:
        one.issuing.fund("alatau", b"f" * 16, owner, [1])
    assert refused.value.code is Code.FUNDING_MISMATCH


def test_the_same_redemption_gives_the_same_tokens(desks: Desks) -> None:
    one, other = desks
    ledger = one.ledger
    ann = ledger.person("ann")
    ledger.issuances.append(one.issuing.fund("alatau", b"f" * 16, ann.key.public, [300]))
    made = ledger.redeem(ann, issued_tokens(ledger.issuances[0]), Refresh(ann.key.public, (300,)))
    ledger.commit(made)
    txid, paid = made[0].ref.txid, []
    one.meanwhile.append(lambda: paid.append(other.redeeming.redeem("alatau", txid, other.proof(), None)))
    assert [one.redeeming.redeem("alatau", txid, one.proof(), None)] == paid
    assert paid[0].issuance is not None
    assert (paid[0].value, one.storage.books.sums().outstanding) == (300, 300)


def test_the_policy_has_every_version_once_and_every_revocation(desks: Desks) -> None:
    one, other = desks
    people = [one.ledger.person(name) for name in ("ann", "bob")]

    def revoke(process: Process, number: int) -> None:
        process.registry.revoke("alatau", [(people[number].possession(), Reason.LOST)], None)

    one.meanwhile.append(lambda: revoke(other, 1))
    revoke(one, 0)
    for process in desks:
        process.now += POOL_SECONDS
        process.registry.publish()
    updates = [process.update() for process in desks]
    assert updates[0].deltas == updates[1].deltas
    versions = [delta.body.version for delta in updates[0].deltas]
    assert versions == list(range(1, len(versions) + 1))
    listed = [name for delta in updates[0].deltas for name, _ in delta.body.revoked]
    assert sorted(listed) == sorted(person.certificate.body.revocation_id for person in people)


def test_a_bank_is_told_no_version_before_that_in_which_its_wallet_is(desks: Desks) -> None:
    """Where another lists it between two reads."""
    one, other = desks
    ann, bob = (one.ledger.person(name) for name in ("ann", "bob"))
    first = one.registry.revoke("alatau", [(ann.possession(), Reason.LOST)], None)
    one.policy.meanwhile.append(other.registry.publish)
    told = one.registry.revoke("alatau", [(bob.possession(), Reason.LOST)], None)
    other.registry.publish()
    listed = {name: delta.body.version for delta in other.update().deltas for name, _ in delta.body.revoked}
    assert (first, told) == tuple(listed[person.certificate.body.revocation_id] for person in (ann, bob))


def test_of_two_heads_of_one_version_and_moment_one_is_given(desks: Desks) -> None:
    one, other = desks
    given: list[PolicyUpdate] = []
    one.meanwhile.append(lambda: given.append(other.update()))
    assert one.update().head == given[0].head == other.update().head
    other.now += TERMS.head_age
    later = other.update().head
    assert later is not None
    assert later.body.time == other.now
    assert one.update().head == later, "whose clock is behind"
