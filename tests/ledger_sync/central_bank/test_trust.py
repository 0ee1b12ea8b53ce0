"""Trust: what a service believes of directory and policy, keeps over a restart, and follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.http.peers import RemoteRefusal
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE, USUAL_SIZES
from ledger_sync.service.policy_cache import PolicyCache
from tests.ledger_sync.central_bank.policies import policy, revoke, update
from tests.ledger_sync.central_bank.rig import OPERATOR, CentralBankRig
from tests.support.deals import refusal_of
from tests.support.trust import trust_in
from tests.support.world import NOW, Key
from wallet.protocol import codec, cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory, read_directory
from wallet.protocol.policy import Baseline, PolicyUpdate, Reason


def test_many_deltas_come_in_parts_and_the_head_last(rig: CentralBankRig, tmp_path: Path) -> None:
    world = rig.ledger.world
    for n in range(MAX_DELTAS_ONLINE + 3):
        rig.now += POOL_SECONDS
        rig.registry.revoke("alatau", [(world.person(f"p{n}").possession(), Reason.LOST)], None)
    first = update(rig)
    assert (len(first.deltas), first.head) == (MAX_DELTAS_ONLINE, None)
    rest = update(rig, MAX_DELTAS_ONLINE)
    assert len(rest.deltas) == 3
    assert rest.head is not None
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), world.root.public, rig.alatau)
    trust.refresh()
    assert len(trust.policy.revoked) == MAX_DELTAS_ONLINE + 3
    assert trust.update_since(0).head is None
    assert trust.update_since(MAX_DELTAS_ONLINE) == rest
    trust.close()


def test_trust_is_kept_over_a_restart_and_follows_what_is_new(rig: CentralBankRig, tmp_path: Path) -> None:
    world = rig.ledger.world
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), world.root.public, rig.alatau)
    assert not trust.is_ready
    trust.keep_fresh(rig.now, 30)
    revoke(rig, (rig.ledger.person("ann"), Reason.LOST))
    trust.keep_fresh(rig.now + 29, 30)
    assert trust.policy.version == 0
    trust.keep_fresh(rig.now + 30, 30)
    assert trust.policy.version == 1
    trust.close()
    again = PolicyCache(trust_in(tmp_path / "trust.db"), world.root.public, rig.alatau)
    assert again.policy.version == 1
    caller = again.identify(world.bank_key("zhibek").public, NOW)
    assert caller is not None
    assert caller.name == "zhibek"
    assert again.identify(OPERATOR.public, NOW) is None
    again.close()


def test_trust_takes_nothing_from_another_root(rig: CentralBankRig, tmp_path: Path) -> None:
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), Key.of("another root").public, rig.alatau)
    with pytest.raises(Refusal, match=Code.DIRECTORY_SIGNATURE.value):
        trust.refresh()
    assert not trust.is_ready
    trust.close()


class Lying:
    """Somebody on the line who changes what the central bank says about the policy."""

    def __init__(self, rig: CentralBankRig, change: Callable[[PolicyUpdate], PolicyUpdate]) -> None:
        self._stand = rig
        self._change = change

    def get(self, path: str) -> Cbor:
        answer = self._stand.alatau.get(path)
        if not path.startswith("/v1/policy"):
            return answer
        return self._change(PolicyUpdate.from_cbor(answer, most=MAX_DELTAS_ONLINE)).to_cbor()


def test_what_a_liar_says_is_neither_believed_nor_kept(rig: CentralBankRig, tmp_path: Path) -> None:
    root = rig.ledger.world.root.public
    revoke(rig, (rig.ledger.person("ann"), Reason.LOST))
    revoke(rig, (rig.ledger.person("bob"), Reason.LOST))
    true = update(rig)
    assert true.head is not None
    stranger = Key.of("stranger").sign
    forged = cose.sign(replace(true.deltas[0].body, revoked=()), stranger)
    old_head = cose.sign(replace(true.head.body, time=true.head.body.time + 1), stranger)
    for change, code in (
        (replace(true, deltas=(forged, true.deltas[1])), Code.POLICY_SIGNATURE),
        (replace(true, deltas=(forged,), head=None), Code.POLICY_SIGNATURE),
        (replace(true, deltas=true.deltas[1:]), Code.POLICY_GAP),
        (replace(true, deltas=true.deltas[:1]), Code.POLICY_GAP),
        (replace(true, head=old_head), Code.POLICY_SIGNATURE),
        (PolicyUpdate(None, ()), Code.POLICY_GAP),
    ):
        lying = Lying(rig, lambda _true, change=change: change)  # type: ignore[misc]
        trust = PolicyCache(trust_in(tmp_path / "trust.db"), root, lying)
        with pytest.raises(Refusal) as caught:
            trust.refresh()
        assert (caught.value.code, trust.is_ready) == (code, False)
        with pytest.raises(Refusal, match=Code.BUSY.value):
            trust.identify(OPERATOR.public, NOW)
        trust.close()
    honest = PolicyCache(trust_in(tmp_path / "trust.db"), root, rig.alatau)
    honest.refresh()
    assert honest.policy.version == 2
    honest.close()


def test_who_begins_begins_with_the_newest_base(rig: CentralBankRig, tmp_path: Path) -> None:
    """Else a new wallet had every delta since the first to verify; and beyond 256 of them it could not begin."""
    world, root = rig.ledger.world, rig.ledger.world.root.public
    people = [world.person(f"p{number}") for number in range(USUAL_SIZES.between_bases + 3)]
    with pytest.raises(Refusal) as nothing:
        rig.alatau.get("/v1/base")
    assert nothing.value.code is Code.NOT_FOUND
    for person in people:
        revoke(rig, (person, Reason.LOST))
    baseline = Baseline.from_cbor(rig.alatau.get("/v1/base"))
    assert baseline.base.body.version == USUAL_SIZES.between_bases
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), root, rig.alatau)
    trust.refresh()
    assert codec.decode(trust.base().body, 2**20) == baseline.to_cbor()
    trust.close()
    again = PolicyCache(trust_in(tmp_path / "trust.db"), root, rig.alatau)
    assert codec.decode(again.base().body, 2**20) == baseline.to_cbor()
    again.close()
    directory = Directory.of(read_directory(rig.alatau.get("/v1/directory")), root)
    start = baseline.policy(directory)
    assert start.apply(update(rig, USUAL_SIZES.between_bases)).revoked == policy(rig).revoked
    assert start.apply(update(rig, USUAL_SIZES.between_bases)).head == policy(rig).head
    for changed in (
        replace(baseline, revoked=baseline.revoked[1:]),
        replace(baseline, base=cose.sign(baseline.base.body, Key.of("stranger").sign)),
    ):
        with pytest.raises(Refusal) as refused:
            changed.policy(directory)
        assert refused.value.code is Code.POLICY_SIGNATURE


class Alone:
    """A central bank of the time when there was one form, and whoever asks it."""

    def __init__(self, rig: CentralBankRig) -> None:
        self._stand = rig
        self.asked: list[str] = []

    def get(self, path: str) -> Cbor:
        self.asked.append(path)
        if path == "/v1/directories":
            raise RemoteRefusal(Code.NOT_FOUND)
        if path == "/v1/directory":
            return self._stand.registry.published().forms[-1].to_cbor()
        return self._stand.alatau.get(path)


def test_a_service_that_holds_the_first_form_alone_goes_by_it_and_takes_the_second_when_it_comes(
    rig: CentralBankRig, tmp_path: Path
) -> None:
    root, old = rig.ledger.world.root.public, Alone(rig)
    trust = PolicyCache(trust_in(tmp_path / "trust.db"), root, old)
    trust.refresh()
    assert [form.body.KIND.typ for form in trust.published().forms] == ["qbd1"]
    assert refusal_of(lambda: trust.directory_for(frozenset({"qbd2"}))) is Code.READER_OUTDATED
    trust.refresh()
    assert old.asked.count("/v1/directories") == 1
    trust.close()
    later = PolicyCache(trust_in(tmp_path / "trust.db"), root, rig.alatau)
    assert [form.body.KIND.typ for form in later.published().forms] == ["qbd1"]
    before = later.policy
    later.refresh()
    assert [form.body.KIND.typ for form in later.published().forms] == ["qbd2", "qbd1"]
    assert later.policy == before
    later.close()
    again = PolicyCache(trust_in(tmp_path / "trust.db"), root, rig.alatau)
    assert again.published() == later.published()
    again.close()
