"""A real smart card service (pcscd) with a virtual reader, run in the foreground for one test and ended after it.

One machine has one such service: a test that uses it is serial. It needs root and Debian's pcscd and vsmartcard-vpcd,
which ./test installs; where they are wanting the test is skipped and says why.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
RUN = Path("/run/pcscd")
NAME = "Qalta Test Reader"


def why_not() -> str | None:
    """What is wanting for a card service of our own; None if nothing is."""
    if shutil.which("pcscd", path="/usr/sbin:/usr/bin") is None or not DRIVER.exists():
        return "pcscd and vsmartcard-vpcd are not installed (./test installs them)"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is not installed (./test installs it)"
    if os.geteuid() != 0:
        return "a smart card service of one's own needs root"
    if is_answering():
        return "a smart card service is running on this machine already"
    return None


def is_answering() -> bool:
    """Whether a service of this machine, or whoever would start it, takes connections."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(RUN / "pcscd.comm")) == 0


@dataclass(frozen=True, slots=True)
class CardService:
    """``port``: where a virtual card comes into the field of the reader called ``reader``."""

    process: subprocess.Popen[str]
    port: int
    reader: str = NAME

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def card_service(folder: Path) -> Iterator[CardService]:
    """Its configuration is in ``folder``, and it knows no reader but the virtual one."""
    with open(Path(tempfile.gettempdir()) / "qalta-card-service.lock", "w") as turn:
        # Another test run on this machine has it: wait for our turn.
        fcntl.flock(turn, fcntl.LOCK_EX)
        reason = why_not()
        if reason is not None:
            pytest.skip(reason)
        yield from _run(folder)


def _run(folder: Path) -> Iterator[CardService]:
    port = free_port()
    configuration = folder / "readers"
    configuration.mkdir()
    (configuration / "virtual").write_text(
        f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:0x{port:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{port:X}\n'
    )
    was_there = RUN.exists()
    # It must not outlive a test run that was killed.
    killed_with_us = ["setpriv", "--pdeathsig", "TERM"]
    command = [*killed_with_us, "/usr/sbin/pcscd", "--foreground", "--config", str(configuration)]
    with open(folder / "pcscd.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
    service = CardService(process, port)
    try:
        _wait_for(service, folder / "pcscd.log")
        yield service
    finally:
        service.stop()
        if not was_there:
            shutil.rmtree(RUN, ignore_errors=True)


def _wait_for(service: CardService, log: Path) -> None:
    while not is_answering():
        assert service.process.poll() is None, log.read_text()
