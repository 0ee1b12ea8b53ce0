"""References split among several notaries: each has its first commit wherever it lies, whatever ends in between.

The oracle is one notary that is asked for the same parts in the same order; where nobody is disturbed it is asked for
whole transfers, and comes to the same.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Barrier

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsm import failpoint
from ledger_sync.bank.api.node import Node
from ledger_sync.bank.plain.lane import Settled, Unsettled, Why
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.program import assemble
from ledger_sync.http.peers import NoAnswer
from ledger_sync.notary import CommitItem
from ledger_sync.sandbox.in_process import NOTARY, Death
from ledger_sync.service.at_once import ByThreads
from ledger_sync.settling.values import settle
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import BANKS, LedgerNetwork
from tests.ledger_sync.bank.settlers import take
from tests.ledger_sync.bank.story import NOTARIES, SPLIT
from tests.ledger_sync.bank.test_crashes import POINTS
from tests.ledger_sync.bank.test_crashes import told as story_told
from tests.ledger_sync.notary.backends import attestor, in_file, opened
from tests.sampling import sampled
from tests.support.eventually import eventually
from tests.support.world import Person
from wallet.protocol import codec
from wallet.protocol.batch import read_together
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.parts import prefix_of
from wallet.protocol.settlement import COMMITS, Commit, Verdict
from wallet.protocol.transfer import TokenRef, Transfer
from wallet.protocol.validity import Token

TOKENS = 6
SECONDS = 60
"""After which a test has failed."""
SPLITS: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {NOTARY: ("0",), "notary-b": ("1",)},
    NOTARIES,
    {NOTARY: ("0",), "notary-b": ("10",), "notary-c": ("110",), "notary-d": ("111",)},
)
CALLS = POINTS["bank.settle.commit"]
ENDS = ("bank.settle.commit", "bank.settle.committed", "notary.commit.claimed", "notary.commit.done")
Ended = tuple[Verdict, tuple[int, ...]]


@dataclass(frozen=True)
class Move:
    """A transfer of these tokens, shown to a bank; one service ends at so manieth step of a name, another is away."""

    tokens: frozenset[int]
    bank: str
    ends: tuple[str, int] | None = None
    away: int | None = None


@dataclass
class Story:
    """A payer who signs whatever it likes, and what the notaries were asked for, in this order."""

    net: LedgerNetwork
    asked: list[Sequence[Signed[Commit]]] = field(default_factory=list)
    made: list[tuple[Signed[Transfer], Customer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.net.between = self._between
        self.payer = self.net.customer("Payer")
        self.payees = {bank: self.net.customer(f"Payee at {bank}", bank) for bank in BANKS}
        self.tokens = [token for n in range(TOKENS) for token in self.payer.fund(1_000 + n)]

    def _between(
        self, _name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]
    ) -> httpx.Response:
        if request.url.path == "/v1/commits":
            values = codec.array(codec.decode(request.content, 1 << 20))
            self.asked.append([commit for value in values for commit in read_together(COMMITS, value)])
        return deliver()

    def pay(self, chosen: Sequence[Token], payee: Customer) -> Signed[Transfer]:
        """As if nothing else had been signed."""
        own = self.payer.person
        copied = Person(own.key, own.certificate, own.sequence, own.total)
        made = self.net.pay(copied, chosen, payee, sum(token.amount for token in chosen) - 5)
        self.made.append((made, payee))
        return made

    def play(self, moves: Sequence[Move]) -> None:
        notaries = list(self.net.network.plan.notaries)
        for move in moves:
            payee = self.payees[move.bank]
            made = self.pay([self.tokens[n] for n in sorted(move.tokens)], payee)
            away = set() if move.away is None else {notaries[move.away % len(notaries)]}
            self.net.down |= away
            with ended_at(move.ends), suppress(Refusal):
                payee.upload(made)
            self.net.down -= away
            self.net.network.revive()
        self.net.settle_down(6)

    def ended(self) -> list[Ended]:
        found = []
        for made, payee in self.made:
            row = payee.upload(made)[0]
            assert row.settlement is not None
            found.append((row.settlement.verdict, row.settlement.values))
        return found

    def expected(self) -> list[Ended]:
        """By one notary that is asked for the same parts, in the same order."""
        with TemporaryDirectory() as folder, closing(opened(in_file(Path(folder)))) as store:
            notary = attestor(store)
            for commits in self.asked:
                notary.commit([CommitItem.of(commit) for commit in commits])
            winners = {
                ref: said.body.consumer
                for commits in self.asked
                for commit in commits
                for ref, said in zip(commit.body.refs, notary.lookup(commit.body.refs), strict=True)
                if said is not None
            }
        worth = {token.ref: token.amount for token in self.tokens}
        outcomes = [
            settle(made, [winners[ref] for ref in made.body.inputs], [worth[ref] for ref in made.body.inputs])
            for made, _ in self.made
        ]
        return [(outcome.verdict, outcome.values) for outcome in outcomes]


@contextmanager
def ended_at(ends: tuple[str, int] | None) -> Iterator[None]:
    """A block in which whoever comes to that step the so manieth time dies there."""
    left = 0 if ends is None else ends[1]

    def reached(name: str) -> None:
        nonlocal left
        if ends is not None and name == ends[0] and left:
            left -= 1
            if not left:
                raise Death(name)

    with failpoint.watching(reached):
        yield


@contextmanager
def story(notaries: Mapping[str, tuple[str, ...]] | None, seed: int) -> Iterator[Story]:
    with TemporaryDirectory() as folder:
        net = LedgerNetwork(Path(folder), Random(seed).randbytes, notaries=notaries)
        try:
            yield Story(net)
        finally:
            net.close()


TAKEN = st.frozensets(st.integers(0, TOKENS - 1), min_size=1, max_size=4)
CALM = st.builds(Move, TAKEN, st.sampled_from(BANKS))
ROUGH = st.builds(
    Move,
    TAKEN,
    st.sampled_from(BANKS),
    st.none() | st.tuples(st.sampled_from(ENDS), st.integers(1, 4)),
    st.none() | st.integers(0, 3),
)


@settings(max_examples=3, deadline=None)
@given(moves=st.lists(CALM, min_size=2, max_size=4), split=st.sampled_from(SPLITS), seed=st.integers(0, 99))
def test_undisturbed_the_verdicts_are_those_of_one_notary(
    moves: list[Move], split: Mapping[str, tuple[str, ...]], seed: int
) -> None:
    found = []
    for notaries in (None, split):
        with story(notaries, seed) as told:
            told.play(moves)
            found.append(told.ended())
            assert found[-1] == told.expected()
    assert found[0] == found[1]


@settings(max_examples=6, deadline=None)
@given(moves=st.lists(ROUGH, min_size=2, max_size=4), split=st.sampled_from(SPLITS), seed=st.integers(0, 99))
def test_whatever_ends_between_them_each_reference_goes_to_whoever_was_first_where_it_lies(
    moves: list[Move], split: Mapping[str, tuple[str, ...]], seed: int
) -> None:
    with story(split, seed) as told:
        told.play(moves)
        assert told.ended() == told.expected()
        for commits in told.asked:
            assert len({part_of(split, ref) for commit in commits for ref in commit.body.refs}) == 1


def part_of(split: Mapping[str, tuple[str, ...]], ref: TokenRef) -> str:
    found = [prefix for prefixes in split.values() for prefix in prefixes]
    (prefix,) = [prefix for prefix in found if prefix_of(ref.txid, len(prefix)) == prefix]
    return prefix


def test_who_does_not_answer_holds_up_nothing_that_others_decide(tmp_path: Path) -> None:
    with story(SPLITS[0], 2) as told:  # by which tokens lie in both
        parts = [sorted(t.ref for t in told.tokens if part_of(SPLITS[0], t.ref) == prefix) for prefix in "01"]
        assert all(parts), "tokens lie in both"
        west, east = (next(t for t in told.tokens if t.ref == refs[0]) for refs in parts)
        payee = told.payees["zhibek"]
        both = told.pay([west, east], payee)
        others = [told.pay([token], payee) for token in told.tokens if token not in (west, east)]
        told.net.down.add("notary-b")
        payee.upload(both, *others)
        told.net.settle_down()
        settled = [payee.verdict(made).settlement is not None for made in others]
        lies = [part_of(SPLITS[0], made.body.inputs[0]) == "0" for made in others]
        assert settled == lies
        assert any(lies)
        assert not all(lies)
        assert payee.verdict(both).settlement is None
        told.net.down.clear()
        told.net.settle_down()
        assert {verdict for verdict, _ in told.ended()} == {Verdict.SETTLED}


@pytest.fixture
def by_threads() -> Iterator[tuple[Story, Node]]:
    """A bank's node that asks its two notaries at the same time."""
    with story(SPLITS[0], 2) as told:
        home = replace(told.net.network.homes["alatau"], at_once=ByThreads(0.0))
        other = assemble(home)
        try:
            yield told, other.node
        finally:
            other.service.close()


def in_each_part(told: Story) -> list[Signed[Transfer]]:
    """A transfer of the first part, one of the second, and one of both."""
    parts = [[token for token in told.tokens if part_of(SPLITS[0], token.ref) == prefix] for prefix in "01"]
    payee = told.payees["alatau"]
    return [told.pay(tokens, payee) for tokens in (parts[0][:1], parts[1][:1], [parts[0][1], parts[1][1]])]


def is_settled(node: Node, made: Signed[Transfer]) -> bool:
    return bool(node.context.storage.settlements.answered([made.id]))


def test_notaries_are_asked_at_the_same_time(by_threads: tuple[Story, Node]) -> None:
    told, node = by_threads
    both_asked = Barrier(2, timeout=SECONDS)

    def between(_name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path == "/v1/commits":
            both_asked.wait()
        return deliver()

    made = in_each_part(told)
    told.net.between = between
    take(node, told.net, told.payees["alatau"], *made)
    node.settler.settle()
    assert [is_settled(node, one) for one in made] == [True] * 3


def test_what_one_has_decided_is_settled_while_another_does_not_answer(
    by_threads: tuple[Story, Node],
) -> None:
    told, node = by_threads
    made = in_each_part(told)
    seen: list[list[bool]] = []

    def between(name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> httpx.Response:
        if (name, request.url.path) != ("notary-b", "/v1/commits"):
            return deliver()
        eventually(lambda: is_settled(node, made[0]), bool)
        seen.append([is_settled(node, one) for one in made])
        raise httpx.ConnectError("silent")

    told.net.between = between
    take(node, told.net, told.payees["alatau"], *made)
    with pytest.raises(NoAnswer):
        node.settler.settle()
    assert seen == [[True, False, False]]
    told.net.between = lambda _name, _request, deliver: deliver()
    node.settler.settle()
    assert [is_settled(node, one) for one in made] == [True] * 3


def test_plain_uploads_of_one_part_are_settled_while_another_does_not_answer(tmp_path: Path) -> None:
    with story(SPLITS[0], 2) as told:
        node, payee = told.net.banks["alatau"].node, told.payees["alatau"]
        payee.upload(told.net.pay(told.payer, told.payer.fund(7), payee, 7))  # certificates are known
        parts = [[one for one in told.tokens if part_of(SPLITS[0], one.ref) == prefix] for prefix in "01"]
        chosen = (parts[0][:1], parts[1][:1], [parts[0][1], parts[1][1]])
        made = [told.net.pay(told.payer, tokens, payee, 100) for tokens in chosen]
        uploader = uploader_of_customer(payee.account)
        uploads = [
            node.plain._reader.found(
                bundle, uploader, node.plain.seen(bundle, uploader), node.intake.signatures()
            )
            for bundle in [told.net.bundle([one]) for one in made]
        ]
        told.net.down.add("notary-b")
        ends = node.plain._settle_together([one for one in uploads if one is not None])
        assert [isinstance(end, Settled) for end in ends] == [True, False, False]
        assert [end.why for end in ends if isinstance(end, Unsettled)] == [Why.IN_VAIN] * 2
        asked = len(told.asked)
        assert payee.upload(made[1])[0].settlement is None
        assert len(told.asked) == asked, "who was silent just now is not asked by who can wait"
        told.net.down.clear()
        told.net.settle_down()
        assert all(payee.verdict(one).settlement is not None for one in made)


@pytest.mark.parametrize("hit", sampled("kills between notaries", range(1, CALLS + 1), 2))
def test_killed_between_two_notaries_it_comes_to_the_end_of_one(hit: int, tmp_path: Path) -> None:
    """By SIGKILL, of all services at once; the wallets go on with their side of it. How references fall to the notaries
    is chance: there are as many calls as with one, or more."""
    killed = story_told(tmp_path / "split", f"bank.settle.commit:{hit}", SPLIT)
    assert killed.status == -signal.SIGKILL, killed.err
    resumed = story_told(tmp_path / "split", None, SPLIT)
    assert resumed.status == 0, resumed.err
    whole = story_told(tmp_path / "whole", None)
    assert json.loads(resumed.out)["ending"] == json.loads(whole.out)["ending"]
