"""`qalta bench cost`: every route of every service has its line, and the attacks are what they say.

No time is judged here: what a call costs is for people to read.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.bench import cost
from app.bench.hostile import BANK, OTHER
from app.catalogue import LANGUAGES, catalogue
from app.cli.main import main
from app.terminal.show import Show
from app.terminal.status import Status
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return cost.measure(2, Show(catalogue("en"), as_json=True, quiet=True)).as_fields()


def test_every_route_of_every_service_has_its_line(measured: dict[str, Any]) -> None:
    with cost._network() as network:
        bench = cost._Bench(network)
        routes = [
            (service, method, route)
            for service in (CENTRAL_BANK, NOTARY, BANK)
            for route, methods in bench.described(service).items()
            for method in methods
        ]
    assert len(routes) > 30
    for service, method, route in routes:
        parts = [part for part in route.split("/")[2:] if "{" not in part]
        key = "_".join((service.replace("-", "_"), method, *parts))
        assert measured[f"{key}_ms"]["aim"] > 0, key
        assert measured[f"{key}_bytes"] > 0
        assert measured[f"{key}_rows"] >= 0
        assert measured[f"{key}_kept"] >= 0
    assert not any(key.startswith(OTHER) for key in measured)


def test_attacks_do_what_they_are_for(measured: dict[str, Any]) -> None:
    """What is taken in leaves rows; what is refused leaves none; large ones are as large as may be."""
    assert measured["alatau_post_uploads_rows"] > 256
    assert measured["alatau_post_relays_rows"] > 256
    assert measured["alatau_post_uploads_forks_bytes"] > 40_000
    for route, most in (("commits", 30_000), ("questions", 30_000), ("lookups", 14_000)):
        assert measured[f"notary_post_{route}_rows"] == 0
        assert measured[f"notary_post_{route}_bytes"] > most
    for route in ("redemptions", "refunds", "challenges"):
        assert measured[f"central_bank_post_{route}_rows"] == 0
        assert measured[f"central_bank_post_{route}_bytes"] > 40_000


def test_the_dearest_call_is_told_by_itself(measured: dict[str, Any]) -> None:
    """Its times an honest call; with that call's own aim it comes out the same."""
    times = [
        measured[key]["median"] / measured[key]["aim"] * cost.AIM for key in measured if key.endswith("_ms")
    ]
    assert measured["dearest_times"]["median"] == pytest.approx(max(times))
    assert measured["dearest_times"]["aim"] == cost.AIM


def test_an_honest_call_of_a_size_lies_between_those_that_were_measured() -> None:
    honest = cost.Honest((400, 1.0), (10_400, 101.0))
    assert [honest.milliseconds(sent) for sent in (0, 400, 5_400, 10_400, 20_400)] == [
        1.0,
        1.0,
        51.0,
        101.0,
        201.0,
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_get_a_table(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "cost", "--rounds", "1", "--lang", language]) == Status.DONE
    printed = capsys.readouterr().out
    assert "POST /v1/uploads" in " ".join(printed.split())
    assert "{" not in printed.replace("{id}", "")
