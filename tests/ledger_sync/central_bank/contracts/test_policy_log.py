"""The contract of the policy's log: no version twice, none left out, and nothing revoked is lost between them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from ledger_sync.central_bank.ports.policy import Revocation, Revoked
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.sql.storage import SqlStorage
from tests.ledger_sync.central_bank.backends import Backend
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.world import NOW, Key
from wallet.protocol import codec, cose
from wallet.protocol.bounds import DAY, ID_BYTES
from wallet.protocol.certificate import Limits
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Baseline, PolicyBase, PolicyDelta, PolicyHead, Reason, digest_of

POLICY = Key.of("policy")
LIMITS = Limits(balance=1, payment=1, total=1, hops=1, days=1)
MOST = 99


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def revocation(number: int, reason: Reason = Reason.LOST, key: bytes = b"k" * 33) -> Revocation:
    return Revocation(name(number), "alatau", key, reason, NOW, NOW + DAY)


def delta(
    version: int, revoked: Sequence[Revoked] = (), removed: Sequence[bytes] = ()
) -> Signed[PolicyDelta]:
    return cose.sign(PolicyDelta(version, NOW, tuple(revoked), tuple(removed), ()), POLICY.sign)


def head(version: int, time: int) -> Signed[PolicyHead]:
    return cose.sign(PolicyHead(version, time, LIMITS, 0), POLICY.sign)


def base(version: int) -> Baseline:
    return Baseline(cose.sign(PolicyBase(version, NOW, (), digest_of(())), POLICY.sign), ())


@pytest.fixture
def evidence() -> Evidence:
    """That a cheat has signed twice."""
    ledger = Ledger()
    cheat, bob, cid = (ledger.person(name) for name in ("cheat", "bob", "cid"))
    tokens = ledger.issue(cheat, 500)
    one, other = ledger.pay(cheat, tokens, bob, 500), ledger.pay(cheat, tokens, cid, 400)
    made = [ledger.transfers[part[0].ref.txid] for part in (one, other)]
    found = Evidence.of(made[0], made[1], cheat.certificate)
    assert found is not None
    return found


def test_a_log_begins_with_nothing(storage: Storage) -> None:
    policy = storage.policy
    assert (policy.newest(), policy.head(), policy.base(), policy.count_pending()) == (0, None, None, 0)
    assert (policy.deltas(0, MOST, MOST), policy.pending(MOST), policy.leaving(NOW, MOST)) == ([], [], [])


def test_only_the_next_delta_is_added(storage: Storage, other: Storage) -> None:
    first, second = delta(1), delta(2)
    assert not storage.policy.add(second)
    assert storage.policy.add(first)
    assert not other.policy.add(delta(1, removed=[name(7)]))
    assert not other.policy.relearn(delta(3), NOW, NOW)
    assert other.policy.add(second)
    assert storage.policy.newest() == 2
    assert storage.policy.deltas(0, 2, MOST) == [first.encode(), second.encode()]
    assert storage.policy.deltas(0, 1, MOST) == [first.encode()]
    assert storage.policy.deltas(1, 2, MOST) == [second.encode()]
    assert storage.policy.deltas(0, 2, 1) == [first.encode()]


def test_what_is_revoked_counts_at_once_and_is_pending_until_a_delta_lists_it(
    storage: Storage, other: Storage
) -> None:
    assert storage.policy.revoke(revocation(1))
    assert not other.policy.revoke(revocation(1, Reason.CLOSED))
    assert other.policy.revoke(revocation(2, Reason.CONFLICT))
    assert storage.policy.pending(MOST) == [(name(2), Reason.CONFLICT), (name(1), Reason.LOST)]
    assert (storage.policy.pending(1), storage.policy.count_pending()) == ([(name(2), Reason.CONFLICT)], 2)
    assert other.policy.revoked_since(b"k" * 33, ()) == NOW
    assert other.policy.revoked_since(b"j" * 33, [name(1)]) is None, "its key is known"
    assert storage.policy.add(delta(1, [(name(2), Reason.CONFLICT)]))
    assert other.policy.pending(MOST) == [(name(1), Reason.LOST)]
    assert other.policy.revoked(MOST) == [(name(1), Reason.LOST), (name(2), Reason.CONFLICT)]
    assert other.policy.revoked(1) == [(name(1), Reason.LOST)]


def test_a_conflict_replaces_what_was_less_and_nothing_else_does(storage: Storage, other: Storage) -> None:
    assert storage.policy.revoke(revocation(1))
    assert storage.policy.add(delta(1, [(name(1), Reason.LOST)]))
    assert not other.policy.revoke(revocation(1, Reason.LIMITS))
    assert other.policy.revoke(revocation(1, Reason.CONFLICT))
    assert not storage.policy.revoke(revocation(1, Reason.CONFLICT))
    assert storage.policy.reason(name(1)) is Reason.CONFLICT
    assert storage.policy.reason(name(2)) is None
    assert storage.policy.pending(MOST) == [(name(1), Reason.CONFLICT)]


def test_a_conflict_that_came_while_the_delta_was_signed_is_still_pending(
    storage: Storage, other: Storage
) -> None:
    storage.policy.revoke(revocation(1))
    signed = delta(1, storage.policy.pending(MOST))
    other.policy.revoke(revocation(1, Reason.CONFLICT))
    assert storage.policy.add(signed)
    assert storage.policy.pending(MOST) == [(name(1), Reason.CONFLICT)]


def test_what_leaves_is_gone_when_a_delta_removes_it(storage: Storage, other: Storage) -> None:
    storage.policy.revoke(revocation(1))
    assert storage.policy.leaving(NOW + DAY, MOST) == []
    assert storage.policy.leaving(NOW + DAY + 1, MOST) == [name(1)]
    assert other.policy.add(delta(1, removed=[name(1)]))
    assert (storage.policy.revoked(MOST), storage.policy.leaving(NOW + 2 * DAY, MOST)) == ([], [])


def test_what_is_relearnt_is_known_by_its_id_until_it_is_named(storage: Storage, other: Storage) -> None:
    storage.policy.revoke(revocation(9))
    assert storage.policy.relearn(delta(1, [(name(1), Reason.LOST)], [name(9)]), NOW - 5, NOW + DAY)
    assert other.policy.reason(name(9)) is None
    assert other.policy.revoked_since(b"k" * 33, ()) is None
    assert other.policy.revoked_since(b"k" * 33, [name(1)]) == NOW - 5
    assert other.policy.pending(MOST) == []
    other.policy.name(revocation(1))
    assert storage.policy.revoked_since(b"k" * 33, ()) == NOW - 5
    other.policy.name(revocation(1, key=b"j" * 33))
    assert storage.policy.revoked_since(b"j" * 33, [name(1)]) is None


def test_the_later_head_stands(storage: Storage, other: Storage) -> None:
    first = head(1, NOW)
    assert storage.policy.keep_head(first) == first
    assert other.policy.keep_head(head(1, NOW)) == first
    assert other.policy.keep_head(head(1, NOW - 1)) == first
    younger = head(1, NOW + 1)
    assert other.policy.keep_head(younger) == younger
    newer = head(2, NOW - 9)
    assert storage.policy.keep_head(newer) == newer
    assert other.policy.keep_head(younger) == newer
    assert other.policy.head() == newer


def test_the_newer_base_stands(storage: Storage, other: Storage) -> None:
    second = base(2)
    assert storage.policy.keep_base(second)
    assert not other.policy.keep_base(base(2))
    assert not other.policy.keep_base(base(1))
    assert other.policy.base() == (2, codec.encode(second.to_cbor()))
    assert other.policy.keep_base(base(3))


def test_the_oldest_deltas_go_so_many_at_a_time_and_no_answer_has_a_gap(
    storage: Storage, other: Storage
) -> None:
    for version in range(1, 8):
        storage.policy.add(delta(version))
    other.policy.drop(5, 3)
    assert storage.policy.deltas(2, 7, MOST) == []
    assert storage.policy.deltas(3, 7, MOST) == [delta(version).encode() for version in range(4, 8)]
    storage.policy.drop(5, 3)
    other.policy.drop(5, 3)
    assert other.policy.deltas(4, 7, MOST) == []
    assert [len(other.policy.deltas(since, 7, MOST)) for since in (5, 6, 7)] == [2, 1, 0]
    assert storage.policy.newest() == 7


def test_evidence_outlives_the_delta_that_listed_it(storage: Storage, evidence: Evidence) -> None:
    storage.policy.revoke(revocation(1, Reason.CONFLICT))
    storage.policy.show(evidence)
    storage.policy.add(delta(1, [(name(1), Reason.CONFLICT)]))
    storage.policy.drop(1, MOST)
    assert isinstance(storage, SqlStorage)
    assert storage.store.rows("select version, raw from evidence") == [(1, evidence.encode())]


def test_a_base_that_is_learnt_stands_for_all_deltas_up_to_it(storage: Storage, other: Storage) -> None:
    """Whose a listed one is stays known, where it was; what has left meanwhile is gone, what is pending is not."""
    policy = storage.policy
    for number in (1, 2):
        policy.revoke(revocation(number, key=bytes([number]) * 33))
    policy.add(delta(1, policy.pending(MOST)))
    policy.revoke(revocation(3))
    listed = ((name(2), Reason.LOST), (name(9), Reason.CONFLICT))
    learnt = Baseline(cose.sign(PolicyBase(40, NOW + 9, (), digest_of(listed)), POLICY.sign), listed)
    assert other.policy.begin(learnt, NOW + 9, NOW + DAY)
    assert not policy.begin(learnt, NOW + 9, NOW + DAY)
    assert (policy.newest(), policy.base()) == (40, (40, codec.encode(learnt.to_cbor())))
    assert policy.deltas(0, 40, MOST) == []
    assert policy.pending(MOST) == [(name(3), Reason.LOST)]
    assert [policy.reason(name(number)) for number in (1, 2, 9)] == [None, Reason.LOST, Reason.CONFLICT]
    assert policy.revoked_since(b"\2" * 33, ()) == NOW
    assert policy.revoked_since(b"whose" * 7, [name(9)]) == NOW + 9
    assert not policy.add(delta(2))
    assert policy.add(delta(41, policy.pending(MOST)))
    assert policy.deltas(40, 41, MOST) != []


def test_two_who_publish_at_a_time_leave_out_no_version_and_list_everything_once(backend: Backend) -> None:
    """Each signs what it reads is pending, and asks whether its delta was the next."""
    writers = backend.open(), backend.open()
    begin = threading.Barrier(2)

    def work(number: int) -> None:
        policy = writers[number].policy
        begin.wait(10)
        for step in range(12):
            policy.revoke(revocation(number * 100 + step))
            policy.add(delta(policy.newest() + 1, policy.pending(MOST)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    policy = writers[0].policy
    assert policy.add(delta(policy.newest() + 1, policy.pending(MOST)))
    raws = policy.deltas(0, policy.newest(), MOST)
    bodies = [cose.parse(PolicyDelta, raw).body for raw in raws]
    assert [body.version for body in bodies] == list(range(1, policy.newest() + 1))
    listed = [revoked for body in bodies for revoked, _ in body.revoked]
    assert sorted(listed) == sorted(name(n * 100 + step) for n in range(2) for step in range(12))
    assert 2 * len(name(0)) == ID_BYTES
