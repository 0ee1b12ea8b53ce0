"""Revocations: a bank over its own wallets only, evidence from any bank; what they list, how long, what they stop."""

from __future__ import annotations

from dataclasses import replace

from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.sandbox.in_process.network import named
from tests.ledger_sync.central_bank.policies import body, double_spend, policy, revoke, update
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.world import DAY, NOW, Key, Person
from wallet.protocol import cose
from wallet.protocol.bounds import (
    MAX_AHEAD,
    MAX_CERTIFICATE_LIFE,
)
from wallet.protocol.codes import Code
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Refresh, ToAccount, ToPayer


def test_a_bank_revokes_its_own_wallet(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    assert revoke(rig, (ann, Reason.LOST)) == 1
    assert policy(rig).revoked == {ann.certificate.body.revocation_id: Reason.LOST}


def test_the_same_revocation_again_is_no_new_version(rig: CentralBankRig) -> None:
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob")
    revoke(rig, (ann, Reason.LOST))
    assert revoke(rig, (ann, Reason.LOST)) == 1
    assert revoke(rig, (ann, Reason.LIMITS)) == 1
    assert revoke(rig, (ann, Reason.LOST), (bob, Reason.CLOSED)) == 2
    assert policy(rig).revoked == {
        ann.certificate.body.revocation_id: Reason.LOST,
        bob.certificate.body.revocation_id: Reason.CLOSED,
    }


def test_a_conflict_needs_evidence_that_names_the_wallet(rig: CentralBankRig) -> None:
    cheat, bystander = rig.ledger.person("cheat"), rig.ledger.person("bystander")
    evidence = double_spend(rig, cheat)
    path = "/v1/revocations"
    assert rig.code(rig.alatau, path, body((cheat, Reason.CONFLICT))) is Code.EVIDENCE_INVALID
    about_other = body((bystander, Reason.CONFLICT), evidence=evidence)
    assert rig.code(rig.alatau, path, about_other) is Code.EVIDENCE_INVALID
    forged = replace(evidence, second=evidence.first)
    assert (
        rig.code(rig.alatau, path, body((cheat, Reason.CONFLICT), evidence=forged)) is Code.EVIDENCE_INVALID
    )
    assert policy(rig).revoked == {}
    earlier = rig.ledger.world.person("cheat 2")
    assert revoke(rig, (cheat, Reason.CONFLICT), (earlier, Reason.CONFLICT), evidence=evidence) == 1
    assert set(policy(rig).revoked.values()) == {Reason.CONFLICT}
    assert len(policy(rig).revoked) == 2


def test_a_conflict_outranks_what_was_said_before(rig: CentralBankRig) -> None:
    cheat = rig.ledger.person("cheat")
    revoke(rig, (cheat, Reason.LOST))
    evidence = double_spend(rig, cheat)
    assert revoke(rig, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert revoke(rig, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert policy(rig).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    assert revoke(rig, (cheat, Reason.LOST)) == 2


def test_nobody_revokes_anothers_wallets(rig: CentralBankRig) -> None:
    bob = rig.ledger.person("bob", "zhibek")
    assert rig.code(rig.alatau, "/v1/revocations", body((bob, Reason.LOST))) is Code.AUTH_FORBIDDEN
    forged = replace(bob.certificate.body, bank="alatau")
    mine = Person(bob.key, cose.sign(forged, Key.of("stranger").sign))
    assert rig.code(rig.alatau, "/v1/revocations", body((mine, Reason.LOST))) is Code.CERTIFICATE_SIGNATURE
    cheat = rig.ledger.person("cheat", "zhibek")
    evidence = double_spend(rig, cheat)
    about_theirs = body((rig.ledger.person("ann"), Reason.CONFLICT), evidence=evidence)
    assert rig.code(rig.alatau, "/v1/revocations", about_theirs) is Code.EVIDENCE_INVALID


def test_evidence_counts_from_any_bank_for_the_wallet_that_it_names(rig: CentralBankRig) -> None:
    cheat, earlier = rig.ledger.person("cheat", "zhibek"), rig.ledger.world.person("cheat 2", "zhibek")
    evidence = double_spend(rig, cheat)
    path = "/v1/revocations"
    forged = replace(evidence, second=evidence.first)
    assert rig.code(rig.alatau, path, [[], forged.to_cbor()]) is Code.EVIDENCE_INVALID
    assert rig.code(rig.alatau, path, [[], None]) is Code.MALFORMED
    far = replace(cheat.certificate.body, issued=NOW + MAX_AHEAD + 1, expires=NOW + MAX_AHEAD + DAY)
    ahead = cose.sign(far, rig.ledger.world.bank_key("zhibek").sign)
    told = replace(evidence, certificate=ahead)
    assert rig.code(rig.alatau, path, [[], told.to_cbor()]) is Code.TIME_AHEAD
    assert policy(rig).revoked == {}
    assert rig.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert rig.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert policy(rig).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    both = [[person.possession().to_cbor(), int(Reason.CONFLICT)] for person in (cheat, earlier)]
    assert rig.zhibek.post(path, [both, evidence.to_cbor()]) == [2], "its own bank lists the others"


def test_a_bank_that_certifies_anothers_id_and_key_revokes_neither(rig: CentralBankRig) -> None:
    """Her key did not want to be zhibek's: ann's refresh is paid as she signed it."""
    ann = rig.ledger.person("ann")
    by_zhibek = rig.ledger.world.bank_key("zhibek").sign
    borrowed = Person(ann.key, cose.sign(replace(ann.certificate.body, bank="zhibek"), by_zhibek))
    for shown, code in (
        (borrowed.possession("alatau"), Code.KEY_INVALID),
        (ann.possession(), Code.AUTH_FORBIDDEN),
    ):
        asked = [[[shown.to_cbor(), int(Reason.LOST)]], None]
        assert rig.code(rig.zhibek, "/v1/revocations", asked) is code
    assert policy(rig).revoked == {}
    assert rig.registry.revoked_since(ann.key.public) is None
    refreshed = rig.ledger.redeem(ann, rig.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    rig.commit(refreshed)
    issuance, value = rig.redeem(refreshed)
    assert issuance is not None
    assert value == 200
    assert revoke(rig, (ann, Reason.LIMITS)) == 1
    assert rig.registry.revoked_since(ann.key.public) == NOW


def test_what_no_payee_takes_yet_is_not_listed_for_ever(rig: CentralBankRig) -> None:
    """The life of a certificate is bounded, and so is how far ahead it may begin."""
    life = MAX_CERTIFICATE_LIFE
    far, next_day = NOW + MAX_AHEAD + 1, NOW + MAX_AHEAD
    ann = rig.ledger.world.person("ann", issued=far, expires=far + life)
    bob = rig.ledger.world.person("bob", issued=next_day, expires=next_day + life)
    assert rig.code(rig.alatau, "/v1/revocations", body((ann, Reason.LOST))) is Code.TIME_AHEAD
    assert revoke(rig, (bob, Reason.LOST)) == 1
    rig.now = next_day + life + rig.terms.token_life + rig.terms.grace + 1
    rig.registry.drop_expired()
    assert policy(rig).revoked == {}


def test_a_revocation_leaves_when_nothing_of_the_wallet_can_be_alive(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    revoke(rig, (ann, Reason.LOST))
    rig.now = ann.certificate.body.expires + rig.terms.token_life + rig.terms.grace
    rig.registry.drop_expired()
    assert policy(rig).version == 1
    rig.now += 1
    rig.registry.drop_expired()
    assert (policy(rig).version, policy(rig).revoked) == (2, {})
    rig.registry.drop_expired()
    assert policy(rig).version == 2
    assert revoke(rig, (ann, Reason.LOST)) == 2


def test_a_revoked_wallet_redeems_to_its_own_account_only(rig: CentralBankRig) -> None:
    """Its refresh and its refusals of money are paid there too: nothing is stuck, and it gets no new tokens."""
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob", "zhibek")
    paid = rig.ledger.pay(bob, rig.fund(bob, 40), ann, 40)
    tokens = rig.fund(ann, 100, 200)
    redeemed = [
        rig.ledger.redeem(ann, tokens[:1], ToAccount()),
        rig.ledger.redeem(ann, tokens[1:], Refresh(Key.of("ann 2").public, (200,))),
        rig.ledger.redeem(ann, paid, ToPayer(bob.key.public)),
    ]
    revoke(rig, (ann, Reason.LIMITS))
    rig.commit(paid, *redeemed)
    before = rig.books()[3]["alatau"]
    assert [rig.redeem(outputs) for outputs in redeemed] == [(None, 100), (None, 200), (None, 40)]
    assert rig.books()[3]["alatau"] == before + 340
    assert rig.books()[2] == 0


def test_a_revoked_wallets_refresh_waits_for_its_own_bank(rig: CentralBankRig) -> None:
    """Whoever speaks for the new owner only is told that there is nothing for it."""
    ann = rig.ledger.person("ann")
    refreshed = rig.ledger.redeem(ann, rig.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    revoke(rig, (ann, Reason.LIMITS))
    rig.commit(refreshed)
    *asked, _ = rig.asked(refreshed)
    assert rig.code(rig.zhibek, "/v1/redemptions", [*asked, None]) is Code.WALLET_REVOKED
    assert rig.redeem(refreshed) == (None, 200)
    assert rig.zhibek.post("/v1/redemptions", [*asked, None]) == [None, 200, 0]


def test_what_was_committed_before_the_revocation_is_paid_as_signed(rig: CentralBankRig) -> None:
    ann = rig.ledger.person("ann")
    refreshed = rig.ledger.redeem(ann, rig.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    rig.commit(refreshed)
    rig.now += 1_000
    revoke(rig, (ann, Reason.LOST))
    issuance, value = rig.redeem(refreshed)
    assert issuance is not None
    assert value == 200


def test_revoking_a_wallet_reaches_every_certificate_of_its_key(rig: CentralBankRig) -> None:
    shop = rig.ledger.person("shop")
    renewed = cose.sign(
        replace(shop.certificate.body, wallet=named("new id"), expires=NOW + 80 * DAY),
        rig.ledger.world.bank_key("alatau").sign,
    )
    refreshed = rig.ledger.redeem(shop, rig.fund(shop, 200), Refresh(Key.of("shop 2").public, (200,)))
    revoke(rig, (shop, Reason.LOST))
    rig.commit(refreshed)
    rig.ledger.certificates = {renewed.id: renewed}
    assert rig.redeem(refreshed) == (None, 200)


def test_revocations_of_some_seconds_share_deltas_conflicts_first(rig: CentralBankRig) -> None:
    """`policy padded against gossip`: each was a delta, and word of a conflict came last."""
    cheat = rig.ledger.person("cheat")
    evidence = double_spend(rig, cheat)
    revoke(rig, (rig.ledger.person("first"), Reason.LOST))
    people = [rig.ledger.world.person(f"p{number}") for number in range(70)]
    for person in people:
        rig.alatau.post("/v1/revocations", body((person, Reason.LOST)))
    (promised,) = rig.alatau.post("/v1/revocations", body((cheat, Reason.CONFLICT), evidence=evidence))
    assert len(update(rig).deltas) == 1
    assert rig.registry.revoked_since(cheat.key.public) is not None, "it counts before it is listed"
    rig.now += POOL_SECONDS
    deltas = update(rig).deltas
    assert len(deltas) == promised == 1 + 3
    assert cheat.certificate.body.revocation_id in dict(deltas[1].body.revoked)
    assert len(policy(rig).revoked) == 72
    assert [delta.body.version for delta in update(rig).deltas] == [1, 2, 3, 4]


def test_what_is_pending_is_listed_after_a_restart_too(rig: CentralBankRig) -> None:
    revoke(rig, (rig.ledger.person("first"), Reason.LOST))
    rig.alatau.post("/v1/revocations", body((rig.ledger.person("ann"), Reason.LOST)))
    rig.registry._published = -POOL_SECONDS
    rig.registry.publish()
    assert len(policy(rig).revoked) == 2
