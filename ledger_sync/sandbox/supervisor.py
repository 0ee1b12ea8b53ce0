"""Starting, looking at and stopping a sandbox.

Rule: again is success, for every call and from every state that a crash leaves: start makes what is missing and
starts what does not run, stop ends what runs.
"""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx

from ledger_sync.http.loopback import loopback
from ledger_sync.processes import alone, end, gone, last_words, running, write
from ledger_sync.sandbox.clocks import confirm_clock
from ledger_sync.sandbox.helpers import why_ended
from ledger_sync.sandbox.making import SandboxOptions, make
from ledger_sync.sandbox.network import FILE, Network, Role, Station, read_network
from ledger_sync.sandbox.operator import Order, operate
from ledger_sync.sandbox.parts import require_services
from ledger_sync.sandbox.starting import spawn_station
from wallet.protocol.codes import Code, Refusal

GRANT: Final = 100_000_000_000
"""Tiyn of online money that each bank gets when the sandbox is made."""
READY_SECONDS: Final = 60.0
END_SECONDS: Final = 20.0
_GRANTED: Final = "granted"
_LOCK: Final = "lock"
_ASK_AGAIN: Final = 0.03
_PATIENCE: Final = 2.0
"""Seconds for which a station may be silent that is asked how it is."""


class State(StrEnum):
    """How a station is."""

    READY = "ready"
    STARTING = "starting"
    FAILING = "failing"
    """It runs, and can't do its work: it says why, or says nothing."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """One station, its process and how it is."""

    station: Station
    pid: int | None
    state: State
    cause: str = ""
    """Why it is failing: a code."""


def start(
    home: Path,
    *,
    wishes: SandboxOptions | None = None,
    environment: Mapping[str, Mapping[str, str]] | None = None,
) -> Network:
    """Make the sandbox if it is not there, start what does not run, wait until all is ready.

    `environment` adds variables to one station's process, by its name (failpoints of tests). Raises `Refusal`:
    UNREACHABLE (a station died or did not get ready; its last words are in the facts); `KeystoreError`, where keystore
    or storage are in the way; `ServicesMissing`, before anything is made.
    """
    require_services()
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    extra = environment or {}
    with alone(home / _LOCK):
        network = make(home, wishes or SandboxOptions())
        for station in network.stations:
            if running(network.folder(station)) is None:
                confirm_clock(network.folder(station), int(time.time()))
                spawn_station(station, network.folder(station), extra.get(station.name, {}))
        for station in network.stations:
            await_ready(network, station)
        _grant(network)
    return network


def confirm_clocks(home: Path) -> tuple[Station, ...]:
    """The operator's word that this machine's clock is right, for every service that waits for it; which those were."""
    if not (home / FILE).exists():
        return ()
    network, now = read_network(home.absolute()), int(time.time())
    return tuple(station for station in network.stations if confirm_clock(network.folder(station), now))


def go_on_without(home: Path, name: str) -> tuple[Station, ...]:
    """The operator's word that nothing more is to be heard of a station, for whoever waits to hear from it what it once
    said; which those were. NOT_FOUND where there is no such station."""
    network = read_network(home.absolute())
    absent = network.station(name)
    called = "" if absent.role is Role.CENTRAL_BANK else name
    listeners = [one for one in (network.central_bank, network.notary) if one is not absent]
    orders = [Order(one.name, "POST", "/v1/witnesses/absent", [called]) for one in listeners]
    answers = operate(network, orders)
    return tuple(one for one, said in zip(listeners, answers, strict=True) if not isinstance(said, Refusal))


def status(home: Path) -> tuple[Status, ...]:
    """Every station of the sandbox; none where none was made."""
    if not (home / FILE).exists():
        return ()
    network = read_network(home.absolute())
    with loopback(_PATIENCE) as http:
        return tuple(_status(network, station, http) for station in network.stations)


def stop(home: Path) -> None:
    """End every station: asked first, and killed only if it does not go."""
    if not (home / FILE).exists():
        return
    with alone(home / _LOCK):
        network = read_network(home.absolute())
        folders = [network.folder(station) for station in network.stations]
        for folder in folders:
            end(folder, signal.SIGTERM, 0)
        for folder in folders:
            if not gone(folder, END_SECONDS):
                end(folder, signal.SIGKILL, END_SECONDS)


def kill(home: Path, name: str) -> None:
    """SIGKILL one station, as a crash would."""
    network = read_network(home.absolute())
    end(network.folder(network.station(name)), signal.SIGKILL, END_SECONDS)


def _status(network: Network, station: Station, http: httpx.Client) -> Status:
    pid = running(network.folder(station))
    if pid is None:
        return Status(station, None, State.STOPPED)
    return Status(station, pid, *_ask(station, http))


def _ask(station: Station, http: httpx.Client) -> tuple[State, str]:
    """How a station that runs says it is: its state, and why if it is failing."""
    try:
        answer = http.get(station.url + "/readyz")
        if answer.status_code == httpx.codes.OK:
            return State.READY, ""
        said = answer.json()
        return State(said["status"]), str(said.get("cause", ""))
    except httpx.ConnectError:
        return State.STARTING, ""  # it listens to nobody yet
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return State.FAILING, Code.UNREACHABLE.value


def await_ready(network: Network, station: Station) -> None:
    """Wait until a station answers that it is ready. UNREACHABLE if it dies, or is not ready in READY_SECONDS;
    `KeystoreError` where it said so before it died."""
    until = time.monotonic() + READY_SECONDS
    folder = network.folder(station)
    with loopback(_PATIENCE) as http:
        while _ask(station, http)[0] is not State.READY:
            if running(folder) is None or time.monotonic() > until:
                raise why_ended(station.name, last_words(folder))
            time.sleep(_ASK_AGAIN)


def _grant(network: Network) -> None:
    if (network.home / _GRANTED).exists():
        return
    central_bank = network.central_bank.name
    grants = [
        Order(central_bank, "POST", "/v1/issues", [_grant_id(bank.name), bank.name, GRANT])
        for bank in network.banks
    ]
    for answer in operate(network, grants):
        if isinstance(answer, Refusal):
            raise answer
    write(network.home / _GRANTED, "")


def _grant_id(bank: str) -> bytes:
    return hashlib.sha256(b"grant " + bank.encode()).digest()[:16]
