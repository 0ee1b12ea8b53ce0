"""The notary over HTTP: who may commit, for whom, and what a hostile body gets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.reading import READS_ALONE
from ledger_sync.http.routes import MAX_ROWS, CallerKind
from ledger_sync.notary.service import MAX_COMMITS, MAX_REFS, Notary
from ledger_sync.sandbox.in_process import run_inline
from ledger_sync.service.policy_cache import principal
from ledger_sync.service.quotas import USUAL, Quotas
from ledger_sync.service.server import Authenticator, build_app
from tests.ledger_sync.notary.backends import attestor, consumer, in_file, opened, ref
from tests.support.asgi import InProcess
from tests.support.inside import SIGNING, SIGNING_HEAD, VERIFYING, watching
from tests.support.nonces import nonces_in_memory
from tests.support.world import NOW, Key, World
from wallet.protocol import cose
from wallet.protocol.batch import sign_batch, together
from wallet.protocol.bounds import MAX_INPUTS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import (
    CENTRAL_BANK,
    Commit,
    Commit2,
    Consumption,
    check_consumption,
    read_consumption,
)
from wallet.protocol.transfer import TokenRef

WORLD = World()
DIRECTORY = WORLD.directory()
ALATAU, ZHIBEK = WORLD.bank_key("alatau"), WORLD.bank_key("zhibek")


class Stand:
    def __init__(self, folder: Path, quotas: Quotas | None = None) -> None:
        store = opened(in_file(folder))
        self.notary = Notary(store, attestor(store), lambda: DIRECTORY)
        gate = Authenticator(
            "notary.test", lambda key, now: principal(DIRECTORY, key, now), nonces_in_memory(), lambda: NOW
        )
        self.app = build_app("Notary", self.notary.routes(), gate, run_inline, quotas=quotas)

    def client(self, key: Key) -> ServiceClient:
        return ServiceClient(
            "http://notary.test",
            key.public,
            key.sign,
            lambda: NOW,
            os.urandom,
            connect=lambda _: InProcess(self.app),
        )


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    stand.notary.close()


def signed(name: str, *refs: TokenRef, bank: str = "alatau", key: Key = ALATAU) -> Cbor:
    return cose.sign(Commit(bank, consumer(name), tuple(sorted(refs)), NOW), key.sign).to_cbor()


def statements(answer: Cbor) -> list[list[cose.Signed[Consumption]]]:
    return [[read_consumption(value) for value in said] for said in answer]


def names(said: Cbor) -> list[bytes]:
    """What it says, under whichever head."""
    return [statement.id for statement in statements([said])[0]]


def code_of(client: ServiceClient, path: str, value: Cbor) -> Code:
    with pytest.raises(Refusal) as caught:
        client.post(path, value)
    return caught.value.code


def test_commits_are_answered_with_statements_that_verify(stand: Stand) -> None:
    client = stand.client(ALATAU)
    first, second = statements(
        client.post("/v1/commits", [signed("a", ref(1), ref(2)), signed("b", ref(2), ref(3))])
    )
    for statement in first + second:
        check_consumption(statement, DIRECTORY)
    assert [said.body.refs for said in first] == [tuple(sorted([ref(1), ref(2)]))]
    assert {said.body.consumer for said in second} == {consumer("a"), consumer("b")}


def test_a_batch_of_commits_is_answered_under_one_head_and_costs_one_signature(stand: Stand) -> None:
    client = stand.client(ALATAU)
    leaf = together(in_batch(*(str(number) for number in range(100))))
    with watching(lambda: False, (SIGNING, SIGNING_HEAD)) as seen:
        found = [said for (said,) in statements(client.post("/v1/commits", [leaf]))]
        client.post("/v1/questions", [leaf])
    by_the_notary = [code for code, _ in seen if code is SIGNING_HEAD]
    assert len(by_the_notary) == 1
    assert [code for code, _ in seen].count(SIGNING) == 2, "the calls themselves"
    assert len({LogHead.of(said) for said in found}) == 1


def test_whoever_reads_only_the_first_form_is_told_that_twice_the_same(stand: Stand) -> None:
    client = stand.client(ALATAU)
    asked = [signed("a", ref(1), ref(2)), signed("b", ref(2), ref(3))]
    shown = client.post("/v1/commits", asked)
    first = client.post("/v1/commits", asked, READS_ALONE)
    assert client.post("/v1/questions", asked, READS_ALONE) == first
    assert client.post("/v1/lookups", [ref(3).to_cbor()], READS_ALONE) == [first[1][1]]
    for some, others in zip(statements(shown), statements(first), strict=True):
        assert [said.body.alone() for said in some] == [said.body for said in others]
        assert [said.leaf for said in others] == [None] * len(others)
    assert [names(said) for said in client.post("/v1/questions", asked)] == [names(said) for said in shown]


def test_whoever_reads_neither_form_is_told_so_and_consumes_nothing(stand: Stand) -> None:
    client = stand.client(ALATAU)
    for path in ("/v1/commits", "/v1/questions"):
        with pytest.raises(Refusal) as refused:
            client.post(path, [signed("a", ref(1))], "qcm1, qcm2")
        assert (refused.value.code, refused.value.facts) == (Code.READER_OUTDATED, {"kind": "qnc2"})
    assert client.post("/v1/lookups", [ref(1).to_cbor()]) == [None]


def test_whoever_is_told_what_is_in_the_log_names_no_more_than_an_answer_has_room_for(stand: Stand) -> None:
    client = stand.client(ALATAU)
    each = MAX_REFS // MAX_INPUTS
    asked = [
        signed(str(at), *(ref(f"{at} {number}") for number in range(MAX_INPUTS))) for at in range(each + 1)
    ]
    assert code_of(client, "/v1/commits", asked) is Code.TOO_MANY
    assert len(client.post("/v1/commits", asked[:each])) == each
    assert code_of(client, "/v1/questions", asked) is Code.TOO_MANY
    assert len(client.post("/v1/questions", asked, READS_ALONE)) == each + 1


def in_batch(*names: str, key: Key = ALATAU) -> list[cose.Signed[Commit2]]:
    """A bank's commits of a token each, signed once, in one leaf."""
    bodies = [
        Commit2("alatau", consumer(name), (ref(number),), NOW, bytes(16)) for number, name in enumerate(names)
    ]
    (signed,) = sign_batch([bodies], NOW, key.sign)
    return list(signed)


def test_commits_that_were_signed_once_are_taken_as_a_leaf_and_one_by_one(stand: Stand) -> None:
    client, commits = stand.client(ALATAU), in_batch("a", "b", "c")
    found = client.post("/v1/commits", [together(commits)])
    assert [said.body.consumer for (said,) in statements(found)] == [consumer(name) for name in "abc"]
    assert client.post("/v1/commits", [commit.to_cbor() for commit in commits]) == found
    assert client.post("/v1/questions", [signed("x", ref(0)), together(commits)]) == [found[0], *found]


def test_references_are_counted_before_anything_is_verified(tmp_path: Path) -> None:
    """A bank's part is used up by what it names, whether there ever was a token of it; another's is not."""
    few = replace(USUAL[CallerKind.BANK], rows=100, burst_rows=MAX_ROWS)
    quotas = Quotas(lambda: 0.0, {**USUAL, CallerKind.BANK: few})
    stand = Stand(tmp_path, quotas)
    client, refs = stand.client(ALATAU), [ref(number) for number in range(MAX_INPUTS)]
    commits = [signed("a", *refs)] * MAX_COMMITS
    named, code = 0, None
    with watching(lambda: False, (VERIFYING,)) as seen:
        while code is None:
            try:
                client.post("/v1/questions", commits, READS_ALONE)
                named += len(refs) * len(commits)
            except Refusal as refusal:
                code = refusal.code
            verified, seen[:] = len(seen), []
    assert (code, verified) == (Code.BUSY, 1), "the call's own signature"
    assert named <= MAX_ROWS < named + len(refs) * len(commits)
    assert stand.client(ZHIBEK).post("/v1/commits", [signed("b", ref(1), bank="zhibek", key=ZHIBEK)])
    stand.notary.close()


def test_of_a_leaf_each_commit_is_checked_and_counted(stand: Stand) -> None:
    client = stand.client(ALATAU)
    forged = together(in_batch("a", "b", key=ZHIBEK))
    assert code_of(client, "/v1/commits", [forged]) is Code.AUTH_SIGNATURE
    assert code_of(stand.client(ZHIBEK), "/v1/commits", [forged]) is Code.AUTH_FORBIDDEN
    cut = together(in_batch("a", "b", "c"))
    assert code_of(client, "/v1/commits", [[*cut[:2], cut[2][:2], cut[3]]]) is Code.AUTH_SIGNATURE
    many = together(in_batch(*(str(number) for number in range(200))))
    assert code_of(client, "/v1/commits", [many, many]) is Code.TOO_MANY
    assert client.post("/v1/lookups", [ref(0).to_cbor()]) == [None]


def test_two_banks_get_the_same_word(stand: Stand) -> None:
    first = stand.client(ALATAU).post("/v1/commits", [signed("a", ref(1))])
    other = stand.client(ZHIBEK).post("/v1/commits", [signed("b", ref(1), bank="zhibek", key=ZHIBEK)])
    assert other == first
    asked = [ref(1).to_cbor(), ref(2).to_cbor()]
    assert stand.client(ALATAU).post("/v1/lookups", asked) == [first[0][0], None]


def test_nobody_is_told_what_another_consumed(stand: Stand) -> None:
    """Else whoever has seen a token once could follow it through all hands to come."""
    stand.client(ALATAU).post("/v1/commits", [signed("a", ref(1))])
    refund = signed("refund", ref(2), bank=CENTRAL_BANK, key=WORLD.redemption)
    stand.client(WORLD.redemption).post("/v1/commits", [refund])
    asked = [ref(1).to_cbor(), ref(2).to_cbor()]
    assert stand.client(ZHIBEK).post("/v1/lookups", asked) == [None, None]
    assert [item is None for item in stand.client(ALATAU).post("/v1/lookups", asked)] == [False, True]
    assert [item is None for item in stand.client(WORLD.redemption).post("/v1/lookups", asked)] == [
        True,
        False,
    ]


def test_whoever_asks_is_told_its_own_signed_and_nothing_of_others(stand: Stand) -> None:
    ours = stand.client(ALATAU).post("/v1/commits", [signed("a", ref(1))])
    theirs = stand.client(ZHIBEK).post("/v1/commits", [signed("b", ref(2), bank="zhibek", key=ZHIBEK)])
    refund = signed("refund", ref(3), bank=CENTRAL_BANK, key=WORLD.redemption)
    central = stand.client(WORLD.redemption).post("/v1/commits", [refund])
    for key, said in ((ALATAU, ours), (ZHIBEK, theirs), (WORLD.redemption, central)):
        number, listed = stand.client(key).get("/v1/consumptions?since=0&after=0")
        assert number == 3
        assert names(listed) == names(said[0])
        assert stand.client(key).get("/v1/consumptions?since=0&after=3") == [3, []]
        assert stand.client(key).get(f"/v1/consumptions?since={NOW + 9_999_999}&after=0") == [0, []]
    assert len(statements([listed])[0]) == 1
    with pytest.raises(Refusal) as refused:
        stand.client(Key.of("person")).get("/v1/consumptions?since=0&after=0")
    assert refused.value.code is Code.AUTH_FORBIDDEN


def test_a_question_is_answered_as_a_commit_and_consumes_nothing(stand: Stand) -> None:
    first = stand.client(ALATAU).post("/v1/commits", [signed("a", ref(1))])
    question = signed("b", ref(1), ref(2), bank="zhibek", key=ZHIBEK)
    assert stand.client(ZHIBEK).post("/v1/questions", [question]) == first
    assert stand.client(ALATAU).post("/v1/lookups", [ref(2).to_cbor()]) == [None]
    assert stand.client(ZHIBEK).post("/v1/lookups", [ref(2).to_cbor()]) == [None]
    assert code_of(stand.client(ALATAU), "/v1/questions", [question]) is Code.AUTH_FORBIDDEN
    forged = signed("b", ref(1), bank="zhibek", key=ALATAU)
    assert code_of(stand.client(ZHIBEK), "/v1/questions", [forged]) is Code.AUTH_SIGNATURE


def test_the_central_bank_commits_under_no_name(stand: Stand) -> None:
    body = signed("refund", ref(1), bank=CENTRAL_BANK, key=WORLD.redemption)
    ((said,),) = statements(stand.client(WORLD.redemption).post("/v1/commits", [body]))
    assert said.body.bank == CENTRAL_BANK


def test_nobody_commits_in_anothers_name(stand: Stand) -> None:
    as_zhibek = signed("a", ref(1), bank="zhibek", key=ZHIBEK)
    assert code_of(stand.client(ALATAU), "/v1/commits", [as_zhibek]) is Code.AUTH_FORBIDDEN
    forged = signed("a", ref(1), bank="alatau", key=ZHIBEK)
    assert code_of(stand.client(ALATAU), "/v1/commits", [forged]) is Code.AUTH_SIGNATURE
    assert stand.client(ALATAU).post("/v1/lookups", [ref(1).to_cbor()]) == [None]


def test_one_bad_commit_refuses_the_call_and_nothing_is_consumed(stand: Stand) -> None:
    good, bad = signed("a", ref(1)), signed("b", ref(2), key=ZHIBEK)
    assert code_of(stand.client(ALATAU), "/v1/commits", [good, bad]) is Code.AUTH_SIGNATURE
    assert stand.client(ALATAU).post("/v1/lookups", [ref(1).to_cbor()]) == [None]


def test_wallets_and_strangers_are_not_served(stand: Stand) -> None:
    stranger = stand.client(Key.of("person"))
    assert code_of(stranger, "/v1/commits", [signed("a", ref(1))]) is Code.AUTH_FORBIDDEN
    assert code_of(stranger, "/v1/lookups", [ref(1).to_cbor()]) is Code.AUTH_FORBIDDEN


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], Code.MALFORMED),
        ({}, Code.MALFORMED),
        ([1], Code.MALFORMED),
        ([signed("a", ref(1))] * 257, Code.TOO_MANY),
        ([signed("a", *(ref(n) for n in range(MAX_INPUTS + 1)))], Code.TOO_MANY),
    ],
)
def test_bodies_are_read_strictly(stand: Stand, value: Cbor, code: Code) -> None:
    assert code_of(stand.client(ALATAU), "/v1/commits", value) is code


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(-5, 5), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(
    value=st.one_of(
        VALUES, st.lists(st.tuples(st.binary(max_size=33), st.integers(-1, 40)).map(list), max_size=3)
    )
)
def test_whatever_a_bank_sends_the_refusal_is_typed(
    tmp_path_factory: pytest.TempPathFactory, value: Cbor
) -> None:
    stand = Stand(tmp_path_factory.mktemp("notary"))
    try:
        for path in ("/v1/commits", "/v1/lookups"):
            try:
                stand.client(ALATAU).post(path, value)
            except Refusal as refusal:
                assert refusal.code not in (Code.INTERNAL, Code.UNREACHABLE)  # noqa: PT017
    finally:
        stand.notary.close()


def test_the_notary_keeps_neither_amounts_nor_owners(stand: Stand, tmp_path: Path) -> None:
    chain = WORLD.chain(2)
    for transfer in chain.transfers:
        body = Commit("alatau", transfer.id, transfer.body.inputs, NOW)
        stand.client(ALATAU).post("/v1/commits", [cose.sign(body, ALATAU.sign).to_cbor()])
    stand.notary.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("notary.db*"))
    assert chain.transfers[0].id in stored
    for transfer in chain.transfers:
        assert transfer.body.payee not in stored
        assert transfer.payload not in stored
