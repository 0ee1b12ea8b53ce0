"""A wallet follows its root to the one that it has handed over to, keeps its money, and is led back by nobody."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.support.deals import refusal_of
from tests.support.wallets import WalletNetwork
from tests.support.world import Key, World
from tests.vectors.growing import role_change
from wallet.protocol import cose
from wallet.protocol.codes import Code
from wallet.protocol.directory import DirectoryBody2
from wallet.protocol.handover import Handover
from wallet.protocol.keys import p256
from wallet.protocol.policy import PolicyUpdate

SECOND, THIRD = Key.of("second root"), Key.of("third root")


def handed(world: World, old: Key, new: Key, version: int) -> Handover:
    first = world.signed_directory().body
    body = DirectoryBody2(version, first.time, first.banks, first.roles, p256(new.public))
    return Handover(cose.sign(body, old.sign), cose.sign(body, new.sign))


def test_a_wallet_follows_and_its_money_and_policy_stay(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    net.deltas.append(cose.sign(role_change(9), net.world.policy_key.sign))
    net.learn_policy("asel")
    before = asel._purse.authority.policy
    chain = (handed(net.world, net.world.root, SECOND, 2), handed(net.world, SECOND, THIRD, 3))
    assert asel.reconciling.take_handovers(chain)
    assert not asel.reconciling.take_handovers(chain)
    assert asel.root() == THIRD.public
    after = net.open("asel")._purse.authority.policy
    assert after.directory.version == 3
    assert (after.version, after.head, after.revoked, after.directory.roles) == (
        before.version,
        before.head,
        before.revoked,
        before.directory.roles,
    )
    assert net.pay("asel", "berik", 100_000).code is None
    assert berik.balance().spendable == 100_000


def test_setting_up_again_with_the_root_it_was_given_is_harmless(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    asel.reconciling.take_handovers([handed(net.world, net.world.root, SECOND, 2)])
    directory = net.world.signed_directory().encode()
    asel.reconciling.take_root(net.world.root.public, directory)
    assert asel.root() == SECOND.public
    stranger = Key.of("stranger").public
    assert refusal_of(lambda: asel.reconciling.take_root(stranger, directory)) is Code.DIRECTORY_SIGNATURE


def test_a_new_wallet_that_was_given_an_old_root_begins_with_the_last(net: WalletNetwork) -> None:
    asel, chain = net.open("asel"), (handed(net.world, net.world.root, SECOND, 2),)
    newest = chain[0].new.encode()
    given = net.world.root.public
    assert refusal_of(lambda: asel.reconciling.take_root(given, newest)) is Code.DIRECTORY_SIGNATURE
    assert refusal_of(asel.root) is Code.RECONCILE_FIRST
    asel.reconciling.take_root(given, newest, chain)
    assert asel.root() == SECOND.public
    asel.reconciling.take_root(given, newest)
    assert asel.directory() == newest


def test_nobody_leads_a_wallet_back_or_elsewhere(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    first = net.world.root
    asel.reconciling.take_handovers([handed(net.world, first, SECOND, 2)])
    thief = handed(net.world, first, Key.of("thief"), 9)
    assert not asel.reconciling.take_handovers([thief])
    none = PolicyUpdate(None, ())
    for raw in (thief.new, thief.old, handed(net.world, first, SECOND, 2).old):
        refusal = refusal_of(partial(asel.reconciling.take_policy, raw.encode(), none))
        assert refusal is Code.DIRECTORY_SIGNATURE
    later = net.world.signed_directory()
    old_form = cose.sign(replace(later.body, version=7), first.sign).encode()
    assert refusal_of(lambda: asel.reconciling.take_policy(old_form, none)) is Code.DIRECTORY_SIGNATURE
    assert not asel.reconciling.take_handovers([handed(net.world, SECOND, THIRD, 2)])
    assert asel.root() == SECOND.public
