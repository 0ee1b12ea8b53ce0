"""The network switch: off lets nothing out, but the datagrams of an open simulated radio on this machine's loopback.

An audit hook stays for the life of a process, so every case is a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.cli import ROOT

SCRIPT = """
import socket, sys
from app.wallets.offline import NETWORK
from wallet.protocol.codes import Refusal
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
tries = {
    "bind": lambda: socket.socket(socket.AF_INET, udp).bind(("127.0.0.1", 0)),
    "send": lambda: socket.socket(socket.AF_INET, udp).sendto(b"x", ("127.0.0.2", 9)),
    "name": lambda: socket.gethostbyname("localhost"),
    "bind all": lambda: socket.socket(socket.AF_INET, udp).bind(("0.0.0.0", 0)),
    "send out": lambda: socket.socket(socket.AF_INET, udp).sendto(b"x", ("192.0.2.1", 9)),
    "connect udp": lambda: socket.socket(socket.AF_INET, udp).connect(("127.0.0.1", 9)),
    "connect": lambda: socket.socket(socket.AF_INET, tcp).connect(("127.0.0.1", 9)),
    "listen": lambda: socket.socket(socket.AF_INET, tcp).bind(("127.0.0.1", 0)),
    "resolve": lambda: socket.getaddrinfo("bank.example", 443),
    "old resolve": lambda: socket.gethostbyname("bank.example"),
}
def passed():
    found = []
    for name, attempt in tries.items():
        try:
            attempt()
        except Refusal:
            continue
        except OSError:
            pass
        found.append(name)
    return found
NETWORK.turn(off=True)
print(passed())
with NETWORK.radio_over_loopback(True):
    with NETWORK.radio_over_loopback(False):
        print(passed())
print(passed())
NETWORK.turn(off=False)
with socket.socket(socket.AF_INET, udp) as free:
    free.bind(("0.0.0.0", 0))
"""


@pytest.fixture(scope="module")
def said() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_off_lets_nothing_out(said: list[str]) -> None:
    assert said[0] == said[2] == "[]"


def test_an_open_simulated_radio_has_datagrams_on_loopback_and_nothing_else(said: list[str]) -> None:
    assert said[1] == str(["bind", "send", "name"])
