"""What a ledger is measured with, made beforehand: a sandbox with customers, and uploads of 15 hops, none of them sent.

Rule: what was made is a folder that never changes again; each run works on a copy, on one engine or the other, so that
every run begins with the same stores. It may be kept and used by later runs, for as long as its money is good.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cbor2
import httpx

from app.bench.bare import Bare, bare
from app.bench.folders import guarded, own_folder
from app.bench.ledger_postgres import PrivatePostgres
from app.bench.reconcile import Customer, issuing_key, open_customers
from app.bench.throwaway import SoftKey, hand_on
from app.terminal.show import Show
from ledger_sync import sandbox
from ledger_sync.homes.migrating import migrate
from ledger_sync.http.loopback import loopback
from ledger_sync.sandbox import Network, SandboxOptions, Station, read_network
from ledger_sync.sandbox.network import HOST
from wallet.protocol.bounds import DAY, MAX_HOP
from wallet.protocol.bundle import Bundle, parse_bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed

_AMOUNTS: Final = (20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)
"""Tiyn of a funding's tokens; the first is handed on."""
_PAID: Final = 12_500
_FUNDING_AT_A_TIME: Final = 4
_FUNDINGS: Final = 1 << 20
"""Of one customer in a day: as many as are wanted."""
_STARTS: Final = 4
_WORKERS_SECONDS: Final = 240.0
_ASK_AGAIN: Final = 0.1
_PAGE_SECONDS: Final = 10.0
_HOME: Final = "home"
_FILE: Final = "uploads.cbor"
_FORMAT: Final = 1
_GOOD_SECONDS: Final = 7 * DAY
_PROCESS: Final = re.compile(r'^qalta_\w+\{[^}]*process="(\d+)"', re.MULTILINE)
_PORTS: Final = range(12_000, 19_000)


@dataclass(frozen=True, slots=True)
class Made:
    """A home that stands still, and uploads for its first bank: whose device sends which bundle."""

    home: Path
    bank: bytes
    issuing: bytes
    uploads: Sequence[tuple[SoftKey, bytes]]

    def signatures(self, uploads: Sequence[tuple[SoftKey, bytes]], known: set[bytes]) -> list[Bare]:
        """All that these hold and ``known`` does not, ready to be verified; ``known`` has them from then on."""
        items = [item for _, raw in uploads for item in self._signed(parse_bundle(raw))]
        fresh = {item.signature: (item, key) for item, key in items if item.signature not in known}
        known.update(fresh)
        return bare(fresh.values())

    def _signed(self, bundle: Bundle) -> Iterator[tuple[Signed[Any], bytes]]:
        """Each object with the key that signed it: a chain's next payer is whom the last one paid."""
        owners = {item.id: item.body.owner for item in bundle.issuances}
        for transfer in bundle.transfers:
            yield transfer, owners[transfer.body.inputs[0].txid]
            owners[transfer.id] = transfer.body.payee
        yield from ((item, self.issuing) for item in bundle.issuances)
        yield from ((item, self.bank) for item in bundle.certificates)
        yield from ((item, item.body.key) for item in bundle.requests)


Brought = tuple[Sequence[Customer], Sequence[tuple[SoftKey, bytes]]]
"""Customers of a network's first bank, and what they will upload."""


def made(folder: Path, people: int, uploads: int, show: Show) -> Made:
    """What is in ``folder``, if it is enough and still good; else it is made there anew. Raises ``Refusal``.

    Each of ``people`` (16 at least) uploads in turn, so that nobody fills the part that one customer has.
    """

    def make(network: Network) -> Brought:
        show.step("bench.opening_accounts")
        customers = open_customers(network, network.banks[0], people)
        return customers, _bundles(customers, uploads, show)

    return kept(folder, uploads, make, show)


def kept(folder: Path, uploads: int, make: Callable[[Network], Brought], show: Show) -> Made:
    """What is in ``folder``, if it is as many uploads and still good; else what ``make`` makes at a network that is
    founded there, of which nothing runs any more afterwards. Raises ``Refusal``."""
    held = _read(folder)
    if held is not None and len(held.uploads) >= uploads:
        return held
    home = folder.absolute() / _HOME
    (folder / _FILE).unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    show.step("bench.starting_sandbox")
    with guarded(home):
        try:
            network = _started(home, {}, SandboxOptions(bank={"terms": {"fundings": _FUNDINGS}}))
            customers, bundles = make(network)
            issuing = issuing_key(network, customers[0].line)
        finally:
            sandbox.stop(home)
    bank = network.banks[0].key
    rows = [[device.secret.to_bytes(32, "big"), raw] for device, raw in bundles]
    with open(folder / _FILE, "wb", opener=_only_ours) as file:
        cbor2.dump([_FORMAT, int(time.time()), bank, issuing, rows], file)
    return Made(home, bank, issuing, bundles)


def _read(folder: Path) -> Made | None:
    try:
        given, at, bank, issuing, uploads = cbor2.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    if given != _FORMAT or not 0 <= time.time() - at < _GOOD_SECONDS:
        return None
    devices = {secret: SoftKey(int.from_bytes(secret, "big")) for secret in {row[0] for row in uploads}}
    return Made(folder / _HOME, bank, issuing, [(devices[secret], raw) for secret, raw in uploads])


def _only_ours(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _bundles(customers: Sequence[Customer], count: int, show: Show) -> list[tuple[SoftKey, bytes]]:
    """Each begins at another customer, and its last holder uploads it."""
    found = []
    with ThreadPoolExecutor(_FUNDING_AT_A_TIME) as pool, show.progress("bench.funding_chains", count) as done:
        funders = [customers[number % len(customers)] for number in range(count)]
        for number, issuance in enumerate(pool.map(lambda one: one.fund(_AMOUNTS), funders)):
            hands = [customers[(number + hop) % len(customers)] for hop in range(MAX_HOP + 1)]
            chain = hand_on(issuance, [one.person for one in hands], _PAID)
            bundle = Bundle.of_payment(chain.payment, chain.requests)
            found.append((hands[-1].device, bundle.encode()))
            done(number + 1)
    return found


@dataclass(frozen=True, slots=True)
class Running:
    """A network at work, and where the figures of its services are read, by station."""

    network: Network
    figures: Mapping[str, str]

    @property
    def bank(self) -> Station:
        return self.network.banks[0]

    def roots(self) -> dict[str, int]:
        """Each station's process, of which its workers descend."""
        found = {one.station.name: one.pid for one in sandbox.status(self.network.home)}
        return {name: pid for name, pid in found.items() if pid is not None}


@contextmanager
def running(source: Path, urls: Mapping[str, str], workers: int = 1) -> Iterator[Running]:
    """A copy of the home in ``source`` at work, until the block ends. ``urls``: the databases of stations that
    keep theirs in PostgreSQL; bank and notary have so many ``workers``."""
    with own_folder() as folder:
        home = folder / _HOME
        shutil.copytree(source, home)
        for station, url in urls.items():
            migrate(home / station, url, lambda _place, _copied: None)
        stations = read_network(home).stations
        ports = dict(zip((one.name for one in stations), _free_ports(len(stations)), strict=True))
        extra = {station: {"QALTA_SERVICE_METRICS": f"{HOST}:{port}"} for station, port in ports.items()}
        try:
            network = _started(home, extra)
            pages = {station: f"http://{HOST}:{port}/metrics" for station, port in ports.items()}
            for one in (network.banks[0], network.notary):
                _await_workers(one, pages[one.name], workers)
            yield Running(network, pages)
        finally:
            sandbox.stop(home)


def _started(
    home: Path, extra: Mapping[str, Mapping[str, str]], wishes: SandboxOptions | None = None
) -> Network:
    """On a machine that is busy with other things a start may take longer than is waited for; it goes on then."""
    for _ in range(_STARTS):
        try:
            return sandbox.start(home, wishes=wishes, environment=extra)
        except Refusal as refusal:
            if refusal.code is not Code.UNREACHABLE:
                raise
    return sandbox.start(home, wishes=wishes, environment=extra)


def _await_workers(station: Station, page: str, workers: int) -> None:
    """Until so many tell their figures, since all but the first are started late. UNREACHABLE."""
    until = time.monotonic() + _WORKERS_SECONDS
    while workers > 1 and workers_on(read_page(page)) < workers:
        if time.monotonic() > until:
            raise Refusal(Code.UNREACHABLE, {"service": station.name})
        time.sleep(_ASK_AGAIN)


def workers_on(page: str) -> int:
    """How many processes tell their figures on a page."""
    return len(set(_PROCESS.findall(page)))


def read_page(url: str) -> str:
    """What is read there; nothing where nobody answers."""
    try:
        with loopback(_PAGE_SECONDS) as http:
            return http.get(url).text
    except httpx.HTTPError:
        return ""


def databases(server: PrivatePostgres, home: Path) -> dict[str, str]:
    """An empty database for each station of a home."""
    return {station.name: server.fresh(station.name) for station in read_network(home).stations}


def _free_ports(count: int) -> list[int]:
    """Ports at which nobody listens, below those that a sandbox chooses of."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.SystemRandom().choice(_PORTS)
        with suppress(OSError), socket.socket() as one:
            one.bind((HOST, port))
            found += [] if port in found else [port]
    return found
