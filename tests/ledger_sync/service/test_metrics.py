"""The figures: what is counted, under how few names, who reads them, and that none tells of a customer."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall, Route
from ledger_sync.sandbox.in_process import run_inline
from ledger_sync.service.figures import figures_app, gathered
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.siblings import Siblings
from ledger_sync.service.waiting import Waiting
from ledger_sync.service.worker import Worker
from tests.support.asgi import InProcess
from tests.support.nonces import nonces_in_memory
from tests.support.siblings import between
from tests.support.world import NOW, Key
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal

OPERATOR = Key.of("operator")
AUTHORITY = "service.test"
_SIGNED = frozenset({CallerKind.OPERATOR})


def refuse(_incoming: IncomingCall) -> Cbor:
    raise Refusal(Code.ACCOUNT_SHORT, {"account": "KZ1"})


ROUTES = (
    Route("POST", "/v1/echo", _SIGNED, lambda incoming: incoming.value, "Echo", "any", "any"),
    Route("GET", "/v1/items/{id}", _SIGNED, lambda call: call.octets("id", 4), "Item", "bstr"),
    Route("POST", "/v1/refuse", _SIGNED, refuse, "Refuse", "any", "any"),
)


class Rig:
    def __init__(self) -> None:
        self.metrics = Metrics(lambda: NOW)
        gate = Authenticator(AUTHORITY, self._who, nonces_in_memory(), lambda: NOW)
        self.app = build_app("Rig", ROUTES, gate, run_inline, metrics=self.metrics)
        self.http = httpx.Client(transport=InProcess(self.app), base_url="http://" + AUTHORITY)
        self.page = httpx.Client(
            transport=InProcess(figures_app(self.metrics.registry, run_inline)),
            base_url="http://figures.test",
        )

    def _who(self, key: bytes, _now: int) -> Caller | None:
        return Caller(CallerKind.OPERATOR, "", key) if key == OPERATOR.public else None

    def client(self) -> ServiceClient:
        connect = lambda _: InProcess(self.app)  # noqa: E731
        return ServiceClient(
            "http://" + AUTHORITY, OPERATOR.public, OPERATOR.sign, lambda: NOW, os.urandom, connect=connect
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())))
            for family in text_string_to_metric_families(self.page.get("/metrics").text)
            for sample in family.samples
        }


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.http.close()
    rig.page.close()


def test_calls_are_counted_by_route_and_code_with_their_bytes_and_seconds(rig: Rig) -> None:
    line = rig.client()
    for number in range(3):
        line.post("/v1/echo", number)
    with pytest.raises(Refusal):
        line.post("/v1/refuse", 1)
    rig.http.post("/v1/echo", content=b"\x00")
    assert rig.value("qalta_calls_total", route="POST /v1/echo", code="ok") == 3
    assert rig.value("qalta_calls_total", route="POST /v1/echo", code="auth_missing") == 1
    assert rig.value("qalta_calls_total", route="POST /v1/refuse", code="account_short") == 1
    assert rig.value("qalta_call_seconds_count", route="POST /v1/echo") == 4
    assert rig.value("qalta_call_bytes_total", route="POST /v1/echo") == 3


def test_whatever_anybody_asks_for_there_are_as_many_series_as_routes_and_codes(rig: Rig) -> None:
    """A stranger's paths, ids, headers and bytes make no series, and stand in none."""
    line = rig.client()

    def storm(first: int, count: int) -> None:
        for number in range(first, first + count):
            rig.http.get(f"/v1/KZ{number}")
            rig.http.request(f"M{number}", "/v1/echo")
            rig.http.get(f"/v1/items/{number:08x}", headers={"authorization": f"KZ{number}"})
            line.get(f"/v1/items/{number:08x}")
            line.post("/v1/echo", [f"KZ{number}"])

    storm(0, 1)
    few = rig.series()
    storm(1, 100)
    assert rig.series() == few
    assert "KZ" not in rig.page.get("/metrics").text


def test_the_page_speaks_what_the_reader_asks_for_and_is_none_of_the_services_routes(rig: Rig) -> None:
    plain = rig.page.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    asked = rig.page.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
    assert rig.http.get("/metrics").status_code == 404
    with pytest.raises(Refusal) as caught:
        rig.client().get("/metrics")
    assert caught.value.code is Code.NOT_FOUND


def test_what_waits_is_looked_up_when_somebody_reads_and_told_its_age(rig: Rig) -> None:
    held = [Waiting("job_whole", 2, NOW - 90, "zhibek"), Waiting("notary", 1)]
    rig.metrics.watch(
        backlog=lambda: held, made=lambda: [("policy", NOW - 7)], rooms=lambda: [("refunds", 3, 1)]
    )
    assert rig.value("qalta_waiting", what="job_whole", peer="zhibek") == 2
    assert rig.value("qalta_oldest_seconds", what="job_whole", peer="zhibek") == 90
    assert rig.value("qalta_oldest_seconds", what="notary", peer="") is None
    assert rig.value("qalta_age_seconds", what="policy") == 7
    assert rig.value("qalta_room_calls", room="refunds", state="running") == 3
    assert rig.value("qalta_room_calls", room="refunds", state="waiting") == 1
    del held[0]
    assert rig.value("qalta_waiting", what="job_whole", peer="zhibek") is None


def test_a_store_that_cannot_be_asked_hides_no_other_figure(rig: Rig) -> None:
    def broken() -> list[Waiting]:
        raise OSError("no disk")

    rig.metrics.watch(backlog=broken)
    rig.metrics.watch(backlog=lambda: [Waiting("notary", 4)])
    rig.client().post("/v1/echo", 1)
    assert rig.value("qalta_waiting", what="notary", peer="") == 4
    assert rig.value("qalta_calls_total", route="POST /v1/echo", code="ok") == 1


def test_rounds_are_counted_by_how_they_ended() -> None:
    metrics = Metrics(lambda: NOW)
    ends = iter([None, Refusal(Code.UNREACHABLE), RuntimeError("x")])

    def step() -> None:
        end = next(ends, None)
        if end is not None:
            raise end

    worker = Worker("trust", 0.001, step)
    worker.start(metrics.round)
    for _ in range(3):
        worker.turn(30, 1)
    worker.stop()
    for outcome in ("unreachable", "failed"):
        labels = {"worker": "trust", "outcome": outcome}
        assert metrics.registry.get_sample_value("qalta_rounds_total", labels) == 1


def test_a_signature_is_timed_and_is_what_the_keystore_gave() -> None:
    metrics = Metrics(lambda: NOW)
    assert metrics.signing("bank", lambda message: message[::-1])(b"abc") == b"cba"
    assert metrics.registry.get_sample_value("qalta_signature_seconds_count", {"key": "bank"}) == 1


def test_two_services_in_one_process_have_figures_of_their_own() -> None:
    first, second = Metrics(lambda: NOW), Metrics(lambda: NOW)
    first.batch("commit", 3)
    assert isinstance(first.registry, CollectorRegistry)
    assert first.registry.get_sample_value("qalta_batch_size_sum", {"what": "commit"}) == 3
    assert second.registry.get_sample_value("qalta_batch_size_sum", {"what": "commit"}) is None


def test_of_several_processes_whichever_is_asked_tells_the_figures_of_all_and_what_waits_once() -> None:
    with between(2) as lines:
        processes = {number: Metrics(lambda: NOW) for number in (1, 2)}
        pages = {}
        for number, metrics in processes.items():
            metrics.batch("commit", number)
            metrics.call("GET /v1/time", "ok", metrics.now(), number)
            metrics.watch(backlog=lambda: [Waiting("notary", 4)], rooms=lambda: [("refunds", 1, 0)])
            siblings = Siblings(number, [asks for asks, _ in lines], lines[number - 1][1], 60.0)
            pages[number] = gathered(metrics, number, siblings)
        for page in pages.values():
            value = page.get_sample_value
            assert value("qalta_waiting", {"what": "notary", "peer": ""}) == 4, "both see the same store"
            for of in ("1", "2"):
                labels = {"route": "GET /v1/time", "process": of}
                assert value("qalta_call_bytes_total", labels) == int(of)
                assert value("qalta_batch_size_sum", {"what": "commit", "process": of}) == int(of)
                bucket = {"what": "commit", "le": "1.0", "process": of}
                assert value("qalta_batch_size_bucket", bucket) == (of == "1")
                assert value("qalta_room_calls", {"room": "refunds", "state": "running", "process": of}) == 1
            for encode in (generate_latest, openmetrics):
                families = [line for line in encode(page).decode().splitlines() if line.startswith("# TYPE")]
                assert len(set(families)) == len(families), "each family once"
                assert "# TYPE qalta_batch_size histogram" in families
