"""Deltas have an end: tables of them stay bounded, and everybody gets to the newest policy, from wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.central_bank.key_changes import OF_BANK, KeyChanges, NewKey
from ledger_sync.central_bank.ports.policy import Revocation
from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.client.bank import BankClient
from ledger_sync.client.timing import take_policy
from ledger_sync.http.peers import RemoteRefusal
from ledger_sync.service.delta_log import DeltaSizes
from ledger_sync.service.policy_cache import PolicyCache
from tests.ledger_sync.central_bank.policies import update
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.trust import trust_in
from tests.support.wallets import WalletNetwork
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_DELTAS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed, parse
from wallet.protocol.policy import (
    NO_HEAD,
    Baseline,
    Policy,
    PolicyBase,
    PolicyDelta,
    PolicyHead,
    PolicyUpdate,
    Reason,
    digest_of,
)
from wallet.purse.store.authority import Authority
from wallet.purse.store.policy_book import PolicyBook
from wallet.wallet import Wallet

SIZES, KEPT_BY_PURSE = DeltaSizes(answer=32), 40
"""Much less than outside of tests."""
MANY = SIZES.answer + 3 * SIZES.between_bases + 10
"""Deltas, so that some are kept no longer."""
NEW_KEYS = frozenset({7, 45, MANY - 5})
"""The deltas in which a bank's key is followed by another."""


class Chain:
    """A central bank with many deltas behind it, and all that it ever signed of them."""

    def __init__(self, rig: CentralBankRig) -> None:
        self.rig = rig
        policy = rig.storage.policy
        for version in range(1, MANY + 1):
            rig.now += POOL_SECONDS
            if version in NEW_KEYS:
                key = Key.of(f"alatau, from {version}").public
                rig.registry.change_key(NewKey(OF_BANK, "alatau", key, rig.now + 60, 60))
            else:
                name, leaves = version.to_bytes(16, "big"), rig.now + 100 * POOL_SECONDS
                policy.revoke(Revocation(name, "alatau", bytes(33), Reason.LOST, rig.now, leaves))
                rig.registry.publish()
        raws = policy.deltas(0, MANY, MANY)
        self.deltas = [parse(PolicyDelta, raw) for raw in raws]
        self.policies = [Policy(rig.registry.signed_alone, 0, NO_HEAD)]
        for delta in self.deltas:
            self.policies.append(self.policies[-1].apply(PolicyUpdate(None, (delta,))))
        while rig.storage.policy.deltas(0, MANY, 1):
            rig.registry.drop_old()

    def base(self, version: int) -> Baseline:
        """As the central bank would have signed it at this version."""
        held, made = self.policies[version], self.deltas[:version]
        listed = tuple(sorted(held.revoked.items()))
        changes = tuple(change for delta in made for change in delta.body.changes)
        body = PolicyBase(version, made[-1].body.time, changes, digest_of(listed))
        return Baseline(cose.sign(body, self.rig.ledger.world.policy_key.sign), listed)

    def update(self, since: int, version: int) -> PolicyUpdate:
        """What took a wallet from one version to another, when that was the newest."""
        time = self.policies[version].time
        head = PolicyHead(version, time, self.rig.terms.limits, self.rig.terms.grace)
        signed = cose.sign(head, self.rig.ledger.world.policy_key.sign)
        return PolicyUpdate(signed, tuple(self.deltas[since:version]))

    def is_held_by(self, authority: Authority) -> bool:
        """Whether this policy is what all deltas up to its version have come to."""
        return authority.version == 0 or self.is_true(authority.policy)

    def is_true(self, held: Policy) -> bool:
        true = self.policies[held.version]
        return (held.revoked, held.directory.banks) == (true.revoked, true.directory.banks)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    rig = CentralBankRig(tmp_path_factory.mktemp("central bank"), SIZES)
    yield Chain(rig)
    rig.close()


class Past:
    """The central bank as it was at a version, before deltas had an end."""

    def __init__(self, chain: Chain, version: int) -> None:
        self._chain, self._version = chain, version

    def get(self, path: str) -> Cbor:
        if path == "/v1/base":
            raise RemoteRefusal(Code.NOT_FOUND)
        if not path.startswith("/v1/policy"):
            return self._chain.rig.alatau.get(path)
        since = int(path.partition("=")[2])
        last = min(since + SIZES.answer, self._version)
        given = self._chain.update(since, last)
        return (given if last == self._version else PolicyUpdate(None, given.deltas)).to_cbor()


def kept(chain: Chain) -> list[int]:
    return [version for (version,) in chain.rig.storage.store.rows("select version from deltas")]


def test_a_central_bank_keeps_one_answer_below_its_newest_base(chain: Chain) -> None:
    held = chain.rig.storage.policy.base()
    assert held is not None
    assert MANY - held[0] < SIZES.between_bases + len(NEW_KEYS)
    assert sorted(kept(chain)) == list(range(held[0] - SIZES.answer + 1, MANY + 1))
    first = held[0] - SIZES.answer
    assert update(chain.rig, first - 1) == PolicyUpdate(None, ())
    assert update(chain.rig, first).deltas[0].body.version == first + 1
    chain.rig.registry.drop_old()
    assert min(kept(chain)) == first + 1


def test_a_central_bank_that_starts_knows_every_change_of_keys_without_the_deltas(chain: Chain) -> None:
    """And one of its processes that was behind when they went."""
    signed, changed = chain.rig.registry.signed_alone, chain.policies[MANY].directory
    assert KeyChanges(chain.rig.storage.policy).over(signed).banks == changed.banks
    behind = KeyChanges(chain.rig.storage.policy)
    behind._read = 7
    assert behind.over(signed).banks == changed.banks


@pytest.mark.parametrize("age", [None, 0, 5, 30, 45, MANY - SIZES.answer, MANY - 1, MANY])
def test_a_service_of_each_age_gets_to_the_newest_policy(
    chain: Chain, tmp_path: Path, age: int | None
) -> None:
    sizes = replace(SIZES, dropped=20)
    root, file = chain.rig.ledger.world.root.public, tmp_path / "trust.db"
    if age is not None:
        before = PolicyCache(trust_in(file), root, Past(chain, age), sizes=sizes)
        before.refresh()
        assert (before.policy.version, chain.is_true(before.policy)) == (age, True)
        before.close()
    trust = PolicyCache(trust_in(file), root, chain.rig.alatau, sizes=sizes)
    for _ in range(MANY // sizes.dropped):
        trust.refresh()
    assert (trust.policy.version, chain.is_true(trust.policy)) == (MANY, True)
    newest = update(chain.rig, MANY - 3)
    held = chain.rig.storage.policy.base()
    assert held is not None
    assert (trust.base().body, trust.update_since(MANY - 3)) == (held[1], newest)
    assert trust.update_since(5) == PolicyUpdate(None, ())
    trust.close()
    store = trust_in(file)
    versions = [version for (version,) in store.rows("select version from deltas order by version")]
    assert versions == list(range(MANY - len(versions) + 1, MANY + 1))
    assert len(versions) < SIZES.answer + SIZES.between_bases + len(NEW_KEYS)
    again = PolicyCache(store, root, chain.rig.alatau, sizes=sizes)
    assert (again.policy, again.update_since(MANY - 3)) == (trust.policy, newest)
    assert again.update_since(5) == PolicyUpdate(None, ())
    again.close()


def wallet(net: WalletNetwork, chain: Chain, name: str, version: int, since: int) -> Wallet:
    """That has followed the deltas from a base (or the beginning) at ``since`` up to a version."""
    wallet, rig = net.open(name), chain.rig
    wallet._purse.authority._book = PolicyBook(wallet._purse.store, KEPT_BY_PURSE)
    wallet.reconciling.take_root(rig.ledger.world.root.public, rig.registry.published().forms[0].encode())
    if since:
        assert wallet.reconciling.take_base(chain.base(since))
    if version:
        wallet.reconciling.take_policy(None, chain.update(since, version))
    return wallet


AGES = st.integers(0, MANY).flatmap(
    lambda version: st.tuples(st.just(version), st.integers(max(0, version - 9), version))
)
STEPS = st.lists(st.sampled_from([("a", "b"), ("b", "a"), ("a", ""), ("b", "")]), max_size=12)


@settings(max_examples=20)
@given(ages=st.tuples(AGES, AGES), steps=STEPS)
def test_a_wallet_of_each_age_gets_to_the_newest_policy(
    chain: Chain, ages: tuple[tuple[int, int], tuple[int, int]], steps: list[tuple[str, str]]
) -> None:
    """By its bank at any time, and by what another wallet passes on as far as that has it."""
    net = WalletNetwork(Path())
    names = dict(zip("ab", ages, strict=True))
    wallets = {name: wallet(net, chain, name, *names[name]) for name in names}
    books = {name: wallets[name]._purse.authority for name in names}
    bank = BankClient(chain.rig.alatau, "alatau", bytes(33))
    for payer, payee in [*steps, ("a", ""), ("b", "")]:
        if payee:
            before, said = books[payee].version, books[payer].update_for(books[payee].version)
            is_taken = books[payee].hear(said)
            reached = min(before + MAX_DELTAS, books[payer].version)
            if said is not None and before:
                assert (is_taken, books[payee].version) == (True, reached)
            if said is None:
                assert before >= books[payer].version or before < max(
                    books[payer].version - KEPT_BY_PURSE, books[payer]._book.begun_at
                )
        else:
            take_policy(wallets[payer].reconciling, bank)
            assert books[payer].version == MANY
        assert all(chain.is_held_by(book) for book in books.values())
    for name, book in books.items():
        again = net.open(name)._purse.authority.policy
        assert (again.version, chain.is_true(again), again.head) == (MANY, True, book.policy.head)
        count = net.wallets[name]._purse.store.value("SELECT count(*) FROM policy_delta")
        assert count <= KEPT_BY_PURSE + len(NEW_KEYS)
        net.wallets[name].close()


def test_a_base_that_is_no_newer_puts_nothing_back(chain: Chain) -> None:
    net = WalletNetwork(Path())
    held = wallet(net, chain, "a", 50, 47)
    assert not held.reconciling.take_base(chain.base(47))
    assert not held.reconciling.take_base(chain.base(50))
    assert held.reconciling.policy_version == 50
    head: Signed[PolicyHead] | None = chain.update(47, 50).head
    assert head is not None
    assert held.reconciling.take_base(chain.base(60))
    for authority in (held._purse.authority, Authority(held._purse.store, lambda: 0)):
        assert (authority.version, authority.policy.head) == (60, head.body), "until a newer head comes"
        assert chain.is_held_by(authority)
