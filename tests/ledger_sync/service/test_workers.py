"""Several processes of one service: one identity, one memory of what was answered, and no end of all with one's end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ledger_sync.http.call import Signer, sign_call
from ledger_sync.http.peers import NoAnswer
from tests.support.crew import WORKERS, Crew
from tests.support.eventually import LOOK_SECONDS, eventually
from tests.support.postgres import Cluster
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.codes import Refusal
from wallet.protocol.keys import p256

CLIENTS = 4
LONGEST_WAIT = 60.0
"""Seconds, for the end of a process that does not end."""
_STRANGER = Key.of("stranger")
OTHER = (_STRANGER.public, _STRANGER.sign)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """One for all tests that leave it as it was, on each engine."""
    with ExitStack() as stack:
        changes = {}
        if request.param == "postgres":
            cluster: Cluster = request.getfixturevalue("postgres")
            changes["database"] = stack.enter_context(cluster.database())
        yield stack.enter_context(running(tmp_path_factory.mktemp("lasting"), **changes))


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    with running(tmp_path) as crew:
        yield crew


@contextmanager
def running(folder: Path, **changes: str) -> Iterator[Crew]:
    """Started, and every worker at work."""
    crew = Crew(folder / "crew", lambda: int(time.time()))
    crew.settings(workers=WORKERS, **changes)
    crew.start()
    try:
        eventually(lambda: asked(crew), lambda numbers: numbers == {1, 2})
        yield crew
    finally:
        crew.kill()


class Line:
    """One connection, and so one worker, as long as that lives."""

    def __init__(self, crew: Crew) -> None:
        self._http = HTTPConnection("127.0.0.1", crew.port, timeout=60)
        self.number, self.pid = self.ask("GET", "/v1/who")[1]

    def ask(self, method: str, path: str, body: bytes = b"", header: str = "") -> tuple[int, Any]:
        """Status, and what is answered; of a problem its code."""
        self._http.request(method, path, body, {"authorization": header} if header else {})
        response = self._http.getresponse()
        raw = response.read()
        if response.status == 200:
            return 200, codec.decode(raw, 1_000_000)
        return response.status, json.loads(raw)["code"]

    def close(self) -> None:
        self._http.close()


def asked(crew: Crew) -> set[int]:
    """Which workers answer, of a few calls."""
    numbers = set()
    for _ in range(8):
        try:
            line = Line(crew)
        except (OSError, HTTPException):
            continue
        numbers.add(line.number)
        line.close()
    return numbers


def lines(crew: Crew) -> tuple[Line, Line]:
    """A connection to each worker."""
    found: dict[int, Line] = {}
    while len(found) < WORKERS:
        line = Line(crew)
        if line.number in found:
            line.close()
        found.setdefault(line.number, line)
    return found[1], found[2]


def test_all_workers_are_one_identity_in_processes_of_their_own(lasting: Crew) -> None:
    one, other = lines(lasting)
    assert {one.pid, other.pid} == lasting.pids()
    for line in (one, other):
        body = codec.encode(os.urandom(20))
        status, answer = line.ask("POST", "/v1/word", body, lasting.header(body, "/v1/word"))
        assert status == 200
        key, signature = answer
        assert key == lasting.key
        assert p256(key).verify(codec.octets(codec.decode(body, 100)), signature)
        assert line.ask("POST", "/v1/notes", b"", "") == (401, "auth_missing")


def test_a_call_that_one_worker_has_answered_is_a_replay_at_the_other(lasting: Crew) -> None:
    one, other = lines(lasting)
    body = codec.encode(b"note")
    header = lasting.header(body)
    assert one.ask("POST", "/v1/notes", body, header) == (200, [1, 1])
    assert other.ask("POST", "/v1/notes", body, header) == (401, "auth_replayed")
    assert one.ask("POST", "/v1/notes", body, header) == (401, "auth_replayed")
    assert other.ask("POST", "/v1/notes", body, lasting.header(body)) == (200, [2, 0])


def test_of_one_call_sent_to_both_at_once_one_is_answered(lasting: Crew) -> None:
    one, other = lines(lasting)
    with ThreadPoolExecutor(2) as pool:
        for number in range(25):
            body = codec.encode(number.to_bytes(4))
            values = ("POST", "/v1/notes", body, lasting.header(body))
            answers = [sent.result() for sent in [pool.submit(line.ask, *values) for line in (one, other)]]
            assert sorted(status for status, _ in answers) == [200, 401]
            assert (401, "auth_replayed") in answers


class Load:
    """Clients that have notes kept, one after the other, and remember what they were told of each."""

    def __init__(self, crew: Crew) -> None:
        self.kept: set[bytes] = set()
        self.refused: set[str] = set()
        self._crew = crew
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, by: int = 20) -> None:
        """Until so many more were kept."""
        wanted = len(self.kept) + by
        while len(self.kept) < wanted:
            time.sleep(LOOK_SECONDS)

    def _run(self) -> None:
        client = self._crew.client()
        while not self._stopped.is_set():
            note = os.urandom(16)
            try:
                client.post("/v1/notes", note)
            except NoAnswer as silence:
                self.refused.add(silence.code.value)
                client = self._crew.client()
            except Refusal as refusal:
                self.refused.add(f"refused: {refusal.code.value}")
            else:
                self.kept.add(note)
        client.close()


def hostile(crew: Crew) -> list[tuple[bytes, bytes]]:
    """What strangers send on a line, with what the answer must hold, if one comes: a code, or nothing where the line
    only ends."""
    body = codec.encode(b"a stranger's note")
    signed = crew.header(body).encode()
    stranger = sign_call(
        "POST", f"{crew.authority}/v1/notes", body, Signer(*OTHER), crew.clock, os.urandom
    ).encode()

    def post(header: bytes, sent: bytes, size: int, path: bytes = b"/v1/notes") -> bytes:
        lines = (b"POST " + path + b" HTTP/1.1", b"host: x", b"authorization: " + header)
        return b"\r\n".join((*lines, b"content-length: %d" % size, b"", sent))

    return [
        (post(b"Qalta abc", body, len(body)), b"auth_signature"),
        (post(b"", body, len(body)), b"auth_missing"),
        (post(stranger, body, len(body)), b"auth_forbidden"),
        (post(signed, body[::-1], len(body)), b"auth_signature"),
        (post(signed, body, len(body), b"/v1/word"), b"auth_signature"),
        (post(signed, b"", 2**40), b"too_large"),
        (post(signed, b"", 2**19), b""),
        (post(signed, body[:3], len(body)), b""),
        (b"GET /v1/who HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 20_000, b"malformed"),
        (b"\x00" * 100_000, b"malformed"),
        (b"POST /v1/notes HTTP/1.1\r\nhost", b""),
    ]


def test_hostile_callers_change_nothing_and_are_in_nobodys_way(lasting: Crew) -> None:
    """Each of their lines is torn only at the end: what is half sent stays so meanwhile."""
    pids = lasting.pids()
    with Load(lasting) as load, ExitStack() as stack:
        for _ in range(3):
            for sent, said in hostile(lasting):
                line = stack.enter_context(socket.create_connection(("127.0.0.1", lasting.port)))
                line.settimeout(30)
                with suppress(ConnectionError):
                    line.sendall(sent)
                if said:
                    assert said in answered(line)
        load.goes_on(50)
    assert load.refused == set()
    assert lasting.pids() == pids
    assert not {note for note in lasting.notes() if b"stranger" in note}
    assert load.kept <= lasting.notes()


def answered(line: socket.socket) -> bytes:
    """The beginning of what comes: more than a problem's length. What was not read of a torn call may cut it off."""
    came = b""
    with suppress(ConnectionError):
        while b'"type"' not in came and (part := line.recv(65_536)):
            came += part
    return came


def test_a_worker_killed_under_load_is_replaced_and_nothing_that_was_answered_is_lost(lasting: Crew) -> None:
    with Load(lasting) as load:
        for number in (1, 2, 1):
            load.goes_on()
            line = next(one for one in lines(lasting) if one.number == number)
            os.kill(line.pid, signal.SIGKILL)
            load.goes_on()
            eventually(lasting.pids, lambda pids, dead=line.pid: len(pids - {dead}) == WORKERS)  # type: ignore[misc]
            assert line.pid not in {one.pid for one in lines(lasting)}
    assert load.kept <= lasting.notes()
    assert load.refused <= {"unreachable"}


def figures(port: int) -> dict[str, dict[str, float]]:
    """By process how many calls of a route it has answered, by the route."""
    http = HTTPConnection("127.0.0.1", port, timeout=60)
    http.request("GET", "/metrics")
    page = http.getresponse().read().decode()
    http.close()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            number = sample.labels["process"]
            of = found.setdefault(number, {})
            if sample.name == "qalta_calls_total" and sample.labels["code"] == "ok":
                of[sample.labels["route"]] = sample.value
    return found


def test_whichever_is_asked_shows_the_figures_of_all(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(tmp_path, metrics=f"127.0.0.1:{port}") as crew:
        one, other = lines(crew)
        before = eventually(lambda: figures(port), lambda found: len(found) == WORKERS)
        for asked, count in ((one, 2), (other, 5)):
            for _ in range(count):
                asked.ask("GET", "/v1/who")
        now = eventually(lambda: figures(port), lambda found: len(found) == WORKERS)
        route = "GET /v1/who"
        assert [now[number][route] - before[number][route] for number in ("1", "2")] == [2, 5]
        os.kill(other.pid, signal.SIGKILL)
        eventually(lambda: figures(port).get("2", now["2"]), lambda found: route not in found)


def test_asked_to_end_it_answers_what_is_under_way_and_leaves_nobody(crew: Crew) -> None:
    line = Line(crew)
    pids = crew.pids()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(line.ask, "GET", "/v1/slow")
        eventually(lambda: (crew.folder / "go").exists(), bool)
        assert crew.process is not None
        crew.process.send_signal(signal.SIGTERM)
        (crew.folder / "go").write_bytes(b"")
        assert slow.result() == (200, line.number)
    assert crew.process.wait(60) == 0
    assert not alive(pids)


def test_asked_to_end_it_leaves_behind_who_would_never_be_answered(tmp_path: Path) -> None:
    """As one who waits for a commit of a server that hangs."""
    crew = Crew(tmp_path / "crew", lambda: int(time.time()))
    crew.settings(workers=1)
    crew.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            eventually(lambda: _is_served(crew), bool)
            waiting = pool.submit(crew.client().get, "/v1/slow")
            eventually(lambda: (crew.folder / "go").exists(), bool)
            assert crew.end() == 0
            with pytest.raises(NoAnswer):
                waiting.result()
    finally:
        crew.kill()


def _is_served(crew: Crew) -> bool:
    try:
        return bool(crew.client().get("/v1/who"))
    except NoAnswer:
        return False


def alive(pids: set[int]) -> set[int]:
    """Nor ended and not yet taken note of by whoever inherits what has no parent."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_workers_end_with_their_supervisor_and_another_takes_over_from_them(crew: Crew) -> None:
    assert crew.process is not None
    pids = crew.pids()
    crew.process.kill()
    crew.process.wait()
    crew.start()
    eventually(lambda: alive(pids), lambda left: not left)
    eventually(lambda: asked(crew), lambda numbers: numbers == {1, 2})
    assert crew.end() == 0


def test_workers_that_hang_end_with_their_supervisor_too(crew: Crew) -> None:
    """Stopped, they hear neither that it is gone nor any signal but the one that nobody can hold."""
    assert crew.process is not None
    with ExitStack() as stack:
        watches = {pid: stack.enter_context(watched(pid)) for pid in crew.pids()}
        for watch in watches.values():
            signal.pidfd_send_signal(watch, signal.SIGSTOP)
        crew.process.kill()
        crew.process.wait()
        assert [pid for pid, watch in watches.items() if not has_ended(watch)] == []
        crew.start()
        eventually(lambda: asked(crew), lambda numbers: numbers == {1, 2})
        assert crew.end() == 0


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor of a process; at the end of the block also that of the process, whatever it does."""
    watch = os.pidfd_open(pid)
    try:
        yield watch
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch, signal.SIGKILL)
        os.close(watch)


def has_ended(watch: int) -> bool:
    """Once it has; a process that never does is given up."""
    return bool(select.select([watch], [], [], LONGEST_WAIT)[0])


@pytest.mark.parametrize(
    ("changes", "pin", "why"),
    [
        ({"workers": 0}, None, b"setting_unfit"),
        ({"workers": 65}, None, b"setting_unfit"),
        ({"workers": 2}, "wrong", b"pin_wrong"),
    ],
)
def test_what_cannot_start_ends_at_once_and_says_why(
    tmp_path: Path, changes: dict[str, int], pin: str | None, why: bytes
) -> None:
    crew = Crew(tmp_path / "crew", lambda: int(time.time()))
    crew.settings(**changes)
    crew.start(*(() if pin is None else (pin,)))
    assert crew.process is not None
    assert crew.process.wait(60) == 1
    assert why in (crew.folder / "log").read_bytes().splitlines()[-1]
