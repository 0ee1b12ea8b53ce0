"""A service behind the gate: signed calls in, typed answers out, nothing twice, nothing oversized."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.database.opening import open_store
from ledger_sync.database.store import Unavailable
from ledger_sync.http.call import WINDOW, Signer, read_call, sign_call
from ledger_sync.http.client import ServiceClient
from ledger_sync.http.peers import RemoteRefusal
from ledger_sync.http.problems import busy
from ledger_sync.http.routes import MAX_BODY_BYTES, Caller, CallerKind, IncomingCall, Route
from ledger_sync.sandbox.in_process import run_inline
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.nonces import KIND, Nonces
from ledger_sync.service.server import Authenticator, build_app
from ledger_sync.service.threads import GATE
from tests.support.asgi import InProcess
from tests.support.nonces import nonces_at, nonces_in_memory
from tests.support.postgres import Cluster
from tests.support.small_disk import fill, small_disk
from tests.support.world import NOW, Key
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal

R = TypeVar("R")
OPERATOR, STRANGER = Key.of("operator"), Key.of("stranger")
AUTHORITY = "service.test"
BASE = "http://" + AUTHORITY


def identify(key: bytes, _now: int) -> Caller | None:
    return Caller(CallerKind.OPERATOR, "root", key) if key == OPERATOR.public else None


def echo(incoming: IncomingCall) -> Cbor:
    return [incoming.caller.kind.value, incoming.value]


def fail(_incoming: IncomingCall) -> Cbor:
    raise RuntimeError("secret words")


def refuse(_incoming: IncomingCall) -> Cbor:
    raise Refusal(Code.ACCOUNT_SHORT, {"balance": 7, "account": "KZ1"})


def pass_on(incoming: IncomingCall) -> Cbor:
    """What another service said to this one."""
    raise RemoteRefusal(Code(incoming.value), {"now": NOW + 5})


ONLY_OPERATOR = frozenset({CallerKind.OPERATOR})
ROUTES = (
    Route("POST", "/v1/echo", ONLY_OPERATOR, echo, "Echo", "any", "any"),
    Route("POST", "/v1/small", ONLY_OPERATOR, echo, "Echo", "any", "any", max_bytes=64),
    Route("POST", "/v1/newcomers", frozenset({CallerKind.NEWCOMER}), echo, "Echo", "any", "any"),
    Route("GET", "/v1/open", frozenset({CallerKind.PUBLIC}), echo, "Echo", "any"),
    Route("GET", "/v1/items/{id}", ONLY_OPERATOR, lambda call: call.octets("id", 4), "Item", "bstr"),
    Route("GET", "/v1/count", ONLY_OPERATOR, lambda call: call.number("since", 100), "Count", "uint"),
    Route("POST", "/v1/fail", ONLY_OPERATOR, fail, "Fail", "any", "any"),
    Route("POST", "/v1/pass-on", ONLY_OPERATOR, pass_on, "Pass on", "any", "any"),
    Route("POST", "/v1/refuse", ONLY_OPERATOR, refuse, "Refuse", "any", "any"),
)


class Stand:
    """The service, and clients of it; `now` is moved by the test."""

    def __init__(self, nonces: Nonces | None = None) -> None:
        self.now = NOW
        self.nonces = nonces or nonces_in_memory()
        self.app = build_app(
            "Stand", ROUTES, Authenticator(AUTHORITY, identify, self.nonces, lambda: self.now), run_inline
        )
        self.http = httpx.Client(transport=InProcess(self.app), base_url=BASE)

    def client(self, key: Key = OPERATOR, ahead: int = 0, base: str = BASE) -> ServiceClient:
        clock = lambda: self.now + ahead  # noqa: E731
        return ServiceClient(
            base, key.public, key.sign, clock, os.urandom, connect=lambda _: InProcess(self.app)
        )

    def header(self, body: bytes, path: str = "/v1/echo", method: str = "POST", ahead: int = 0) -> str:
        signer = Signer(OPERATOR.public, OPERATOR.sign)
        return sign_call(method, AUTHORITY + path, body, signer, lambda: self.now + ahead, os.urandom)

    def code(self, response: httpx.Response) -> Code:
        assert response.headers["content-type"] == "application/problem+json"
        problem = json.loads(response.content)
        assert problem["status"] == response.status_code
        assert problem["type"] == "urn:qalta:problem:" + problem["code"]
        return Code(problem["code"])


@pytest.fixture
def stand() -> Stand:
    return Stand()


def refusal_of(call: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()  # type: ignore[operator]
    return caught.value


def test_a_signed_call_is_answered(stand: Stand) -> None:
    assert stand.client().post("/v1/echo", [1, b"two", None]) == ["operator", [1, b"two", None]]
    assert stand.client().get("/v1/items/01020304") == bytes([1, 2, 3, 4])
    assert stand.client().get("/v1/count", {"since": 7}) == 7


def test_public_routes_need_no_signature(stand: Stand) -> None:
    assert codec.decode(stand.http.get("/v1/open").content, 100) == ["public", None]


def test_an_unsigned_call_is_refused(stand: Stand) -> None:
    response = stand.http.post("/v1/echo", content=b"\x00")
    assert (response.status_code, stand.code(response)) == (401, Code.AUTH_MISSING)


def test_a_strangers_call_is_forbidden_but_a_newcomer_may_enrol(stand: Stand) -> None:
    assert refusal_of(lambda: stand.client(STRANGER).post("/v1/echo", 1)).code is Code.AUTH_FORBIDDEN
    assert stand.client(STRANGER).post("/v1/newcomers", 1) == ["newcomer", 1]
    assert stand.client(OPERATOR).post("/v1/newcomers", 1) == ["newcomer", 1]


@pytest.mark.parametrize("ahead", [WINDOW + 1, -WINDOW - 1])
def test_a_call_of_another_time_is_stale_and_both_times_are_told(stand: Stand, ahead: int) -> None:
    body = codec.encode(1)
    response = stand.http.post(
        "/v1/echo", content=body, headers={"authorization": stand.header(body, ahead=ahead)}
    )
    assert stand.code(response) is Code.AUTH_STALE
    assert json.loads(response.content)["facts"] == {"time": NOW + ahead, "now": NOW}


@pytest.mark.parametrize("ahead", [WINDOW + 1, -WINDOW - 1, 365 * 86_400])
def test_a_client_is_told_that_its_clock_is_wrong_and_takes_no_date_from_it(stand: Stand, ahead: int) -> None:
    """An unsigned answer says what time it is there; nothing is signed for that time."""
    sent: list[int] = []

    def relay(request: httpx.Request) -> httpx.Response:
        header = request.headers["authorization"]
        sent.append(read_call(header, "POST", AUTHORITY + "/v1/echo", None).body.time)
        return InProcess(stand.app).handle_request(request)

    clock = lambda: stand.now + ahead  # noqa: E731
    client = ServiceClient(
        BASE,
        OPERATOR.public,
        OPERATOR.sign,
        clock,
        os.urandom,
        connect=lambda _: httpx.MockTransport(relay),
    )
    refusal = refusal_of(lambda: client.post("/v1/echo", 1))
    assert (refusal.code, refusal.facts) == (Code.AUTH_STALE, {"time": NOW + ahead, "now": NOW})
    assert sent == [NOW + ahead]


@pytest.mark.parametrize("ahead", [WINDOW, -WINDOW])
def test_clocks_may_differ_by_the_window(stand: Stand, ahead: int) -> None:
    assert stand.client(ahead=ahead).post("/v1/echo", 1) == ["operator", 1]


def test_what_is_signed_is_method_target_and_body(stand: Stand) -> None:
    body = codec.encode(1)
    header = {"authorization": stand.header(body)}
    for response in (
        stand.http.post("/v1/echo", content=codec.encode(2), headers=header),
        stand.http.post("/v1/refuse", content=body, headers=header),
        stand.http.post("/v1/echo?more=1", content=body, headers=header),
        stand.http.get("/v1/count", headers=header),
    ):
        assert stand.code(response) is Code.AUTH_SIGNATURE
    assert stand.http.post("/v1/echo", content=body, headers=header).status_code == 200


def test_nobody_calls_in_anothers_name(stand: Stand) -> None:
    signer = Signer(OPERATOR.public, STRANGER.sign)
    body = codec.encode(1)
    forged = sign_call("POST", AUTHORITY + "/v1/echo", body, signer, lambda: NOW, os.urandom)
    response = stand.http.post("/v1/echo", content=body, headers={"authorization": forged})
    assert stand.code(response) is Code.AUTH_SIGNATURE


def test_a_call_to_one_service_is_nothing_to_another(stand: Stand) -> None:
    other = stand.client(base="http://other.test")
    assert refusal_of(lambda: other.post("/v1/echo", 1)).code is Code.AUTH_SIGNATURE


@pytest.fixture(params=["postgres", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a store of nonces, in each engine."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'nonces.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.lent("nonces", lambda url: nonces_at(url).close()) as url:
        yield url


def test_a_replay_is_refused_also_by_another_process_and_after_a_restart(store: str) -> None:
    stand = Stand(nonces_at(store))
    beside = Stand(nonces_at(store))
    body = codec.encode(1)
    header = {"authorization": stand.header(body)}
    assert stand.http.post("/v1/echo", content=body, headers=header).status_code == 200
    for other in (stand, beside):
        assert other.code(other.http.post("/v1/echo", content=body, headers=header)) is Code.AUTH_REPLAYED
        other.nonces.close()
    again = Stand(nonces_at(store))
    again.now += WINDOW
    assert again.code(again.http.post("/v1/echo", content=body, headers=header)) is Code.AUTH_REPLAYED
    again.nonces.close()


def test_what_is_stale_anyway_is_forgotten_and_stays_refused(store: str) -> None:
    stand = Stand(nonces_at(store))
    body = codec.encode(1)
    header = {"authorization": stand.header(body)}
    stand.http.post("/v1/echo", content=body, headers=header)
    stand.nonces.close()
    later = Stand(nonces_at(store))
    later.now += WINDOW + 1
    later.client().post("/v1/echo", 2)
    assert later.code(later.http.post("/v1/echo", content=body, headers=header)) is Code.AUTH_STALE
    later.nonces.close()
    held = open_store(store, KIND, Path())
    assert held.value("select count(*) from nonces") == 1
    held.close()


def test_a_refusal_comes_back_as_it_was(stand: Stand) -> None:
    refusal = refusal_of(lambda: stand.client().post("/v1/refuse", 1))
    assert (refusal.code, refusal.facts) == (Code.ACCOUNT_SHORT, {"balance": 7, "account": "KZ1"})


def test_what_was_not_foreseen_says_nothing(stand: Stand) -> None:
    header = {"authorization": stand.header(codec.encode(1), "/v1/fail")}
    response = stand.http.post("/v1/fail", content=codec.encode(1), headers=header)
    assert (response.status_code, stand.code(response)) == (500, Code.INTERNAL)
    assert b"secret" not in response.content


def test_a_store_that_is_away_while_a_caller_is_recognised_is_told_and_counted_like_any_other() -> None:
    """It once came out of the application, as an accident."""

    def away(_key: bytes, _now: int) -> Caller | None:
        raise Unavailable("no server")

    metrics = Metrics()
    gate = Authenticator(AUTHORITY, away, nonces_in_memory(), lambda: NOW)
    app = build_app("Stand", ROUTES, gate, run_inline, metrics=metrics)
    client = ServiceClient(
        BASE, OPERATOR.public, OPERATOR.sign, lambda: NOW, os.urandom, connect=lambda _: InProcess(app)
    )
    assert refusal_of(lambda: client.post("/v1/echo", 1)).code is Code.BUSY
    labels = {"route": "POST /v1/echo", "code": Code.BUSY.value}
    assert metrics.registry.get_sample_value("qalta_calls_total", labels) == 1


def test_a_full_disk_is_a_passing_trouble_of_the_service_that_its_log_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 512) as disk:
        stand = Stand(nonces_at(f"sqlite:{disk / 'nonces.db'}"))
        stuffing = fill(disk, leave=0)
        refused = [refusal_of(lambda: stand.client().post("/v1/echo", bytes(1))) for _ in range(200)]
        assert {refusal.code for refusal in refused[-100:]} == {Code.BUSY}
        assert {refusal.facts["cause"] for refusal in refused[-100:]} == {"storage_full"}
        assert "Traceback" not in caplog.text
        stuffing.unlink()
        assert stand.client().post("/v1/echo", 1) == ["operator", 1]


def test_bodies_are_bounded_before_they_are_read(stand: Stand) -> None:
    def endless() -> object:
        while True:
            yield bytes(65_536)

    declared = {"content-length": str(MAX_BODY_BYTES + 1)}
    assert stand.code(stand.http.post("/v1/echo", content=b"", headers=declared)) is Code.TOO_LARGE
    assert stand.code(stand.http.post("/v1/echo", content=bytes(MAX_BODY_BYTES + 1))) is Code.TOO_LARGE
    assert refusal_of(lambda: stand.client().post("/v1/small", bytes(80))).code is Code.TOO_LARGE


def test_unknown_paths_and_methods_are_typed(stand: Stand) -> None:
    for path, code in (
        ("/nowhere", Code.NOT_FOUND),
        ("/v1/echo/", Code.NOT_FOUND),
        ("/v1/echo", Code.METHOD_UNKNOWN),
    ):
        assert stand.code(stand.http.get(path)) is code


def test_bad_parameters_are_malformed(stand: Stand) -> None:
    for path in (
        "/v1/items/0102",
        "/v1/items/xyz",
        "/v1/count?since=-1",
        "/v1/count?since=101",
        "/v1/count?since=%FF",
    ):
        assert refusal_of(lambda path=path: stand.client().get(path)).code is Code.MALFORMED


@pytest.mark.parametrize("code", [Code.AUTH_STALE, Code.AUTH_FORBIDDEN, Code.NOT_FOUND, Code.BUSY])
def test_what_another_service_says_of_our_call_is_nothing_about_the_callers(stand: Stand, code: Code) -> None:
    refusal = refusal_of(lambda: stand.client().post("/v1/pass-on", code.value))
    assert (refusal.code, refusal.facts) == (Code.UNREACHABLE, {"because": code.value})


def test_what_another_service_refuses_for_good_is_passed_on(stand: Stand) -> None:
    refusal = refusal_of(lambda: stand.client().post("/v1/pass-on", "position_short"))
    assert (refusal.code, refusal.facts) == (Code.POSITION_SHORT, {"now": NOW + 5})


def test_health_and_description(stand: Stand) -> None:
    assert stand.http.get("/healthz").status_code == 200
    assert stand.http.get("/readyz").status_code == 200
    description = stand.http.get("/v1/openapi.json").json()
    assert set(description["paths"]) == {route.path for route in ROUTES}
    assert description["paths"]["/v1/open"]["get"]["security"] == []
    assert description["paths"]["/v1/echo"]["post"]["security"] == [{"call": []}]


def test_not_ready_is_told() -> None:
    gate = Authenticator(AUTHORITY, identify, nonces_in_memory(), lambda: NOW)
    app = build_app("Stand", ROUTES, gate, run_inline, ready=lambda: False)
    response = httpx.Client(transport=InProcess(app), base_url=BASE).get("/readyz")
    assert response.status_code == 503


def test_whoever_asks_whether_it_is_ready_is_in_no_callers_way() -> None:
    """Anybody may ask, and each time the keystore signs: of that there is a room, and who finds it full is told so."""

    async def full(function: Callable[..., R], /, *values: Any, room: str = "") -> R:
        if room in ("", GATE):
            pytest.fail("a stranger waits where callers do")
        raise busy(3)

    gate = Authenticator(AUTHORITY, identify, nonces_in_memory(), lambda: NOW)
    app = build_app("Stand", ROUTES, gate, full)
    response = httpx.Client(transport=InProcess(app), base_url=BASE).get("/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert response.headers["retry-after"] == "3"


STAND = Stand()


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=200),
    header=st.one_of(
        st.none(),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100),
        st.binary(max_size=100).map(lambda raw: "Qalta " + raw.hex()),
        st.binary(max_size=2000).map(lambda raw: b"Qalta " + raw.replace(b"\r", b"").replace(b"\n", b"")),
    ),
    path=st.sampled_from(
        ["/v1/echo", "/v1/open", "/v1/items/00", "/v1/newcomers", "/", "/v1/%zz", "/v1/count?since=%00"]
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PROPFIND"]),
)
def test_anything_a_stranger_sends_is_a_typed_problem(
    body: bytes, header: str | bytes | None, path: str, method: str
) -> None:
    headers = (
        []
        if header is None
        else [(b"authorization", header if isinstance(header, bytes) else header.encode())]
    )
    response = STAND.http.request(method, path, content=body, headers=headers)
    assert response.status_code < 500
    if response.status_code != 200:
        assert method == "HEAD" or STAND.code(response) is not Code.INTERNAL


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=300))
def test_a_signed_body_is_cbor_or_a_typed_problem(body: bytes) -> None:
    response = STAND.http.post("/v1/echo", content=body, headers={"authorization": STAND.header(body)})
    if response.status_code == 200:
        assert codec.decode(response.content, 1000) == ["operator", codec.decode(body, 1000)]
    else:
        assert STAND.code(response) in {Code.MALFORMED_CBOR, Code.NOT_CANONICAL}
