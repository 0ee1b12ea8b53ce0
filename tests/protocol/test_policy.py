"""Policy and directory: applied in order without gaps, signed by keys that were good then, never going back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.deals import refusal_of
from tests.support.world import DAY, LIMITS, NOW, Key, World
from tests.vectors.good import delta
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_BANKS, MAX_KEYS_PER_ROLE
from wallet.protocol.certificate import Limits
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Bank, Directory, KeyChange, KeyEntry, Role
from wallet.protocol.keys import p256
from wallet.protocol.policy import Policy, PolicyDelta, PolicyHead, PolicyUpdate, Reason, first_policy

WORLD = World()
A, B = WORLD.person("A"), WORLD.person("B")
NEW_KEY = Key.of("next policy key")


def change_policy_key(version: int) -> Signed[PolicyDelta]:
    """The next key is good from now on, the old one until now."""
    changes = (
        KeyChange(Role.POLICY, "", "", KeyEntry(p256(NEW_KEY.public), NOW)),
        KeyChange(
            Role.POLICY, "", "", KeyEntry(p256(WORLD.policy_key.public), NOW - 365 * DAY, NOW + version)
        ),
    )
    body = replace(delta(version).body, changes=changes)
    return cose.sign(body, WORLD.policy_key.sign)


def head(version: int, time: int = NOW, by: Key = WORLD.policy_key) -> Signed[PolicyHead]:
    return cose.sign(PolicyHead(version, time, LIMITS, 30 * DAY), by.sign)


def held(*deltas: Signed[PolicyDelta]) -> Policy:
    return first_policy(WORLD.directory(), head(len(deltas)), deltas)


def test_deltas_add_and_remove_revocations_in_order() -> None:
    policy = held(
        delta(1, (A, Reason.LOST)), delta(2, (B, Reason.LIMITS)), delta(3, (B, Reason.CONFLICT), removed=(A,))
    )
    assert dict(policy.revoked) == {B.certificate.body.revocation_id: Reason.CONFLICT}
    assert policy.version == 3


def test_what_is_held_is_passed_over_and_what_is_newer_applied() -> None:
    policy = held(delta(1, (A, Reason.LOST)))
    update = PolicyUpdate(head(2, NOW + 1), (delta(1, (A, Reason.LOST)), delta(2, (B, Reason.LOST))))
    newer = policy.apply(update)
    assert (newer.version, len(newer.revoked), newer.head.version) == (2, 2, 2)
    assert newer.apply(update) == newer
    assert newer.apply(PolicyUpdate(head(1), ())) == newer


@pytest.mark.parametrize("versions", [(2,), (1, 3), (3, 2, 1)])
def test_there_are_no_gaps(versions: tuple[int, ...]) -> None:
    update = PolicyUpdate(None, tuple(delta(version) for version in versions))
    assert refusal_of(lambda: held().apply(update)) is Code.POLICY_GAP


def test_a_head_is_not_ahead_of_the_deltas() -> None:
    assert refusal_of(lambda: held().apply(PolicyUpdate(head(1), ()))) is Code.POLICY_GAP
    assert refusal_of(lambda: first_policy(WORLD.directory(), head(1), ())) is Code.POLICY_GAP


def test_deltas_and_heads_are_signed_by_a_policy_key_good_then() -> None:
    policy = held()
    for forged in (
        PolicyUpdate(None, (cose.sign(delta(1).body, WORLD.bank_key("alatau").sign),)),
        PolicyUpdate(head(0, NOW + 1, by=WORLD.root), ()),
        PolicyUpdate(head(0, NOW + 1, by=NEW_KEY), ()),
    ):
        assert refusal_of(lambda forged=forged: policy.apply(forged)) is Code.POLICY_SIGNATURE  # type: ignore[misc]
    assert (
        refusal_of(lambda: first_policy(WORLD.directory(), head(0, by=NEW_KEY), ())) is Code.POLICY_SIGNATURE
    )
    early = head(0, NOW - 366 * DAY)
    assert refusal_of(lambda: first_policy(WORLD.directory(), early, ())) is Code.POLICY_SIGNATURE


def test_a_delta_brings_the_key_that_signs_what_follows() -> None:
    update = PolicyUpdate(head(1, NOW + 5, by=NEW_KEY), (change_policy_key(1),))
    policy = held().apply(update)
    assert policy.directory.keys(Role.POLICY, NOW + 5) == (p256(NEW_KEY.public),)
    # And a wallet that starts with all of it.
    assert update.head is not None
    assert first_policy(WORLD.directory(), update.head, update.deltas) == replace(policy, latest=NOW + 5)
    late = PolicyUpdate(head(1, NOW + 9), ())
    assert refusal_of(lambda: policy.apply(late)) is Code.POLICY_SIGNATURE


def test_the_latest_signed_time_never_goes_back() -> None:
    policy = held()
    assert policy.time == NOW
    policy = policy.apply(PolicyUpdate(head(0, NOW + 100), ()))
    assert policy.time == NOW + 100
    policy = policy.apply(PolicyUpdate(None, (delta(1),)))
    assert policy.time == NOW + 100
    policy = policy.apply(PolicyUpdate(head(1, NOW + 50), ()))
    assert (policy.head.time, policy.time) == (NOW + 50, NOW + 100)
    ahead = cose.sign(replace(delta(2).body, time=NOW + 200), WORLD.policy_key.sign)
    assert policy.apply(PolicyUpdate(None, (ahead,))).time == NOW + 200


def test_the_lower_of_two_limits_counts_one_by_one() -> None:
    assert Limits(1, 9, 3, 7, 5).lower(Limits(9, 2, 8, 4, 6)) == Limits(1, 2, 3, 4, 5)


class TestDirectory:
    def test_it_is_signed_by_the_root(self) -> None:
        raw = WORLD.signed_directory().encode()
        assert Directory.open(raw, WORLD.root.public).version == 1
        assert refusal_of(lambda: Directory.open(raw, WORLD.issuing.public)) is Code.DIRECTORY_SIGNATURE

    def test_a_key_is_good_from_its_first_to_its_last_second(self) -> None:
        entry = KeyEntry(p256(NEW_KEY.public), 10, 20)
        assert [entry.good_at(time) for time in (9, 10, 20, 21)] == [False, True, True, False]
        assert KeyEntry(p256(NEW_KEY.public), 10).good_at(2**32 - 1)

    def test_changes_add_banks_and_keys_and_retire_them(self) -> None:
        directory = WORLD.directory()
        entry = KeyEntry(p256(NEW_KEY.public), NOW)
        changed = directory.with_changes([KeyChange(0, "tulpar", "Tulpar Bank", entry)])
        assert [bank.id for bank in changed.banks] == ["alatau", "tulpar", "zhibek"]
        assert changed.bank("tulpar") == Bank("tulpar", "Tulpar Bank", (entry,))
        old = directory.bank("alatau").keys[0]
        retired = directory.with_changes([KeyChange(0, "alatau", "Alatau Bank", replace(old, until=NOW))])
        assert retired.bank_keys("alatau", NOW) == (old.key,)
        assert retired.bank_keys("alatau", NOW + 1) == ()
        assert refusal_of(lambda: directory.bank("tulpar")) is Code.BANK_UNKNOWN

    def test_it_is_bounded(self) -> None:
        directory = WORLD.directory()
        entry = KeyEntry(p256(NEW_KEY.public), NOW)
        banks = [KeyChange(0, f"bank {n}", "x", entry) for n in range(MAX_BANKS)]
        assert refusal_of(lambda: directory.with_changes(banks)) is Code.TOO_MANY
        keys = [
            KeyChange(3, "", "", KeyEntry(p256(Key.of(f"{n}").public), NOW)) for n in range(MAX_KEYS_PER_ROLE)
        ]
        assert refusal_of(lambda: directory.with_changes(keys)) is Code.TOO_MANY

    def test_redemptions_pay_the_newest_key_that_is_not_retired(self) -> None:
        directory = WORLD.directory()
        newer = directory.with_changes(
            [KeyChange(Role.REDEMPTION, "", "", KeyEntry(p256(NEW_KEY.public), NOW))]
        )
        assert newer.redemption_key() == NEW_KEY.public
        assert newer.is_redemption_key(WORLD.redemption.public)
        old = directory.roles[Role.REDEMPTION][0]
        none = directory.with_changes([KeyChange(Role.REDEMPTION, "", "", replace(old, until=NOW))])
        assert refusal_of(none.redemption_key) is Code.REDEMPTION_KEY
        assert none.is_redemption_key(WORLD.redemption.public)
