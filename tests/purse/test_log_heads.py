"""Heads of the notary's log in a purse: signed ones, few, and the newest of each log once a bank has compared them."""

from __future__ import annotations

import random

from tests.support.logs import Log
from tests.support.wallets import WalletNetwork
from tests.support.world import NOW, Key
from wallet.protocol.leaf import Extent
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Consumption2
from wallet.protocol.transfer import TokenRef
from wallet.purse.sync.log_heads import MOST, LogHeads


def log_of(number: int, leaves: int, key: str = "notary") -> Log:
    log = Log(Key.of(key), number)
    for n in range(leaves):
        ref = TokenRef(n.to_bytes(32, "big"), 0)
        log.append([Consumption2(n.to_bytes(32, "big"), "alatau", NOW, (ref,), bytes([number]) * 16)])
    return log


def heads_of(net: WalletNetwork) -> LogHeads:
    return net.wallet("asel").reconciling.log_heads


def test_only_what_the_notary_signed_is_kept(net: WalletNetwork) -> None:
    heads, log = heads_of(net), log_of(7, 3)
    good = log.head(NOW)
    heads.see(
        [
            log_of(7, 3, "nobody").head(NOW),
            LogHead(Extent(2, NOW, 7), good.root, good.signature),
            LogHead(good.extent, bytes(32), good.signature),
        ]
    )
    assert heads.kept() == ()
    heads.see([good, good])
    heads.see([LogHead(Extent(3, NOW + 1, 7), good.root, log.head(NOW + 1).signature)])
    assert heads.kept() == (good,), "one of the same log, size and root says nothing new"


def test_of_each_log_the_newest_stays_once_they_were_compared(net: WalletNetwork) -> None:
    heads, one, two = heads_of(net), log_of(1, 3), log_of(2, 2)
    first, second, third = (one.head(NOW + size, size) for size in (1, 2, 3))
    other = two.head(NOW)
    heads.see([first, second, other])
    heads.compared([first])
    assert set(heads.kept()) == {first, second, other}, "what was not compared yet is no reason to let go"
    heads.see([third])
    heads.compared([first, second, other])
    assert set(heads.kept()) == {second, third, other}
    heads.compared([second, third])
    assert set(heads.kept()) == {third, other}


def test_two_histories_are_both_kept(net: WalletNetwork) -> None:
    heads = heads_of(net)
    log, fork = log_of(1, 2), Log(Key.of("notary"), 1)
    fork.append(*[group.bodies for group in log_of(2, 2).groups])
    heads.see([log.head(NOW), fork.head(NOW)])
    assert len(heads.kept()) == 2


def test_there_are_never_many_and_those_of_the_latest_dates(net: WalletNetwork) -> None:
    heads, log, rng = heads_of(net), log_of(1, 5 * MOST), random.Random(1)
    times = rng.sample(range(NOW, NOW + 1_000), log.size)
    left = [log.head(time, size) for size, time in enumerate(times, 1)]
    seen: list[LogHead] = []
    while left:
        count = rng.randint(1, 3)
        heads.see(left[:count])
        seen, left = seen + left[:count], left[count:]
        assert heads.kept() == tuple(sorted(seen, key=lambda head: head.extent.time)[-MOST:])
