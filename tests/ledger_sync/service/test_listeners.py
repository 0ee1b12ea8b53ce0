"""Where a service listens: all of it is there before anybody hears that it serves, or none of it is."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ledger_sync.sandbox.making import module_environment
from ledger_sync.service.listeners import bound
from ledger_sync.service.settings import Address
from tests.support.crew import PIN, Crew
from tests.support.eventually import eventually

ANY = Address("127.0.0.1", 0)


def test_an_answer_is_sent_at_once() -> None:
    """And not once what was sent before it is acknowledged, which takes the other side 40 ms."""
    with bound(ANY, "port") as listener, socket.create_connection(listener.getsockname()):
        line, _ = listener.accept()
        with line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_hears_that_a_service_serves_finds_its_figures(tmp_path: Path, workers: int) -> None:
    crew = Crew(tmp_path / "crew", lambda: int(time.time()))
    with bound(ANY, "metrics") as free:
        figures = free.getsockname()
    crew.settings(workers=workers, metrics=f"127.0.0.1:{figures[1]}")
    crew.start()
    try:
        eventually(lambda: answer(crew.port, "/healthz"), bool)
        assert b"qalta_calls_total" in answer(figures[1], "/metrics")
    finally:
        assert crew.end() == 0


def answer(port: int, path: str) -> bytes:
    """Nothing, where nobody listens."""
    http = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        http.request("GET", path)
        return http.getresponse().read()
    except ConnectionRefusedError:
        return b""
    finally:
        http.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("which", ["calls", "figures"])
def test_an_address_that_is_somebody_elses_is_said(tmp_path: Path, which: str, workers: int) -> None:
    crew = Crew(tmp_path / "crew", lambda: int(time.time()))
    with bound(ANY, "port") as taken:
        port = taken.getsockname()[1]
        address = {"port": port} if which == "calls" else {"metrics": f"127.0.0.1:{port}"}
        crew.settings(workers=workers, **address)
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.crew", "--home", str(crew.folder), "--pin-fd", "0"],
            input=PIN.encode(),
            env=module_environment(),
            capture_output=True,
            check=False,
        )
    assert done.returncode == 1
    said = json.loads(done.stderr.splitlines()[-1])
    assert (said["code"], said["setting"]) == ("setting_taken", "port" if which == "calls" else "metrics")
