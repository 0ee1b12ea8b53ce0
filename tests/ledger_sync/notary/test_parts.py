"""Notaries among whom references are split: each decides its own and says nothing of others, with a log of its own."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from hsm import failpoint
from hsm.memory import MemoryKeystore
from ledger_sync.audit.log import Audit, Wrong
from ledger_sync.central_bank.directories import SPLIT_SECONDS
from ledger_sync.heard import read_page
from ledger_sync.http.call import Signer
from ledger_sync.notaries import Notaries
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, Death, InProcessNetwork, Plan
from ledger_sync.service.backup import RESTORED
from ledger_sync.service.settings import SettingsError
from tests.ledger_sync.notary.backends import consumer, ref
from tests.support.world import DAY, NOW, Key, keystore_of
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.keys import p256
from wallet.protocol.log import LogHead
from wallet.protocol.parts import prefix_of, role_of
from wallet.protocol.settlement import (
    Commit,
    Consumption,
    Consumption2,
    check_consumption,
    read_consumption,
)
from wallet.protocol.transfer import TokenRef

AUDITOR = Key.of("auditor")
BEFORE = Key.of("notary before it was split")
OTHER = "notary-b"
SPLIT = {NOTARY: ("0",), OTHER: ("1",)}
BY_PREFIX = {"0": NOTARY, "1": OTHER}


def of_part(prefix: str, name: str = "") -> TokenRef:
    """A reference of a part."""
    found = (ref(f"{name} {number}") for number in range(1_000))
    return next(one for one in found if prefix_of(one.txid, len(prefix)) == prefix)


class Network(InProcessNetwork):
    now = NOW

    @classmethod
    def made(
        cls,
        folder: Path,
        keystores: Mapping[str, MemoryKeystore] | None = None,
        notaries: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Network:
        chance = random.Random(len(keystores or ())).randbytes
        plan = Plan(auditors=(AUDITOR.public,))
        if notaries is not None:
            plan = replace(plan, notaries=notaries)
        return cls(folder, lambda: cls.now, lambda _name: chance, plan, keystores)

    def commit(self, notary: str, name: str, *refs: TokenRef) -> list[Signed[Consumption]]:
        signer = self.signer("alatau", "bank")
        signed = cose.sign(Commit("alatau", consumer(name), tuple(sorted(refs)), self.now), signer.sign)
        (said,) = self.line("alatau", notary, signer).post("/v1/commits", [signed.to_cbor()])
        statements = [read_consumption(value) for value in said]
        for statement in statements:
            check_consumption(statement, self.directory)
        return statements

    @property
    def directory(self) -> Directory:
        return self.banks["alatau"].trust.directory

    def ask_anew(self, *names: str) -> None:
        """A service that was just started asks for heads and directory in its first round."""
        for name in names:
            self.stop(name)
            self.start(name)
            self.work(name)

    def heads(self, name: str) -> tuple[list[LogHead], list[codec.Cbor]]:
        heads, evidence = self.line("alatau", name, self.signer("alatau", "bank")).get("/v1/log/heads")
        return [LogHead.from_cbor(value) for value in heads], evidence

    def audited(self, notary: str) -> list[tuple[Wrong, int | None]]:
        line = self.line("auditor", notary, Signer(AUDITOR.public, AUDITOR.sign))
        return [(found.wrong, found.index) for found in Audit(line, self.directory).run().findings]

    def consumed(self, notary: str) -> dict[TokenRef, bytes]:
        """What a bank is told that it consumed, and for whom."""
        signer = self.signer("alatau", "bank")
        answer = self.line("alatau", notary, signer).get("/v1/consumptions", {"since": 0, "after": 0})
        _, said = read_page(answer, self.directory)
        return {one: statement.body.consumer for statement in said for one in statement.body.refs}

    def refused(self, notary: str, name: str, *refs: TokenRef) -> Code:
        with pytest.raises(Refusal) as caught:
            self.commit(notary, name, *refs)
        return caught.value.code


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    Network.now = NOW
    network = Network.made(tmp_path / "net", notaries=SPLIT)
    network.found()
    network.work()
    yield network
    network.close()


def test_each_decides_its_own_and_refuses_what_another_decides(network: Network) -> None:
    west, east = of_part("0"), of_part("1")
    for wrong, right, one in ((OTHER, NOTARY, west), (NOTARY, OTHER, east)):
        assert network.refused(wrong, "a", one) is Code.AUTH_FORBIDDEN
        assert network.refused(wrong, "a", west, east) is Code.AUTH_FORBIDDEN
        assert [said.body.consumer for said in network.commit(right, "b", one)] == [consumer("b")]
        line = network.line("alatau", wrong, network.signer("alatau", "bank"))
        assert line.post("/v1/lookups", [west.to_cbor(), east.to_cbor()])[int(wrong == NOTARY)] is None
    keys = {role: entries[0].key for role, entries in network.directory.roles.items() if role in (34, 35)}
    assert len(set(keys.values())) == 2
    for one, role in ((west, 34), (east, 35)):
        ((said,),) = [network.commit(BY_PREFIX[prefix_of(one.txid, 1)], "c", one)]
        assert said.signed_by(keys[role])


def test_each_has_a_log_of_its_own_of_which_everybody_keeps_the_head(network: Network) -> None:
    for number in range(4):
        for prefix, notary in BY_PREFIX.items():
            network.commit(notary, f"{number}", of_part(prefix, f"{number}"))
            if prefix == "1":
                network.commit(notary, f"more {number}", of_part(prefix, f"more {number}"))
        network.ask_anew("alatau", "zhibek", CENTRAL_BANK)
        for name in ("alatau", "zhibek", CENTRAL_BANK):
            heads, evidence = network.heads(name)
            assert evidence == []
            assert sorted(head.extent.size for head in heads) == [number + 1, 2 * (number + 1)]
    assert [network.audited(notary) for notary in SPLIT] == [[], []]


def test_an_auditor_finds_what_a_notary_took_from_another(network: Network) -> None:
    network.commit(OTHER, "a", of_part("1"))
    network.stop(OTHER)
    made_up = Consumption2(consumer("b"), "alatau", NOW, (of_part("0"),), b"salt".ljust(16, b"."))
    with closing(sqlite3.connect(network.folder / OTHER / "notary.db")) as db:
        raw = codec.encode(made_up.to_cbor())
        db.execute("insert into claims (number, entry, proof) values (2, ?, x'')", (raw,))
        db.commit()
    network.start(OTHER)
    network.commit(OTHER, "c", of_part("1", "another"))
    assert network.audited(OTHER) == [(Wrong.ELSEWHERE, 1)]


def test_the_key_of_a_part_follows_without_the_others(network: Network) -> None:
    (key,) = network.operate(OTHER, "/v1/keys/own", ["notary", 2])
    order = [role_of("1"), "", key, NOW + DAY, 0]
    network.operate(CENTRAL_BANK, "/v1/keys", order)
    with pytest.raises(Refusal) as whole:
        network.operate(CENTRAL_BANK, "/v1/keys", [int(Role.NOTARY), "", key, NOW + DAY, 0])
    assert whole.value.code is Code.MALFORMED
    Network.now = NOW + DAY + 1
    network.work()
    network.ask_anew("alatau", *SPLIT)
    (east,) = network.commit(OTHER, "a", of_part("1"))
    (west,) = network.commit(NOTARY, "a", of_part("0"))
    assert east.signed_by(p256(key))
    assert west.signed_by(p256(network.keystores[NOTARY].public_key("notary")))
    assert p256(key) in network.directory.keys(Role.NOTARY, network.now), "for who knows no parts"


def test_one_notary_is_split_while_it_runs_and_what_it_said_stands(tmp_path: Path) -> None:
    """It decides until the parts begin; then its store is copied, and each goes on with what it had."""
    Network.now = NOW
    whole = Network.made(tmp_path / "net")
    whole.found()
    whole.work()
    west, east, shared = of_part("0"), of_part("1"), of_part("1", "shared")
    whole.commit(NOTARY, "a", west, shared)
    other = Key.of(OTHER)
    keys = announced(whole, other)
    whole.ask_anew(NOTARY, "alatau")
    whole.commit(NOTARY, "b", east)
    Network.now = NOW + SPLIT_SECONDS
    whole.work()
    assert whole.refused(NOTARY, "c", of_part("0", "new")) is Code.AUTH_FORBIDDEN
    assert whole.refused(NOTARY, "c", of_part("1", "new")) is Code.AUTH_FORBIDDEN
    whole.close()

    shutil.copytree(whole.folder / NOTARY, whole.folder / OTHER)
    (whole.folder / OTHER / RESTORED).touch()
    split = Network.made(
        whole.folder, {**whole.keystores, OTHER: keystore_of({"notary": other})}, notaries=SPLIT
    )
    with closing(split):
        split.found()
        split.work()
        assert [said.body.consumer for said in split.commit(OTHER, "d", east)] == [consumer("b")]
        (said,) = split.commit(NOTARY, "d", west)
        assert said.body.refs == tuple(sorted([west, shared])), "its word on both, from before"
        assert [said.id for said in split.commit(OTHER, "d", shared)] == [said.id]
        for name, one in ((NOTARY, west), (OTHER, shared)):
            (again,) = split.commit(name, "d", one)
            assert again.leaf is not None
            assert again.leaf.extent.time < Network.now, "no head since then is good for both"
        assert split.refused(OTHER, "d", west) is Code.AUTH_FORBIDDEN
        for prefix, notary in BY_PREFIX.items():
            (fresh,) = split.commit(notary, "e", of_part(prefix, "new"))
            assert fresh.signed_by(p256(keys[prefix]))
            assert split.audited(notary) == []
        split.ask_anew("alatau", CENTRAL_BANK)
        heads, evidence = split.heads("alatau")
        assert len({head.extent.log for head in heads}) >= 2
        assert evidence == []


def announced(whole: Network, other: Key) -> dict[str, bytes]:
    """The next directory names two parts, the second by the key of another; their keys."""
    keys = {"0": whole.keystores[NOTARY].public_key("notary"), "1": other.public}
    parts = {
        prefix: {"url": f"http://{name}.test:8000", "key": keys[prefix].hex()}
        for prefix, name in BY_PREFIX.items()
    }
    whole.restart(CENTRAL_BANK, notary=parts)
    whole.operate(CENTRAL_BANK, "/v1/handovers", [2])
    return keys


UNSAID: Final = """
select count(*) from claims where statement is null and number > (
    select max(size) from (select head_size as size from log union select size from heads) as under
)
"""


@dataclass(frozen=True)
class Halved:
    """A notary that is about to be split in two, with claims that were never said."""

    folder: Path
    keystores: Mapping[str, MemoryKeystore]
    whole: Network
    other: Key

    def unsaid(self) -> list[tuple[int]]:
        """As the runbook of docs/cluster.md counts them."""
        with closing(sqlite3.connect(self.folder / NOTARY / "notary.db")) as db:
            return db.execute(UNSAID).fetchall()

    @contextmanager
    def split(self, keys: Mapping[str, Key] | None = None) -> Iterator[Network]:
        """It is stopped, and both halves are at work, the second with these keys, or else its own alone."""
        self.whole.close()
        shutil.copytree(self.folder / NOTARY, self.folder / OTHER)
        (self.folder / OTHER / RESTORED).touch()
        own = keystore_of(keys or {"notary": self.other})
        split = Network.made(self.folder, {**self.keystores, OTHER: own}, notaries=SPLIT)
        with closing(split):
            split.found()
            split.work()
            yield split


LEFT: Final = (of_part("0", "left"), of_part("1", "left"))
SHARED: Final = (of_part("0", "shared"), of_part("1", "shared"))


@pytest.fixture
def halved(tmp_path: Path) -> Halved:
    """It died after it had claimed, and the bank that asked has forgotten that."""
    return halving(tmp_path, (LEFT[0],), (LEFT[1],), SHARED)


def halving(folder: Path, *unsaid: tuple[TokenRef, ...]) -> Halved:
    """What was claimed and never said."""
    Network.now = NOW
    made = Network.made(folder / "keys").keystores
    whole = Network.made(folder / "net", {**made, NOTARY: keystore_of({"notary": BEFORE})})
    whole.found()
    whole.work()
    whole.commit(NOTARY, "a", of_part("1", "said"))
    for some in unsaid:
        with pytest.raises(Refusal), failpoint.watching(dies_having_claimed):
            whole.commit(NOTARY, "a", *some)
        whole.revive()
    whole.work()
    other = Key.of(OTHER)
    announced(whole, other)
    Network.now = NOW + SPLIT_SECONDS
    whole.work()
    return Halved(whole.folder, whole.keystores, whole, other)


def dies_having_claimed(step: str) -> None:
    if step == "notary.commit.claimed":
        raise Death(step)


def test_what_was_claimed_in_both_parts_and_never_said_before_a_split_needs_the_key_of_then(
    halved: Halved,
) -> None:
    """Without it the whole call is put off, for what is signed by a later key would never verify. What was claimed in
    one part is in that part's log."""
    assert halved.unsaid() == [(3,)]
    with halved.split() as split:
        with pytest.raises(Refusal) as refused:
            split.commit(OTHER, "b", of_part("1", "new"), SHARED[1])
        assert (refused.value.code, refused.value.facts["cause"]) == (Code.BUSY, "key_unknown")
        (said,) = split.commit(NOTARY, "b", SHARED[0])
        assert (said.body.consumer, said.signed_by(p256(BEFORE.public))) == (consumer("a"), True)
        (said,) = split.commit(OTHER, "b", LEFT[1])
        assert (said.body.consumer, said.signed_by(p256(halved.other.public))) == (consumer("a"), True)


def test_a_part_whose_keystore_is_a_copy_with_one_more_key_says_it(halved: Halved) -> None:
    assert halved.unsaid() == [(3,)]
    with halved.split({"notary": BEFORE, "notary-2": halved.other}) as split:
        fresh = split.commit(OTHER, "b", of_part("1", "new"))[0]
        (said,) = split.commit(OTHER, "b", SHARED[1])
        assert said.body.consumer == consumer("a")
        assert said.signed_by(p256(BEFORE.public))
        assert fresh.signed_by(p256(halved.other.public))
        assert split.audited(OTHER) == []


def test_a_bank_that_starts_has_it_said_while_the_notary_of_before_is_there(halved: Halved) -> None:
    assert halved.unsaid() == [(3,)]
    halved.whole.ask_anew("alatau")
    assert halved.unsaid() == [(0,)]
    with halved.split() as split:
        for one in (LEFT[1], SHARED[1]):
            (said,) = split.commit(OTHER, "b", one)
            assert said.body.consumer == consumer("a")


def test_what_a_bank_consumed_is_told_without_waiting_for_what_another_part_never_said(
    tmp_path: Path,
) -> None:
    """That part says it itself: between them they tell all, and each what it decides."""
    with halving(tmp_path, (LEFT[0],)).split() as split:
        new = of_part("1", "new")
        split.commit(OTHER, "b", new)
        assert split.consumed(OTHER) == {of_part("1", "said"): consumer("a"), new: consumer("b")}
        assert split.consumed(NOTARY) == {LEFT[0]: consumer("a")}


def test_what_it_told_under_a_head_of_before_it_was_put_back_counts_as_said(halved: Halved) -> None:
    """It signs no head of the log that it began then."""
    (halved.folder / NOTARY / RESTORED).touch()
    halved.whole.ask_anew(NOTARY)
    assert halved.unsaid() == [(3,)]
    halved.whole.ask_anew("alatau")
    assert halved.unsaid() == [(0,)]


@pytest.mark.parametrize(
    "setting",
    [{"0": "http://a"}, {"0": "http://a", "01": "http://b", "1": "http://c"}, {"2": "http://a"}, {}],
)
def test_a_setting_that_leaves_a_reference_to_nobody_or_to_two_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        Notaries.of(setting, str)
    assert refused.value.setting == "notary"
