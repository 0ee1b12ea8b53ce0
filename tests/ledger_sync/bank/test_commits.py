"""Commits are signed once for all of a call; a notary that does not read that is asked in the version that it reads."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from ledger_sync.http.problems import MEDIA_TYPE, encode_problem, status_of
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import verdict
from wallet.protocol import codec
from wallet.protocol.batch import read_together
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import COMMITS, Commit, Commit2, Verdict


def refused(refusal: Refusal) -> httpx.Response:
    return httpx.Response(
        status_of(refusal.code),
        headers={"content-type": MEDIA_TYPE},
        stream=httpx.ByteStream(encode_problem(refusal)),
    )


class Watched:
    """Calls that commit at the notary: the commits of each, and what the notary of an older release says of them."""

    def __init__(self, net: LedgerNetwork, reads: frozenset[str]) -> None:
        self.calls: list[list[codec.Cbor]] = []
        self._reads = reads
        net.between = self._between

    def _between(
        self, _name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]
    ) -> httpx.Response:
        if request.url.path != "/v1/commits":
            return deliver()
        self.calls.append(codec.decode(request.content, 1 << 20))
        if self.kinds(-1) <= self._reads:
            return deliver()
        return refused(Refusal(Code.VERSION_UNKNOWN, {"kind": "qcm2"}))

    def commits(self, call: int) -> list[Signed[Commit]]:
        return [commit for raw in self.calls[call] for commit in read_together(COMMITS, raw)]

    def kinds(self, call: int) -> set[str]:
        return {commit.body.KIND.typ for commit in self.commits(call)}


def paid(net: LedgerNetwork, count: int) -> tuple[Customer, list[Verdict | None]]:
    payer, payee = net.customer(f"Payer {count}"), net.customer(f"Payee {count}")
    made = [net.pay(payer, [token], payee, 5) for token in payer.fund(*[5] * count)]
    return payee, [verdict(row) for row in payee.upload(*made)]


def test_all_commits_of_a_call_bear_one_signature(net: LedgerNetwork) -> None:
    watched = Watched(net, frozenset({Commit.KIND.typ, Commit2.KIND.typ}))
    _, verdicts = paid(net, 5)
    assert verdicts == [Verdict.SETTLED] * 5
    ((leaf,),) = watched.calls
    commits = watched.commits(0)
    assert watched.kinds(0) == {Commit2.KIND.typ}
    assert {commit.signature for commit in commits} == {leaf[3]}
    assert len({commit.id for commit in commits}) == 5


def test_a_notary_that_does_not_read_that_is_asked_in_the_first_version(net: LedgerNetwork) -> None:
    watched = Watched(net, frozenset({Commit.KIND.typ}))
    assert paid(net, 3)[1] == [Verdict.SETTLED] * 3
    assert paid(net, 2)[1] == [Verdict.SETTLED] * 2
    assert [watched.kinds(place) for place in range(len(watched.calls))] == [
        {Commit2.KIND.typ},
        {Commit.KIND.typ},
        {Commit.KIND.typ},
    ]
    assert [len(watched.commits(place)) for place in range(len(watched.calls))] == [3, 3, 2]


def test_what_the_notary_refuses_for_another_reason_is_not_asked_in_another_version(
    net: LedgerNetwork,
) -> None:
    payee, _ = paid(net, 1)
    calls: list[str] = []

    def refuse(_name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path != "/v1/commits":
            return deliver()
        calls.append(request.url.path)
        return refused(Refusal(Code.BUSY))

    net.between = refuse
    (token,) = payee.fund(7)
    (row,) = payee.upload(net.pay(payee, [token], net.customer("Another"), 7))
    assert row.settlement is None
    assert len(calls) == 1
