"""The ledger's figures from numbers, without measuring anything."""

from __future__ import annotations

from app.bench import ledger_figures
from app.bench.figures import Figure
from app.bench.ledger_counting import Taken
from app.bench.ledger_load import Loaded
from app.bench.ledger_uploads import Spent

MEBIBYTE = 1 << 20


def by_key(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.key: figure for figure in figures}


def values(figures: list[Figure]) -> dict[str, float]:
    return {figure.key: figure.spread.median for figure in figures}


def held(*workers: int) -> dict[int, int]:
    """Mebibytes of each worker."""
    return {pid: size * MEBIBYTE for pid, size in enumerate(workers, 1)}


def test_memory_is_the_largest_worker_s_at_a_quarter_at_half_and_at_the_end() -> None:
    found = ledger_figures.of_memory("postgres", [held(90, 40), held(91, 60), held(80, 99), held(85, 70)])
    assert values(found) == {
        "postgres_memory_quarter_mib": 90,
        "postgres_memory_half_mib": 91,
        "postgres_memory_mib": 85,
        "postgres_memory_grown_mib": 30,
    }
    assert (
        by_key(found)["postgres_memory_mib"].aim,
        by_key(found)["postgres_memory_grown_mib"].misses_floor,
    ) == (
        150,
        True,
    )


def test_what_shrinks_has_not_grown_and_what_was_started_since_is_not_compared() -> None:
    after = {1: 80 * MEBIBYTE, 7: 200 * MEBIBYTE}
    found = by_key(ledger_figures.of_memory("postgres", [held(90), held(90), held(90), after]))
    assert found["postgres_memory_grown_mib"].spread.median == 0
    assert not found["postgres_memory_grown_mib"].misses_floor
    assert found["postgres_memory_mib"].spread.median == 200


def test_a_quarter_of_many_parts_is_the_end_of_that_quarter() -> None:
    run = [held(size) for size in range(1, 9)]
    found = values(ledger_figures.of_memory("sqlite", run))
    assert (found["sqlite_memory_quarter_mib"], found["sqlite_memory_half_mib"]) == (2, 4)
    assert found["sqlite_memory_mib"] == 8


def spent(seconds: float, services: float) -> Spent:
    loaded = Loaded([], [], seconds=seconds)
    return Spent(1_000, 1.0, Taken({"alatau": services}, 9.0), loaded, {}, [])


def test_three_nodes_stand_against_one_by_the_clock() -> None:
    found = by_key(ledger_figures.of_nodes(16, spent(2.0, 4.0), spent(2.5, 6.0)))
    numbers = values(list(found.values()))
    assert (numbers["nodes_16_one_hops_per_s"], numbers["nodes_16_three_hops_per_s"]) == (500, 400)
    assert (numbers["nodes_16_one_services_us"], numbers["nodes_16_three_services_us"]) == (4_000, 6_000)
    ratio = found["nodes_16_ratio"]
    assert (ratio.spread.median, ratio.floor, ratio.aim) == (0.8, 0.70, 0.90)


def test_what_uploads_take_has_no_goals_on_sqlite() -> None:
    figures = ledger_figures.of_uploads("sqlite", 16, spent(1, 1), spent(1, 1))
    assert [figure.key for figure in figures if figure.aim is not None or figure.floor is not None] == []
