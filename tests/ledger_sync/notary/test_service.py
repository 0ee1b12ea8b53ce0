"""The notary over HTTP: who may commit, for whom, and what a hostile body gets."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.http.client import ServiceClient
from ledger_sync.notary.attestor import Verdicts
from ledger_sync.notary.service import Notary
from ledger_sync.notary.store import CommitItem
from ledger_sync.notary.writer import MAX_WAITING, Writer
from ledger_sync.sandbox.in_process import run_inline
from ledger_sync.service.nonces import Nonces
from ledger_sync.service.policy_cache import principal
from ledger_sync.service.server import Authenticator, build_app
from tests.ledger_sync.notary.backends import BACKENDS, attestor, consumer, item, ref
from tests.support.asgi import InProcess
from tests.support.world import NOW, Key, World
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_INPUTS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import CENTRAL_BANK, Commit, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef

WORLD = World()
DIRECTORY = WORLD.directory()
ALATAU, ZHIBEK = WORLD.bank_key("alatau"), WORLD.bank_key("zhibek")


class Stand:
    def __init__(self, folder: Path) -> None:
        store = BACKENDS["sqlite"](folder)
        self.notary = Notary(store, attestor(store), lambda: DIRECTORY)
        gate = Authenticator(
            "notary.test", lambda key, now: principal(DIRECTORY, key, now), Nonces(":memory:"), lambda: NOW
        )
        self.app = build_app("Notary", self.notary.routes(), gate, run_inline)

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
    return [[cose.from_cbor(Consumption, value) for value in said] for said in answer]


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


class Slow:
    """Holds its first batch until it is let go, and notes what each batch was."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Event()
        self.batches: list[int] = []

    def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
        self.batches.append(len(batch))
        self.begun.set()
        self.let_go.wait(10)
        return [() for _ in batch]


def test_what_queues_while_a_batch_is_written_is_one_batch_and_a_full_queue_is_busy() -> None:
    store = Slow()
    writer = Writer(store.commit)
    callers = [threading.Thread(target=writer.commit, args=([item(0, ref(0))],))]
    callers[0].start()
    assert store.begun.wait(10)
    for n in range(1, MAX_WAITING + 1):
        caller = threading.Thread(target=writer.commit, args=([item(n, ref(n))],))
        caller.start()
        callers.append(caller)
    while writer._orders.qsize() < MAX_WAITING:
        pass
    with pytest.raises(Refusal) as caught:
        writer.commit([item("late", ref("late"))])
    assert caught.value.code is Code.BUSY
    store.let_go.set()
    for caller in callers:
        caller.join()
    writer.close()
    assert store.batches == [1, MAX_WAITING]


def test_a_batch_that_fails_or_dies_leaves_nobody_waiting_and_the_next_batch_is_made() -> None:
    failures: list[BaseException] = [OSError("disk"), KeyboardInterrupt()]

    class Failing(Slow):
        def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
            if failures:
                raise failures.pop(0)
            return super().commit(batch)

    store = Failing()
    store.let_go.set()
    writer = Writer(store.commit)
    for kind in (OSError, KeyboardInterrupt):
        with pytest.raises(kind):
            writer.commit([item(1, ref(1))])
    assert writer.commit([item(1, ref(1))]) == [()]
    assert store.batches == [1]


def test_what_gave_up_while_it_queued_is_not_carried_out() -> None:
    store = Slow()
    writer = Writer(store.commit, wait_seconds=0)
    first = threading.Thread(target=writer.commit, args=([item(0, ref(0))],))
    first.start()
    assert store.begun.wait(10)
    with pytest.raises(Refusal) as caught:
        writer.commit([item(1, ref(1))])
    assert caught.value.code is Code.BUSY
    store.let_go.set()
    first.join()
    writer.commit([item(2, ref(2))])
    assert store.batches == [1, 1], "the second was never written"


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
