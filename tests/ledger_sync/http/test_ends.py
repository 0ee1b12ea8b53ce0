"""Every call has one end, and a cancel that ends it: against a process that trickles on a real socket for ever.

Rule: the other side never ends anything here, so a test that comes back has seen the call end. Nothing is measured.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from ledger_sync.http.client import ServiceClient
from ledger_sync.http.sockets import never
from tests.support.slow import MANNERS, Slow
from tests.support.world import NOW, Key
from wallet.protocol.codes import Code, Refusal

DEVICE = Key.of("device")
LARGE = bytes(400_000)
"""More than a socket takes before its other end reads."""


@pytest.fixture(params=MANNERS)
def slow(request: pytest.FixtureRequest) -> Iterator[Slow]:
    with Slow(request.param) as server:
        yield server


def client(
    url: str, *, whole: float = 3_600, timeout: float = 3_600, is_stopped: Callable[[], bool] = never
) -> ServiceClient:
    return ServiceClient(
        url,
        DEVICE.public,
        DEVICE.sign,
        lambda: NOW,
        os.urandom,
        timeout,
        whole=whole,
        is_stopped=is_stopped,
    )


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


def test_a_whole_deadline_ends_a_call_that_trickles(slow: Slow) -> None:
    line = client(slow.url, whole=0.3)
    assert refusal_of(lambda: line.post("/v1/uploads", LARGE)).code is Code.UNREACHABLE
    assert refusal_of(lambda: line.get("/v1/account")).code is Code.UNREACHABLE
    line.close()


@pytest.mark.parametrize("manner", ["silent", "unread"])
def test_a_line_that_is_silent_ends_before_its_deadline(manner: str) -> None:
    with Slow(manner) as slow:
        line = client(slow.url, timeout=0.2)
        assert refusal_of(lambda: line.post("/v1/uploads", LARGE)).code is Code.UNREACHABLE
        line.close()


def test_another_thread_ends_a_call(slow: Slow) -> None:
    stopped = threading.Event()
    looks = itertools.count()

    def is_stopped() -> bool:
        if next(looks) == 5:
            threading.Thread(target=stopped.set).start()
        return stopped.is_set()

    line = client(slow.url, is_stopped=is_stopped)
    assert refusal_of(lambda: line.post("/v1/uploads", LARGE)).code is Code.UNREACHABLE
    assert refusal_of(lambda: line.get("/v1/account")).code is Code.UNREACHABLE, "and no later call begins"
    line.close()


def test_a_name_that_no_resolver_answers_ends_like_any_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends a resolver's wait: the call ends without it."""
    asleep = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: asleep.wait())
    line = client("http://bank.invalid:1", whole=0.3)
    assert refusal_of(lambda: line.get("/v1/account")).code is Code.UNREACHABLE
    asleep.set()


def test_an_address_where_nobody_is_is_unreachable() -> None:
    with Slow("silent") as slow:
        url = slow.url
    assert refusal_of(lambda: client(url).get("/v1/account")).code is Code.UNREACHABLE
