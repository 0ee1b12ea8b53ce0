"""Every call says which kinds its caller reads, and is answered in one of them or told that it is outdated."""

from __future__ import annotations

import os

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.reading import FIRST, HEADER, READS, form_for, read_kinds, readable
from tests.support.deals import refusal_of
from tests.support.world import NOW, Key, World
from tests.vectors.growing import body_2
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.handover import Handover, Published
from wallet.protocol.kinds import KINDS

WORLD = World()
OLD, NEW = WORLD.signed_directory(), cose.sign(body_2(), WORLD.root.sign)
typs = st.from_regex(r"q[a-z]{2}[0-9]", fullmatch=True)


def test_a_call_says_every_kind_that_is_read_here() -> None:
    heard: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        body = httpx.ByteStream(codec.encode([]))
        return httpx.Response(200, stream=body, headers={"content-type": "application/cbor"})

    transport = httpx.MockTransport(answer)
    key = Key.of("device")
    client = ServiceClient(
        "http://bank.kz", key.public, key.sign, lambda: NOW, os.urandom, connect=lambda _: transport
    )
    client.get("/v1/directory")
    client.post("/v1/uploads", [])
    for request in heard:
        assert read_kinds(request.headers[HEADER]) == {kind.typ for kind in KINDS}
    assert len(heard) == 2


def test_who_does_not_say_reads_what_was_first() -> None:
    assert read_kinds(None) == FIRST
    assert {kind.typ for kind in KINDS} > FIRST
    assert "qbd2" not in FIRST
    assert form_for((NEW, OLD), read_kinds(None)) is OLD
    assert form_for((NEW, OLD), read_kinds(READS)) is NEW


@given(st.frozensets(typs, max_size=20), st.sampled_from([",", ", ", " ,, "]))
def test_kinds_that_nobody_knows_here_are_passed_over(said: frozenset[str], between: str) -> None:
    assert read_kinds(between.join(sorted(said))) == said
    assert form_for((NEW, OLD), said | {"qbd2"}) is NEW
    assert form_for((NEW, OLD), (said - {"qbd2"}) | {"qbd1"}) is OLD


@pytest.mark.parametrize("said", ["", "qbd9", "qzz1, qbd3", "," * 5_000, "qbd", "x" * 5_000])
def test_who_reads_no_form_that_is_still_made_is_told_which_it_would_have_to(said: str) -> None:
    assert refusal_of(lambda: form_for((NEW, OLD), read_kinds(said))) is Code.READER_OUTDATED
    with pytest.raises(Refusal) as refused:
        form_for((NEW, OLD), read_kinds(said))
    assert refused.value.facts == {"kind": "qbd2"}


def test_what_is_published_is_cut_to_what_the_caller_reads() -> None:
    handed = Handover(NEW, NEW)
    whole = Published((NEW, OLD), (handed,))
    assert readable(whole, read_kinds(READS)) == whole
    assert readable(whole, read_kinds(None)) == Published((OLD,))
    assert readable(whole, frozenset({"qbd2", "qbd3"})) == Published((NEW,), (handed,))
    assert refusal_of(lambda: readable(whole, frozenset({"qbd3"}))) is Code.READER_OUTDATED
