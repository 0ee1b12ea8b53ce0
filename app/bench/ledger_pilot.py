"""The replay of a pilot: what 265 accounts paid each other offline, uploaded by its last holders to a ledger that knows
of no payment, until each has its verdict.

Rule: a figure is told only of what was proved: every payment settled, the books sum, and what is still out there is
what was funded, to the tiyn.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.bench.figures import Figure, Findings, Unit
from app.bench.ledger_counting import Counting, Taken
from app.bench.ledger_engines import at_work
from app.bench.ledger_figures import PILOT, has_goals, one
from app.bench.ledger_load import Load, Post
from app.bench.ledger_pilot_made import Pilot, bring
from app.bench.ledger_stage import kept
from app.bench.ledger_uploads import UPLOADS, Uploads, is_settled, rows_in
from app.bench.throwaway import SoftKey
from app.terminal.show import Show
from app.wallets.sandbox_desk import Books, read_books
from ledger_sync.client.bank import ASKED_AT_ONCE
from wallet.protocol import codec

_VERDICTS: Final = "/v1/verdicts"
_ASK_AGAIN: Final = 0.05
PATIENCE: Final = 120.0
"""Seconds without a new verdict after which there will be none."""


@dataclass(frozen=True, slots=True)
class Replay:
    """``seconds`` by the clock from the first call to the last verdict; how many payments are ``settled``; how many
    calls were made ``again``, told so or cut off."""

    seconds: float
    settled: int
    again: int


def replayed(folder: Path, engines: Sequence[str], payments: int, in_flight: int, show: Show) -> Findings:
    """A replay of so many payments on each engine; they are kept in ``folder``. Raises ``Refusal``."""
    pilot = Pilot(payments)
    stage = kept(folder / f"pilot-{payments}", 1, lambda network: bring(pilot, network, show), show)
    facts = {"uploads": len(stage.uploads), "hops": payments, "settled": 0}
    figures: list[Figure] = []
    for engine in engines:
        with at_work(engine, stage, show) as (running, server):
            counting = Counting(running, server)
            with show.progress("bench.replaying", len(stage.uploads)) as done:
                before = counting.now()
                found = replay(Load(running.bank.url, in_flight, done), stage.uploads)
                taken = counting.since(before)
            books = read_books(running.network)
        facts["settled"] += found.settled
        if found.settled == payments and adds_up(books, pilot.funded):
            figures += of_replay(engine, pilot, found, taken)
        else:
            show.say("bench.replay_unproved", engine=engine, settled=found.settled, payments=payments)
    return Findings(facts, figures)


def replay(load: Load, uploads: Uploads, patience: float = PATIENCE) -> Replay:
    """All of them sent, and what waits asked for until nothing does, or no verdict came for ``patience`` seconds.
    Raises ``Refusal``: what the bank says."""
    posts = [Post(device, UPLOADS, raw) for device, raw in uploads]
    loaded = load.run(posts)
    settled: dict[bytes, bool] = {}
    waiting = _take(zip(posts, loaded.answers, strict=True), settled)
    again, last = loaded.again, time.perf_counter()
    load = Load(load.url, load.in_flight)
    while waiting and time.perf_counter() - last < patience:
        time.sleep(_ASK_AGAIN)
        posts = [Post(device, _VERDICTS, codec.encode(list(asked))) for device, asked in _questions(waiting)]
        more, known = load.run(posts), len(settled)
        waiting = _take(zip(posts, more.answers, strict=True), settled)
        again += more.again
        last = time.perf_counter() if len(settled) > known else last
    return Replay(last - loaded.began, sum(settled.values()), again)


def _take(answered: Iterable[tuple[Post, bytes]], settled: dict[bytes, bool]) -> dict[bytes, SoftKey]:
    """Note which transfers have their verdict, and whether it is that they are settled; the others, by who asked."""
    waiting: dict[bytes, SoftKey] = {}
    for post, raw in answered:
        for row in rows_in(raw):
            if row.settlement is None:
                waiting[row.transfer] = post.device
            else:
                settled[row.transfer] = is_settled(row)
    return waiting


def _questions(waiting: Mapping[bytes, SoftKey]) -> Iterator[tuple[SoftKey, Sequence[bytes]]]:
    """As many transfers in each as one call may ask for."""
    by_device: dict[SoftKey, list[bytes]] = {}
    for txid, device in waiting.items():
        by_device.setdefault(device, []).append(txid)
    for device, own in by_device.items():
        for at in range(0, len(own), ASKED_AT_ONCE):
            yield device, own[at : at + ASKED_AT_ONCE]


def adds_up(books: Books, funded: int) -> bool:
    """Whether the books sum, nothing is in flight, and all that was funded is out there, to the tiyn."""
    return books.is_balanced and books.in_flight == 0 and books.outstanding == funded


def of_replay(engine: str, pilot: Pilot, found: Replay, taken: Taken) -> list[Figure]:
    """The report's lines. A goal is set for the whole pilot."""
    key, goal = f"{engine}_pilot", PILOT if has_goals(engine) and pilot.is_whole else None
    facts: dict[str, int | str] = {
        "engine": engine,
        "payments": pilot.payments,
        "accounts": pilot.accounts,
    }
    rate = pilot.payments / found.seconds
    return [
        one(f"{key}_s", "ledger_pilot", Unit.SECONDS, found.seconds, goal, facts),
        one(f"{key}_cpu_s", "ledger_pilot_cpu", Unit.SECONDS, taken.services),
        one(f"{key}_idle_s", "ledger_idle", Unit.SECONDS, taken.idle),
        one(f"{key}_payments_per_s", "ledger_pilot_rate", Unit.PER_SECOND, rate),
        one(f"{key}_again", "ledger_again", Unit.COUNT, found.again),
    ]
