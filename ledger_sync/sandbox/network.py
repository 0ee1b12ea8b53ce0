"""The map of a sandbox, as network.json has it: who there is, where they listen, by which keys they are known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ledger_sync.service.settings import read_json, sound
from wallet.protocol.codes import Code, Refusal

FILE: Final = "network.json"
HOST: Final = "127.0.0.1"


class Role(StrEnum):
    """What a station is; the value names its package below ledger_sync."""

    CENTRAL_BANK = "central_bank"
    NOTARY = "notary"
    BANK = "bank"


@dataclass(frozen=True, slots=True)
class Station:
    """One service: `name` is its folder, and a bank's id; `title` what people call it; `key` the 33 bytes by which
    it signs (the central bank's: its redemption key)."""

    name: str
    role: Role
    title: str
    port: int
    key: bytes

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Network:
    """`home` is the sandbox's folder; `root` the key that wallets pin; `operator` the key that may open accounts."""

    home: Path
    root: bytes
    operator: bytes
    stations: tuple[Station, ...]

    def station(self, name: str) -> Station:
        """NOT_FOUND."""
        for station in self.stations:
            if station.name == name:
                return station
        raise Refusal(Code.NOT_FOUND, {"station": name})

    @property
    def banks(self) -> tuple[Station, ...]:
        return tuple(station for station in self.stations if station.role is Role.BANK)

    @property
    def central_bank(self) -> Station:
        return next(station for station in self.stations if station.role is Role.CENTRAL_BANK)

    @property
    def notary(self) -> Station:
        return next(station for station in self.stations if station.role is Role.NOTARY)

    def folder(self, station: Station) -> Path:
        return self.home / station.name

    def to_json(self) -> str:
        stations = [
            {
                "name": s.name,
                "role": s.role.value,
                "title": s.title,
                "port": s.port,
                "url": s.url,
                "key": s.key.hex(),
            }
            for s in self.stations
        ]
        return json.dumps(
            {"root": self.root.hex(), "operator": self.operator.hex(), "stations": stations}, indent=2
        )


def read_network(home: Path) -> Network:
    """The network of a sandbox folder. NOT_FOUND where none was made there; ``OSError`` where the file is damaged."""
    try:
        held = read_json(home / FILE)
    except FileNotFoundError as error:
        raise Refusal(Code.NOT_FOUND, {"file": FILE}) from error
    with sound(home / FILE):
        stations = tuple(
            Station(
                item["name"], Role(item["role"]), item["title"], int(item["port"]), bytes.fromhex(item["key"])
            )
            for item in held["stations"]
        )
        return Network(home, bytes.fromhex(held["root"]), bytes.fromhex(held["operator"]), stations)
