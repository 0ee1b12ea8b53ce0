"""Making a sandbox: ports, PINs, keys, settings; network.json is written last and says that all of it is there.

Rule: every step may be done again. What was chosen once (ports, times, PINs) is on disk before it is used, so
creation that was cut off goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hsm.failpoint import reach
from ledger_sync.processes import write
from ledger_sync.sandbox.helpers import heard
from ledger_sync.sandbox.network import FILE, HOST, Network, Role, Station, read_network
from ledger_sync.service.keys import PIN, make_keys
from ledger_sync.service.settings import read_json, sound
from wallet.protocol.bounds import DAY

OPERATOR: Final = "operator"
_PLAN: Final = "plan.json"
_SETTINGS: Final = "service.json"
_PIN_BYTES: Final = 24
_PORTS: Final = range(20_000, 32_000)
_PLACES: Final = (
    ("central-bank", Role.CENTRAL_BANK, "Central bank"),
    ("notary", Role.NOTARY, "Notary"),
    ("alatau", Role.BANK, "Alatau Bank"),
    ("zhibek", Role.BANK, "Zhibek Bank"),
)
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "central-bank": ("root", "issuing", "policy", "redemption"),
    "notary": ("notary",),
    "alatau": ("bank",),
    "zhibek": ("bank",),
    OPERATOR: ("operator",),
}


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What a sandbox is made with: terms of the central bank, and settings that every bank gets besides its own.
    They count when it is made, never later."""

    terms: Mapping[str, Any] = field(default_factory=dict)
    bank: Mapping[str, Any] = field(default_factory=dict)


def make(home: Path, wishes: SandboxOptions) -> Network:
    """The network of `home`, made if it is not there yet."""
    if (home / FILE).exists():
        network = read_network(home)
        _complete(network)
        return network
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    plan = _plan(home)
    keys = _keys_in_own_process(home)
    reach("sandbox.make.keys")
    stations = tuple(
        Station(name, role, title, plan["ports"][name], keys[name][_signing_alias(role)])
        for name, role, title in _PLACES
    )
    network = Network(home, keys["central-bank"]["root"], keys[OPERATOR]["operator"], stations)
    for station in stations:
        settings = _settings(network, station, plan["since"], wishes)
        write(network.folder(station) / _SETTINGS, json.dumps(settings, indent=2))
    reach("sandbox.make.settings")
    write(home / FILE, network.to_json())
    return network


def _complete(network: Network) -> None:
    """Settings that stations got since the sandbox was made, and those that they have no more."""
    _change(network, network.notary, lambda settings: {"banks": _urls(network), **settings})
    _change(network, network.central_bank, _without_root)


def _change(
    network: Network, station: Station, changed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> None:
    path = network.folder(station) / _SETTINGS
    settings = read_json(path)
    if changed(settings) != settings:
        write(path, json.dumps(changed(settings), indent=2))


def _without_root(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """A central bank has the root itself."""
    return {name: value for name, value in settings.items() if name != "root"}


def make_all_keys(home: Path) -> dict[str, dict[str, bytes]]:
    """Every station's and the operator's public keys, by folder and alias; what is missing is made."""
    made = {}
    for name, aliases in _ALIASES.items():
        folder = home / name
        folder.mkdir(exist_ok=True, mode=0o700)
        made[name] = make_keys(folder, _pin(folder), aliases, lambda: int(time.time()), os.urandom)
    return made


def module_environment() -> dict[str, str]:
    """The environment of a child: ours without a failpoint, and with this package to be found."""
    environment = {name: value for name, value in os.environ.items() if name != "QALTA_FAILPOINT"}
    found = [str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, found))
    return environment


def _keys_in_own_process(home: Path) -> dict[str, dict[str, bytes]]:
    """In a process of its own, since one process has one token folder open and may have its own already."""
    done = subprocess.run(
        [sys.executable, "-m", "ledger_sync.sandbox", "make-keys", str(home)],
        env=module_environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise heard(done.stderr, "keys")
    made: dict[str, dict[str, str]] = json.loads(done.stdout)
    return {name: {alias: bytes.fromhex(key) for alias, key in keys.items()} for name, keys in made.items()}


def _plan(home: Path) -> dict[str, Any]:
    """Ports and the time of the founding, chosen once."""
    path = home / _PLAN
    if not path.exists():
        ports = _free_ports(len(_PLACES))
        names = [name for name, _, _ in _PLACES]
        plan = {"ports": dict(zip(names, ports, strict=True)), "since": int(time.time()) - DAY}
        write(path, json.dumps(plan))
    planned = read_json(path)
    with sound(path):
        chosen = {name: int(planned["ports"][name]) for name, _, _ in _PLACES}
        return {"ports": chosen, "since": int(planned["since"])}


def _free_ports(count: int) -> Sequence[int]:
    """Ports below those that outgoing connections take, so that they are still free at the next start."""
    found: list[int] = []
    chance = secrets.SystemRandom()
    while len(found) < count:
        port = chance.choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind((HOST, port))
            found.append(port)
    return sorted(set(found)) if len(set(found)) == count else _free_ports(count)


def _pin(folder: Path) -> str:
    path = folder / PIN
    if not path.exists():
        write(path, secrets.token_urlsafe(_PIN_BYTES))
    return path.read_text()


def _signing_alias(role: Role) -> str:
    return {Role.CENTRAL_BANK: "redemption", Role.NOTARY: "notary", Role.BANK: "bank"}[role]


def _settings(network: Network, station: Station, since: int, wishes: SandboxOptions) -> dict[str, Any]:
    common = {
        "host": HOST,
        "port": station.port,
        "operator": network.operator.hex(),
        "root": network.root.hex(),
    }
    match station.role:
        case Role.CENTRAL_BANK:
            banks = [{"id": b.name, "name": b.title, "key": b.key.hex(), "url": b.url} for b in network.banks]
            notary = {"url": network.notary.url, "key": network.notary.key.hex()}
            own = {"since": since, "banks": banks, "notary": notary, "terms": dict(wishes.terms)}
            return {**_without_root(common), **own}
        case Role.NOTARY:
            return {**common, "central_bank": network.central_bank.url, "banks": _urls(network)}
        case Role.BANK:
            return {
                **wishes.bank,
                **common,
                "bank": station.name,
                "name": station.title,
                "central_bank": network.central_bank.url,
                "notary": network.notary.url,
                "banks": _urls(network),
            }


def _urls(network: Network) -> dict[str, str]:
    return {bank.name: bank.url for bank in network.banks}
