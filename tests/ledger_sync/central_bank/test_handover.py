"""The root hands over at the central bank; services follow, whenever they come, from whichever root they hold."""

from __future__ import annotations

from pathlib import Path

from ledger_sync.central_bank.directories import FIRST_ROOT
from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from ledger_sync.service.policy_cache import DIRECTORY_SECONDS, PolicyCache
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.deals import refusal_of
from tests.support.trust import trust_in
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.directory import Directory, DirectoryBody2
from wallet.protocol.handover import Published, followed
from wallet.protocol.policy import Reason


def hand_over(rig: CentralBankRig, version: int) -> bytes:
    (root,) = codec.array(rig.operator.post("/v1/handovers", [version]), 1)
    return codec.public_key(root)


def published(rig: CentralBankRig) -> Published:
    return Published.from_cbor(rig.alatau.get("/v1/directories"))


def test_only_the_operator_hands_over_to_the_next_version_and_the_same_again_is_success(
    rig: CentralBankRig,
) -> None:
    first = rig.ledger.world.root.public
    assert rig.code(rig.alatau, "/v1/handovers", [2]) is Code.AUTH_FORBIDDEN
    for wrong in (0, 1, 3):
        assert rig.code(rig.operator, "/v1/handovers", [wrong]) is Code.MALFORMED
    assert published(rig).handovers == ()
    second = hand_over(rig, 2)
    assert second != first
    assert hand_over(rig, 2) == second
    rig.reopen()
    assert hand_over(rig, 2) == second
    third = hand_over(rig, 3)
    assert rig.code(rig.operator, "/v1/handovers", [2]) is Code.MALFORMED
    assert [root for root, _ in followed(published(rig).handovers, first)] == [second, third]
    aliases = rig.network.keystores[CENTRAL_BANK].aliases()
    assert {FIRST_ROOT, "root-2", "root-3"} <= aliases


def test_the_newest_form_is_the_last_roots_and_says_what_was_said_before(rig: CentralBankRig) -> None:
    first, before = rig.ledger.world.root.public, published(rig)
    root = hand_over(rig, 2)
    newest, old_form = published(rig).forms
    directory = Directory.of(newest, root)
    assert refusal_of(lambda: Directory.of(newest, first)) is Code.DIRECTORY_SIGNATURE
    assert isinstance(newest.body, DirectoryBody2)
    assert newest.body.root.raw == root
    assert (directory.version, directory.banks, directory.roles) == (
        2,
        before.forms[0].body.banks,
        before.forms[0].body.roles,
    )
    assert old_form == before.forms[-1]
    assert Directory.of(old_form, first).version == 1
    rig.reopen()
    assert published(rig).forms == (newest, old_form)


def test_a_service_follows_within_the_hour_and_starts_from_the_root_it_was_given(
    rig: CentralBankRig, tmp_path: Path
) -> None:
    first = rig.ledger.world.root.public
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), first, rig.alatau)
    trust.keep_fresh(rig.now, 60)
    before = trust.policy
    root = hand_over(rig, 2)
    trust.keep_fresh(rig.now + 61, 60)
    assert trust.directory.root == first
    trust.keep_fresh(rig.now + DIRECTORY_SECONDS, 60)
    assert (trust.directory.root, trust.directory.version) == (root, 2)
    assert (trust.policy.version, trust.policy.revoked) == (before.version, before.revoked)
    assert trust.directory_for(frozenset({"qbd1"})).body.version == 1
    trust.close()
    again = PolicyCache(trust_in(tmp_path / "trust.db"), first, rig.alatau)
    assert again.directory.root == root
    again.refresh()
    again.close()
    third = hand_over(rig, 3)
    later = PolicyCache(trust_in(tmp_path / "trust.db"), first, rig.alatau)
    later.refresh()
    assert (later.directory.root, len(later.published().handovers)) == (third, 2)
    later.close()


def test_a_service_that_is_new_and_was_given_an_old_root_follows_at_once(
    rig: CentralBankRig, tmp_path: Path
) -> None:
    roots = [hand_over(rig, version) for version in (2, 3)]
    for number, given in enumerate((rig.ledger.world.root.public, *roots)):
        trust = PolicyCache(trust_in(tmp_path / f"trust-{number}.db"), given, rig.alatau)
        trust.refresh()
        assert trust.directory.root == roots[-1]
        trust.close()
    stranger = PolicyCache(trust_in(tmp_path / "stranger.db"), Key.of("another root").public, rig.alatau)
    assert refusal_of(stranger.refresh) is Code.DIRECTORY_SIGNATURE
    stranger.close()


def test_a_service_that_cannot_follow_a_root_goes_on_with_what_the_policy_revokes(
    rig: CentralBankRig, tmp_path: Path
) -> None:
    """It slept through more than it is shown, or somebody shows it less."""
    first = rig.ledger.world.root.public

    class Forgetful:
        def get(self, path: str) -> Cbor:
            answer = rig.alatau.get(path)
            return [answer[0], []] if path == "/v1/directories" else answer

    trust = PolicyCache(trust_in(tmp_path / "trust.db"), first, rig.alatau)
    trust.keep_fresh(rig.now, 60)
    root = hand_over(rig, 2)
    trust.close()
    again = PolicyCache(trust_in(tmp_path / "trust.db"), first, Forgetful())
    ann = rig.ledger.person("ann")
    rig.now = max(rig.now, rig.registry._published + POOL_SECONDS)
    wallets = [[ann.possession().to_cbor(), int(Reason.LOST)]]
    rig.alatau.post("/v1/revocations", [wallets, None])
    again.refresh()
    assert again.policy.revoked == {ann.certificate.body.revocation_id: Reason.LOST}
    assert again.directory.root == first
    again.close()
    shown = PolicyCache(trust_in(tmp_path / "trust.db"), first, rig.alatau)
    shown.refresh()
    assert shown.directory.root == root
    assert shown.policy.revoked == {ann.certificate.body.revocation_id: Reason.LOST}
    shown.close()
