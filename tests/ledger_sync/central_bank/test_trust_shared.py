"""Trust that several processes of one service keep in one store: none is behind another for long, nor puts it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_sync.service.delta_log import USUAL_SIZES, DeltaSizes
from ledger_sync.service.policy_cache import PolicyCache
from tests.ledger_sync.central_bank.policies import revoke
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.postgres import Cluster
from tests.support.trust import trust_at
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.policy import PolicyUpdate, Reason


class Slow:
    """A line whose answers may be held back: given are those of an earlier question."""

    def __init__(self, rig: CentralBankRig) -> None:
        self._rig = rig
        self.held: dict[str, Cbor] = {}
        self.asked = 0

    def hold(self, *paths: str) -> None:
        """From now on the answers to these stay as they are."""
        self.held = {path: self._rig.alatau.get(path) for path in paths}

    def get(self, path: str) -> Cbor:
        self.asked += 1
        return self.held[path] if path in self.held else self._rig.alatau.get(path)


@pytest.fixture
def line(rig: CentralBankRig) -> Slow:
    return Slow(rig)


@pytest.fixture(params=["postgres", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a store of what a service goes by, in each engine."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'trust.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.lent("trust", lambda url: trust_at(url).close()) as url:
        yield url


@pytest.fixture
def pair(
    rig: CentralBankRig, line: Slow, kept: str, sizes: DeltaSizes
) -> Iterator[tuple[PolicyCache, PolicyCache]]:
    """The second one's answers may be slow. Both have been asked once."""
    root = rig.ledger.world.root.public
    first, second = (PolicyCache(trust_at(kept), root, asked, sizes=sizes) for asked in (rig.alatau, line))
    first.keep_fresh(rig.now, 30)
    second.keep_fresh(rig.now, 30)
    yield first, second
    first.close()
    second.close()


def lose(rig: CentralBankRig, *names: str) -> None:
    for name in names:
        revoke(rig, (rig.ledger.person(name), Reason.LOST))


def test_what_one_has_fetched_the_other_takes_without_asking(
    rig: CentralBankRig, pair: tuple[PolicyCache, PolicyCache], line: Slow
) -> None:
    first, second = pair
    lose(rig, "ann")
    first.keep_fresh(rig.now + 30, 30)
    asked = line.asked
    second.keep_fresh(rig.now + 1, 30)
    assert line.asked == asked
    assert second.policy == first.policy
    assert second.policy.version == 1


def test_both_fetch_the_same_and_it_is_stored_once(
    rig: CentralBankRig, pair: tuple[PolicyCache, PolicyCache]
) -> None:
    first, second = pair
    lose(rig, "ann", "bob")
    first.refresh()
    second.refresh()
    lose(rig, "cid")
    second.refresh()
    first.refresh()
    assert first.policy == second.policy
    assert first.update_since(0) == second.update_since(0)
    assert len(first.update_since(0).deltas) == 3


def test_who_is_behind_reads_on_before_it_answers_somebody_who_is_not(
    rig: CentralBankRig, pair: tuple[PolicyCache, PolicyCache]
) -> None:
    """A wallet that heard one process, and now asks the other, is told no less."""
    first, second = pair
    lose(rig, "ann")
    first.refresh()
    assert second.policy.version == 0
    said = PolicyUpdate.from_cbor(codec.decode(second.encoded_since(1).body, 2**20))
    assert said.head is not None
    assert said.head.body.version == 1
    lose(rig, "bob")
    first.refresh()
    assert second.update_since(2) == first.update_since(2)


def test_an_answer_that_was_long_under_way_puts_nothing_back(
    rig: CentralBankRig, pair: tuple[PolicyCache, PolicyCache], line: Slow, kept: str
) -> None:
    first, second = pair
    lose(rig, "ann")
    line.hold("/v1/policy?since=0")
    lose(rig, "bob")
    first.refresh()
    second.refresh()
    assert second.policy == first.policy
    third = PolicyCache(trust_at(kept), rig.ledger.world.root.public, line)
    assert third.policy == first.policy
    assert third.update_since(2) == first.update_since(2)
    third.close()


def test_a_base_that_one_has_fetched_the_other_gives_too(
    rig: CentralBankRig, pair: tuple[PolicyCache, PolicyCache]
) -> None:
    first, second = pair
    lose(rig, *(f"p{number}" for number in range(USUAL_SIZES.between_bases)))
    first.refresh()
    with pytest.raises(Refusal) as nothing:
        second.base()
    assert nothing.value.code is Code.NOT_FOUND
    second.keep_fresh(rig.now, 3_600)
    assert second.base() == first.base()


@pytest.mark.parametrize("sizes", [DeltaSizes(answer=8)])
def test_who_slept_while_deltas_went_goes_on_from_the_base_that_another_has_stored(
    rig: CentralBankRig,
    pair: tuple[PolicyCache, PolicyCache],
    line: Slow,
    kept: str,
    sizes: DeltaSizes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one that was ended between taking the base and removing deltas removes them when it runs again."""
    first, second = pair
    lose(rig, *(f"p{number}" for number in range(20)))
    with monkeypatch.context() as killed:
        killed.setattr(first, "_drop_old", lambda: None)
        first.refresh()
    store = trust_at(kept)
    assert store.value("select count(*) from deltas") == 20
    third = PolicyCache(trust_at(kept), rig.ledger.world.root.public, rig.alatau, sizes=sizes)
    third.refresh()
    assert store.value("select min(version) from deltas") == 13
    asked = line.asked
    second.keep_fresh(rig.now, 3_600)
    assert line.asked == asked
    assert second.policy == third.policy == first.policy
    assert len(second.policy.revoked) == 20
    for since in (3, 11, 12, 19, 20):
        assert second.update_since(since) == third.update_since(since) == first.update_since(since)
    assert second.update_since(11) == PolicyUpdate(None, ())
    assert len(second.update_since(12).deltas) == 8
    store.close()
    third.close()
