"""The replay of a pilot: its proportions, its uploads, and that a figure is told only of what was proved.

No time is judged here: figures are for people to read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
import pytest

from app.bench import ledger
from app.bench.ledger_counting import Taken
from app.bench.ledger_load import Load
from app.bench.ledger_pilot import Replay, adds_up, of_replay, replay
from app.bench.ledger_pilot_made import LARGE, LEAST, PAYMENTS, Pilot, uploads_of
from app.bench.throwaway import Authorities, Chain, SoftKey, hand_on
from app.catalogue import catalogue
from app.terminal.show import Show
from app.wallets.sandbox_desk import Books
from ledger_sync.bank.terms import Terms
from tests.sampling import everything, sampled
from tests.support.answering import answering, said
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.bundle import parse_bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.settlement import Settlement, Verdict

QUIET = Show(catalogue("en"), as_json=True, quiet=True)
TENGE = 100


def test_the_whole_pilot_is_what_was_paid_in_it() -> None:
    pilot = Pilot()
    handings = pilot.handings()
    large = [one for one in handings if one.amount == LARGE]
    assert (pilot.accounts, len(large), pilot.small) == (265, 1_000, 60_000)
    assert sum(one.amount * one.hops for one in large) == 336_000_000 * TENGE
    assert sum(one.hops for one in handings) == pilot.payments == 61_000


@pytest.mark.parametrize("payments", sampled("pilots", [LEAST, 100, 1_000, 7_919, PAYMENTS], 3))
def test_a_smaller_one_has_the_same_proportions_and_keeps_every_limit(payments: int) -> None:
    pilot, limits = Pilot(payments), Terms().merchant
    handings = pilot.handings()
    assert sum(one.hops for one in handings) == payments == pilot.large + pilot.small
    assert pilot.large == pytest.approx(payments / 61, abs=1)
    assert pilot.funded == sum(one.token for one in handings)
    funded: Counter[int] = Counter()
    paid: Counter[int] = Counter()
    for one in handings:
        assert one.amount <= min(one.token, limits.payment)
        assert one.hops <= MAX_HOP
        hands = [(one.payer + hop * one.step) % pilot.accounts for hop in range(one.hops + 1)]
        assert all(payer != payee for payer, payee in pairwise(hands))
        funded[one.payer] += one.token
        for payer in hands[:-1]:
            paid[payer] += one.amount
    assert max(funded.values()) <= limits.balance
    assert max(paid.values()) <= limits.total


def chains(lengths: Sequence[int]) -> list[Chain]:
    """All of one issuance, one token each."""
    authorities = Authorities()
    people = authorities.people(max(lengths) + 1)
    issuance = authorities.issue(people[0].key.public, [200_000] * len(lengths))
    return [hand_on(issuance, people[: length + 1], 125_000, output) for output, length in enumerate(lengths)]


def test_uploads_are_as_large_as_a_wallets_and_hold_everything_once() -> None:
    made = chains([15] * 14)
    bundles = [parse_bundle(one.encode()) for one in uploads_of(made)]
    assert [len(one.transfers) for one in bundles] == [90, 90, 30]
    assert [len(one.issuances) for one in bundles] == [1, 1, 1]
    assert [len(one.certificates) for one in bundles] == [15, 15, 15]
    sent = [transfer.id for one in bundles for transfer in one.transfers]
    assert sent == [transfer.id for chain in made for transfer in chain.transfers]
    tokens = {ref for chain in made for ref in chain.transfers[0].body.inputs}
    assert len(tokens) == len(made), "each is another token of the issuance"


def row(txid: bytes, verdict: Verdict | None) -> Cbor:
    """What a bank answers about a transfer."""
    if verdict is None:
        return [txid, None, None, [], None, None]
    body = Settlement(
        bank="bench", transfer=txid, verdict=verdict, values=(1,), code=None, time=int(time.time())
    )
    return [txid, cose.sign(body, SoftKey().sign).to_cbor(), None, [], None, None]


FIRST, SECOND = bytes(32), bytes([1] * 32)


def test_what_waits_is_asked_for_until_it_has_its_verdict() -> None:
    answers = {
        1: [row(FIRST, Verdict.SETTLED), row(SECOND, None)],
        2: [row(SECOND, None)],
        3: [row(SECOND, Verdict.SETTLED)],
    }
    with answering(lambda number: said(200, cbor2.dumps(answers[number]))) as (url, signed):
        found = replay(Load(url, 1), [(SoftKey(), b"upload")])
    assert (found.settled, len(signed)) == (2, 3)
    assert found.seconds > 0


def test_a_verdict_that_is_not_settled_is_none_that_counts_and_one_that_never_comes_ends_the_replay() -> None:
    answer = said(200, cbor2.dumps([row(FIRST, Verdict.CONFLICT), row(SECOND, None)]))
    with answering(lambda _number: answer) as (url, _):
        assert replay(Load(url, 1), [(SoftKey(), b"upload")], patience=0).settled == 0


def test_the_books_add_up_only_where_nothing_is_in_flight_and_all_that_was_funded_is_out() -> None:
    whole = Books(issued=100, redeemed=0, positions=60, accounts=60, outstanding=40, in_flight=0)
    assert adds_up(whole, 40)
    assert not adds_up(whole, 41)
    assert not adds_up(replace(whole, in_flight=1), 40)
    assert not adds_up(replace(whole, accounts=59), 40)


def test_the_goal_is_the_whole_pilots_on_postgresql() -> None:
    def goals(engine: str, pilot: Pilot) -> tuple[float | None, float | None]:
        found = of_replay(engine, pilot, Replay(30.0, pilot.payments, 0), Taken({"alatau": 40.0}, 1.0))
        whole = {figure.key: figure for figure in found}[f"{engine}_pilot_s"]
        return whole.floor, whole.aim

    assert goals("postgres", Pilot()) == (60, 20)
    assert goals("sqlite", Pilot()) == goals("postgres", Pilot(LEAST)) == (None, None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is made beforehand, for all runs of this file."""
    return tmp_path_factory.mktemp("kept")


@pytest.mark.parametrize("engine", ledger.ENGINES if everything() else ledger.ENGINES[1:])
def test_a_replay_settles_every_payment_and_what_was_made_stays(engine: str, kept: Path) -> None:
    before = made_in(kept)
    options = ledger.Options(kept=kept, engines=[engine], pilot=LEAST)
    found: dict[str, Any] = ledger.measure(1, QUIET, options).as_fields()
    assert found["settled"] == found["hops"] == LEAST
    assert found[f"{engine}_pilot_s"]["median"] > 0
    assert found[f"{engine}_pilot_cpu_s"]["median"] > 0
    assert "aim" not in found[f"{engine}_pilot_s"]
    after = made_in(kept)
    assert len(after) == 1
    assert before in ([], after)


def made_in(kept: Path) -> list[bytes]:
    return [path.read_bytes() for path in kept.glob("*/uploads.cbor")]
