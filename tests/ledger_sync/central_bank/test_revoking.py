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


def test_a_bank_revokes_its_own_wallet(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    assert revoke(stand, (ann, Reason.LOST)) == 1
    assert policy(stand).revoked == {ann.certificate.body.revocation_id: Reason.LOST}


def test_the_same_revocation_again_is_no_new_version(stand: CentralBankRig) -> None:
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob")
    revoke(stand, (ann, Reason.LOST))
    assert revoke(stand, (ann, Reason.LOST)) == 1
    assert revoke(stand, (ann, Reason.LIMITS)) == 1
    assert revoke(stand, (ann, Reason.LOST), (bob, Reason.CLOSED)) == 2
    assert policy(stand).revoked == {
        ann.certificate.body.revocation_id: Reason.LOST,
        bob.certificate.body.revocation_id: Reason.CLOSED,
    }


def test_a_conflict_needs_evidence_that_names_the_wallet(stand: CentralBankRig) -> None:
    cheat, bystander = stand.ledger.person("cheat"), stand.ledger.person("bystander")
    evidence = double_spend(stand, cheat)
    path = "/v1/revocations"
    assert stand.code(stand.alatau, path, body((cheat, Reason.CONFLICT))) is Code.EVIDENCE_INVALID
    about_other = body((bystander, Reason.CONFLICT), evidence=evidence)
    assert stand.code(stand.alatau, path, about_other) is Code.EVIDENCE_INVALID
    forged = replace(evidence, second=evidence.first)
    assert (
        stand.code(stand.alatau, path, body((cheat, Reason.CONFLICT), evidence=forged))
        is Code.EVIDENCE_INVALID
    )
    assert policy(stand).revoked == {}
    earlier = stand.ledger.world.person("cheat 2")
    assert revoke(stand, (cheat, Reason.CONFLICT), (earlier, Reason.CONFLICT), evidence=evidence) == 1
    assert set(policy(stand).revoked.values()) == {Reason.CONFLICT}
    assert len(policy(stand).revoked) == 2


def test_a_conflict_outranks_what_was_said_before(stand: CentralBankRig) -> None:
    cheat = stand.ledger.person("cheat")
    revoke(stand, (cheat, Reason.LOST))
    evidence = double_spend(stand, cheat)
    assert revoke(stand, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert revoke(stand, (cheat, Reason.CONFLICT), evidence=evidence) == 2
    assert policy(stand).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    assert revoke(stand, (cheat, Reason.LOST)) == 2


def test_nobody_revokes_anothers_wallets(stand: CentralBankRig) -> None:
    bob = stand.ledger.person("bob", "zhibek")
    assert stand.code(stand.alatau, "/v1/revocations", body((bob, Reason.LOST))) is Code.AUTH_FORBIDDEN
    forged = replace(bob.certificate.body, bank="alatau")
    mine = Person(bob.key, cose.sign(forged, Key.of("stranger").sign))
    assert (
        stand.code(stand.alatau, "/v1/revocations", body((mine, Reason.LOST))) is Code.CERTIFICATE_SIGNATURE
    )
    cheat = stand.ledger.person("cheat", "zhibek")
    evidence = double_spend(stand, cheat)
    about_theirs = body((stand.ledger.person("ann"), Reason.CONFLICT), evidence=evidence)
    assert stand.code(stand.alatau, "/v1/revocations", about_theirs) is Code.EVIDENCE_INVALID


def test_evidence_counts_from_any_bank_for_the_wallet_that_it_names(stand: CentralBankRig) -> None:
    cheat, earlier = stand.ledger.person("cheat", "zhibek"), stand.ledger.world.person("cheat 2", "zhibek")
    evidence = double_spend(stand, cheat)
    path = "/v1/revocations"
    forged = replace(evidence, second=evidence.first)
    assert stand.code(stand.alatau, path, [[], forged.to_cbor()]) is Code.EVIDENCE_INVALID
    assert stand.code(stand.alatau, path, [[], None]) is Code.MALFORMED
    far = replace(cheat.certificate.body, issued=NOW + MAX_AHEAD + 1, expires=NOW + MAX_AHEAD + DAY)
    ahead = cose.sign(far, stand.ledger.world.bank_key("zhibek").sign)
    told = replace(evidence, certificate=ahead)
    assert stand.code(stand.alatau, path, [[], told.to_cbor()]) is Code.TIME_AHEAD
    assert policy(stand).revoked == {}
    assert stand.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert stand.alatau.post(path, [[], evidence.to_cbor()]) == [1]
    assert policy(stand).revoked == {cheat.certificate.body.revocation_id: Reason.CONFLICT}
    both = [[person.possession().to_cbor(), int(Reason.CONFLICT)] for person in (cheat, earlier)]
    assert stand.zhibek.post(path, [both, evidence.to_cbor()]) == [2], "its own bank lists the others"


def test_a_bank_that_certifies_anothers_id_and_key_revokes_neither(stand: CentralBankRig) -> None:
    """Her key did not want to be zhibek's: ann's refresh is paid as she signed it."""
    ann = stand.ledger.person("ann")
    by_zhibek = stand.ledger.world.bank_key("zhibek").sign
    borrowed = Person(ann.key, cose.sign(replace(ann.certificate.body, bank="zhibek"), by_zhibek))
    for shown, code in (
        (borrowed.possession("alatau"), Code.KEY_INVALID),
        (ann.possession(), Code.AUTH_FORBIDDEN),
    ):
        asked = [[[shown.to_cbor(), int(Reason.LOST)]], None]
        assert stand.code(stand.zhibek, "/v1/revocations", asked) is code
    assert policy(stand).revoked == {}
    assert stand.registry.revoked_since(ann.key.public) is None
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    stand.commit(refreshed)
    issuance, value = stand.redeem(refreshed)
    assert issuance is not None
    assert value == 200
    assert revoke(stand, (ann, Reason.LIMITS)) == 1
    assert stand.registry.revoked_since(ann.key.public) == NOW


def test_what_no_payee_takes_yet_is_not_listed_for_ever(stand: CentralBankRig) -> None:
    """The life of a certificate is bounded, and so is how far ahead it may begin."""
    life = MAX_CERTIFICATE_LIFE
    far, next_day = NOW + MAX_AHEAD + 1, NOW + MAX_AHEAD
    ann = stand.ledger.world.person("ann", issued=far, expires=far + life)
    bob = stand.ledger.world.person("bob", issued=next_day, expires=next_day + life)
    assert stand.code(stand.alatau, "/v1/revocations", body((ann, Reason.LOST))) is Code.TIME_AHEAD
    assert revoke(stand, (bob, Reason.LOST)) == 1
    stand.now = next_day + life + stand.terms.token_life + stand.terms.grace + 1
    stand.registry.drop_expired()
    assert policy(stand).revoked == {}


def test_a_revocation_leaves_when_nothing_of_the_wallet_can_be_alive(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    revoke(stand, (ann, Reason.LOST))
    stand.now = ann.certificate.body.expires + stand.terms.token_life + stand.terms.grace
    stand.registry.drop_expired()
    assert policy(stand).version == 1
    stand.now += 1
    stand.registry.drop_expired()
    assert (policy(stand).version, policy(stand).revoked) == (2, {})
    stand.registry.drop_expired()
    assert policy(stand).version == 2
    assert revoke(stand, (ann, Reason.LOST)) == 2


def test_a_revoked_wallet_redeems_to_its_own_account_only(stand: CentralBankRig) -> None:
    """Its refresh and its refusals of money are paid there too: nothing is stuck, and it gets no new tokens."""
    ann, bob = stand.ledger.person("ann"), stand.ledger.person("bob", "zhibek")
    paid = stand.ledger.pay(bob, stand.fund(bob, 40), ann, 40)
    tokens = stand.fund(ann, 100, 200)
    redeemed = [
        stand.ledger.redeem(ann, tokens[:1], ToAccount()),
        stand.ledger.redeem(ann, tokens[1:], Refresh(Key.of("ann 2").public, (200,))),
        stand.ledger.redeem(ann, paid, ToPayer(bob.key.public)),
    ]
    revoke(stand, (ann, Reason.LIMITS))
    stand.commit(paid, *redeemed)
    before = stand.books()[3]["alatau"]
    assert [stand.redeem(outputs) for outputs in redeemed] == [(None, 100), (None, 200), (None, 40)]
    assert stand.books()[3]["alatau"] == before + 340
    assert stand.books()[2] == 0


def test_a_revoked_wallets_refresh_waits_for_its_own_bank(stand: CentralBankRig) -> None:
    """Whoever speaks for the new owner only is told that there is nothing for it."""
    ann = stand.ledger.person("ann")
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    revoke(stand, (ann, Reason.LIMITS))
    stand.commit(refreshed)
    *asked, _ = stand.asked(refreshed)
    assert stand.code(stand.zhibek, "/v1/redemptions", [*asked, None]) is Code.WALLET_REVOKED
    assert stand.redeem(refreshed) == (None, 200)
    assert stand.zhibek.post("/v1/redemptions", [*asked, None]) == [None, 200, 0]


def test_what_was_committed_before_the_revocation_is_paid_as_signed(stand: CentralBankRig) -> None:
    ann = stand.ledger.person("ann")
    refreshed = stand.ledger.redeem(ann, stand.fund(ann, 200), Refresh(Key.of("ann 2").public, (200,)))
    stand.commit(refreshed)
    stand.now += 1_000
    revoke(stand, (ann, Reason.LOST))
    issuance, value = stand.redeem(refreshed)
    assert issuance is not None
    assert value == 200


def test_revoking_a_wallet_reaches_every_certificate_of_its_key(stand: CentralBankRig) -> None:
    shop = stand.ledger.person("shop")
    renewed = cose.sign(
        replace(shop.certificate.body, wallet=named("new id"), expires=NOW + 80 * DAY),
        stand.ledger.world.bank_key("alatau").sign,
    )
    refreshed = stand.ledger.redeem(shop, stand.fund(shop, 200), Refresh(Key.of("shop 2").public, (200,)))
    revoke(stand, (shop, Reason.LOST))
    stand.commit(refreshed)
    stand.ledger.certificates = {renewed.id: renewed}
    assert stand.redeem(refreshed) == (None, 200)


def test_revocations_of_some_seconds_share_deltas_conflicts_first(stand: CentralBankRig) -> None:
    """`policy padded against gossip`: each was a delta, and word of a conflict came last."""
    cheat = stand.ledger.person("cheat")
    evidence = double_spend(stand, cheat)
    revoke(stand, (stand.ledger.person("first"), Reason.LOST))
    people = [stand.ledger.world.person(f"p{number}") for number in range(70)]
    for person in people:
        stand.alatau.post("/v1/revocations", body((person, Reason.LOST)))
    (promised,) = stand.alatau.post("/v1/revocations", body((cheat, Reason.CONFLICT), evidence=evidence))
    assert len(update(stand).deltas) == 1
    assert stand.registry.revoked_since(cheat.key.public) is not None, "it counts before it is listed"
    stand.now += POOL_SECONDS
    deltas = update(stand).deltas
    assert len(deltas) == promised == 1 + 3
    assert cheat.certificate.body.revocation_id in dict(deltas[1].body.revoked)
    assert len(policy(stand).revoked) == 72
    assert [delta.body.version for delta in update(stand).deltas] == [1, 2, 3, 4]


def test_what_is_pending_is_listed_after_a_restart_too(stand: CentralBankRig) -> None:
    revoke(stand, (stand.ledger.person("first"), Reason.LOST))
    stand.alatau.post("/v1/revocations", body((stand.ledger.person("ann"), Reason.LOST)))
    stand.registry._published = -POOL_SECONDS
    stand.registry.publish()
    assert len(policy(stand).revoked) == 2
