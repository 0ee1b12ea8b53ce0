"""A switched-off network is silent, except for a simulated radio on this machine while it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import socket, sys
from app.wallets.offline import NetworkSwitch
from wallet.protocol.codes import Refusal

def outcome(kind, address):
    with socket.socket(socket.AF_INET, kind) as line:
        try:
            line.sendto(b"hello", address) if kind is socket.SOCK_DGRAM else line.connect(address)
        except Refusal:
            return "refused"
        except OSError:
            return "tried"
        return "sent"

def bound():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.bind(("0.0.0.0", 0))
        except Refusal:
            return "refused"
        return "bound"

switch = NetworkSwitch()
switch.turn(off=True)
with switch.radio(sys.argv[1] == "simulated"):
    print(outcome(socket.SOCK_DGRAM, ("127.0.0.1", 9)), outcome(socket.SOCK_DGRAM, ("192.0.2.1", 9)),
          outcome(socket.SOCK_STREAM, ("127.0.0.1", 9)), bound())
print(outcome(socket.SOCK_DGRAM, ("127.0.0.1", 9)))
"""


@pytest.mark.parametrize(
    ("radio", "said"),
    [
        ("simulated", ["sent refused refused bound", "refused"]),
        ("real", ["refused refused refused refused", "refused"]),
    ],
)
def test_only_a_simulated_radio_on_this_machine_is_heard(radio: str, said: list[str]) -> None:
    """In a process of its own: an audit hook stays for good."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, radio], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said
