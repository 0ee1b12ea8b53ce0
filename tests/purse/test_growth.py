"""What a purse keeps and reads grows with what concerns it, not with what cheats and years pile up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ledger_sync.statements import steps_of
from tests.support.wallets import WalletNetwork
from tests.support.world import Key, Person
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_DELTAS
from wallet.protocol.bundle import Bundle
from wallet.protocol.cose import Signed
from wallet.protocol.directory import KeyChange, KeyEntry
from wallet.protocol.evidence import Contradiction
from wallet.protocol.keys import p256
from wallet.protocol.policy import Baseline, PolicyBase, PolicyDelta, Reason, digest_of
from wallet.protocol.transfer import Transfer
from wallet.purse.store.policy_book import KEPT_DELTAS, PolicyBook


def forks(net: WalletNetwork, name: str, count: int) -> tuple[list[Signed[Transfer]], Bundle]:
    """So many payments of one tiyn each by one wallet to one victim, all with one number."""
    cheat = net.wallet(name, *[2] * count)
    certificate = cheat.reconciling.certificate
    assert certificate is not None
    keystore = net.keystores[name]
    (alias,) = keystore.aliases()
    key = Key(name, keystore._key(alias), certificate.body.key)
    victim = net.certificate_of("victim").key
    made = []
    for own in cheat.tokens():
        person = Person(key, certificate)
        made.append(net.world.transfer(person, [own.token], victim, 1, bytes(16)))
    issuances = {
        own.token.ref.txid: cheat._purse.objects.issuance(own.token.ref.txid) for own in cheat.tokens()
    }
    return made, Bundle(tuple(made), tuple(issuances.values()), (certificate,), ())


def test_one_piece_of_evidence_is_enough_for_a_wallet(net: WalletNetwork) -> None:
    """`evidence fills a victims phone`: n(n - 1)/2 pieces, three signatures each."""
    victim = net.wallet("victim")
    made, bundle = forks(net, "cheat", 30)
    victim.reconciling.deliver(bundle, net.ledger.upload(bundle))
    (evidence,) = victim.evidence()
    assert evidence.kind is Contradiction.SEQUENCE_FORK
    assert {evidence.first.id, evidence.second.id} <= {transfer.id for transfer in made}
    assert victim.balance().held == 30


def revoked(net: WalletNetwork, name: str, first: int, last: int) -> None:
    for number in range(first, last):
        net.revoke(number.to_bytes(16, "big"), Reason.LOST)
    net.learn_policy(name)


def test_deltas_are_read_once_and_never_again(net: WalletNetwork) -> None:
    """`every delta at every payment`: all of them were read, parsed and verified, at opening and at each payment."""
    asel, _ = net.wallet("asel", 100_000), net.wallet("berik", bank="zhibek")
    revoked(net, "asel", 0, 40)
    with asel._purse.store.transaction():
        asel._purse.store.write("UPDATE policy_delta SET raw = x'00' WHERE version < 30")
    asel = net.open("asel")
    assert len(asel._purse.authority.policy.revoked) == 40
    assert asel._purse.authority.directory_at(0).banks
    revoked(net, "asel", 40, 41)
    assert len(asel._purse.authority.policy.revoked) == 41
    net.learn_policy("berik")
    net.pay("asel", "berik", 500)


def test_a_payment_costs_no_more_after_many_deltas(net: WalletNetwork) -> None:
    asel, _ = net.wallet("asel", *[1_000] * 4), net.wallet("berik", bank="zhibek")

    def cost() -> int:
        net.learn_policy("asel")
        net.learn_policy("berik")
        with steps_of(asel._purse.store._connection) as count:
            net.pay("asel", "berik", 1_000)
            return count()

    cost()
    before = cost()
    revoked(net, "asel", 0, 200)
    assert cost() < 1.25 * before


@pytest.mark.parametrize("removed", [False, True])
def test_what_is_kept_is_what_the_deltas_come_to(net: WalletNetwork, removed: bool) -> None:
    asel = net.wallet("asel")
    revoked(net, "asel", 0, 5)
    net.revoke(bytes(16), Reason.CONFLICT)
    if removed:
        net.revoke((1).to_bytes(16, "big"), Reason.CONFLICT)
    net.learn_policy("asel")
    held = asel._purse.authority.policy
    again = net.open("asel")._purse.authority.policy
    assert (again.version, again.head, dict(again.revoked), again.time) == (
        held.version,
        held.head,
        dict(held.revoked),
        held.time,
    )
    assert again.directory.banks == held.directory.banks
    assert again.revoked[bytes(16)] is Reason.CONFLICT


def test_what_has_a_verdict_is_looked_at_no_more_when_uploading(net: WalletNetwork) -> None:
    asel, shop = net.wallet("asel", *[1_000] * 30), net.merchant("shop")

    def cost() -> int:
        net.upload("shop")
        with steps_of(shop._purse.store._connection) as count:
            assert shop.reconciling.uploads.next().transfers == ()
            return count()

    net.pay("asel", "shop", 1_000)
    before = cost()
    for _ in range(20):
        net.pay("asel", "shop", 1_000)
    assert cost() <= before
    assert asel.balance().held == 9_000


def test_a_purse_keeps_the_last_deltas_and_those_that_changed_the_directory(net: WalletNetwork) -> None:
    """So it still knows what somebody far behind can verify, though it has no news for them."""
    asel, shop = net.wallet("asel", 1_000), net.merchant("shop")
    revoked(net, "asel", 0, 3)
    later = KeyEntry(p256(Key.of("alatau's next").public), net.world.now)
    change = KeyChange(0, "alatau", "Alatau", later)
    body = PolicyDelta(len(net.deltas) + 1, net.world.now, (), (), (change,))
    net.deltas.append(cose.sign(body, net.world.policy_key.sign))
    revoked(net, "asel", 4, KEPT_DELTAS + 40)
    newest = KEPT_DELTAS + 40
    for is_again in (False, True):
        opened = (net.open("asel") if is_again else asel)._purse
        rows = opened.store.rows("SELECT version FROM policy_delta ORDER BY version")
        assert [row["version"] for row in rows] == [4, *range(newest - KEPT_DELTAS + 1, newest + 1)]
        authority = opened.authority
        assert len(authority.policy.revoked) == newest - 1
        assert [later in authority.directory_at(at).banks[0].keys for at in (2, 3, 30, newest)] == [
            False,
            True,
            True,
            True,
        ]
        assert authority.update_for(2) is None
        assert authority.update_for(newest - KEPT_DELTAS - 1) is None
        update = authority.update_for(newest - KEPT_DELTAS)
        assert update is not None
        assert len(update.deltas) == MAX_DELTAS
        only = authority.update_for(3)
        assert only is not None
        assert ([delta.body.version for delta in only.deltas], only.head) == ([4], None)
    assert shop.reconciling.policy_version == 0
    received = net.pay("asel", "shop", 500)
    assert (received.code, shop.reconciling.policy_version) == (None, 0)


def test_a_purse_that_has_every_delta_there_ever_was_lets_them_go_step_by_step(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    revoked(net, "asel", 0, 60)
    asel._purse.authority._book = PolicyBook(asel._purse.store, kept=8, dropped=30)
    for number, left in ((60, 31), (61, 8), (62, 8)):
        revoked(net, "asel", number, number + 1)
        assert asel._purse.store.value("SELECT count(*) FROM policy_delta") == left
        assert len(asel._purse.authority.policy.revoked) == number + 1


def test_a_base_in_place_of_an_older_policy_keeps_what_others_are_known_to_know(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    later = KeyEntry(p256(Key.of("alatau's next").public), net.world.now)
    change = KeyChange(0, "alatau", "Alatau", later)
    net.deltas.append(cose.sign(PolicyDelta(1, net.world.now, (), (), (change,)), net.world.policy_key.sign))
    revoked(net, "asel", 1, 4)
    listed = ((bytes(16), Reason.LOST),)
    gone = KeyEntry(later.key, later.since, net.world.now + 9)
    body = PolicyBase(90, net.world.now, (replace(change, entry=gone),), digest_of(listed))
    assert asel.reconciling.take_base(Baseline(cose.sign(body, net.world.policy_key.sign), listed))
    for is_again in (False, True):
        authority = (net.open("asel") if is_again else asel)._purse.authority
        assert (authority.version, dict(authority.policy.revoked)) == (90, dict(listed))
        assert gone in authority.directory.banks[0].keys
        assert gone in authority.directory_at(90).banks[0].keys
        assert later in authority.directory_at(5).banks[0].keys
        assert authority.update_for(2) is None


def test_a_wallet_that_begins_with_a_base_goes_on_as_if_it_had_every_delta(net: WalletNetwork) -> None:
    net.wallet("berik", 50_000, bank="zhibek")
    revoked(net, "berik", 0, 20)
    full = net.wallets["berik"]._purse.authority.policy
    listed = tuple(sorted(full.revoked.items()))
    body = PolicyBase(full.version, net.world.now, (), digest_of(listed))
    base = Baseline(cose.sign(body, net.world.policy_key.sign), listed)
    asel = net.open("asel")
    asel.reconciling.take_root(net.world.root.public, net.world.signed_directory().encode())
    asel.reconciling.take_base(base)
    assert asel.reconciling.policy_version == 20
    revoked(net, "asel", 20, 23)
    asel.reconciling.take_base(base)
    net.certify("asel")
    asel = net.open("asel")
    assert asel.reconciling.policy_version == 23
    assert len(asel._purse.authority.policy.revoked) == 23
    assert asel._purse.authority.update_for(5) is None, "what it lacks itself it passes on to nobody"
    update = asel._purse.authority.update_for(21)
    assert update is not None
    assert [delta.body.version for delta in update.deltas] == [22, 23]
    net.pay("berik", "asel", 500)
    net.learn_policy("berik")
    net.pay("asel", "berik", 500)
