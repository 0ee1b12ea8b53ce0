"""Notary and central bank as two processes, and a bank's own hand at them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import hsm
from ledger_sync.http.client import ServiceClient
from ledger_sync.processes import end, running
from ledger_sync.sandbox.making import SandboxOptions, make
from ledger_sync.sandbox.network import Station
from ledger_sync.sandbox.operator import Order, operate
from ledger_sync.sandbox.starting import spawn_station
from ledger_sync.sandbox.supervisor import await_ready
from ledger_sync.service.keys import KEYSTORE, PIN
from tests.support.world import DAY, LIMITS, Key, Person
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.directory import Directory, read_directory
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Commit
from wallet.protocol.transfer import Purpose, TokenRef, Transfer


def clock() -> int:
    return int(time.time())


class Pair:
    """The two processes, and alatau's key in its own token, opened here. Tokens expire at once: they can still be
    redeemed, and soon be refunded."""

    def __init__(self, home: Path) -> None:
        self.network = make(home, SandboxOptions(terms={"token_life": 0, "grace": 0}))
        self.stations = (self.network.central_bank, self.network.notary)
        for station, nobody in (
            (self.network.notary, {"banks": {}}),
            (self.network.central_bank, {"witnesses": []}),
        ):
            settings = self.network.folder(station) / "service.json"
            settings.write_text(json.dumps({**json.loads(settings.read_text()), **nobody}))
        self.doomed: set[str] = set()
        folder = home / "alatau"
        self.keystore = hsm.open_keystore(
            folder / KEYSTORE, hsm.pin_from_file(folder / PIN), clock=clock, random=os.urandom
        )

    def sign(self, message: bytes) -> bytes:
        return self.keystore.sign("bank", message)

    def start(self) -> None:
        """Both without failpoints, whatever the test before did."""
        for name in self.doomed:
            end(self.network.folder(self.network.station(name)), signal.SIGKILL, 20)
        self.doomed.clear()
        for station in self.stations:
            if running(self.network.folder(station)) is None:
                spawn_station(station, self.network.folder(station), {})
        for station in self.stations:
            await_ready(self.network, station)

    def doom(self, station: Station, failpoint: str) -> None:
        """Start one anew, to die at a failpoint."""
        self.doomed.add(station.name)
        end(self.network.folder(station), signal.SIGKILL, 20)
        spawn_station(station, self.network.folder(station), {"QALTA_FAILPOINT": failpoint})
        await_ready(self.network, station)

    def stop(self) -> None:
        for station in self.stations:
            end(self.network.folder(station), signal.SIGKILL, 20)

    def books(self) -> Cbor:
        """The central bank's, as its operator reads them."""
        (books,) = operate(self.network, [Order("central-bank", "GET", "/v1/books")])
        assert not isinstance(books, Refusal)
        return books

    def client(self, station: Station) -> ServiceClient:
        return ServiceClient(station.url, self.keystore.public_key("bank"), self.sign, clock, os.urandom)

    @property
    def central_bank(self) -> ServiceClient:
        return self.client(self.network.central_bank)

    @property
    def notary(self) -> ServiceClient:
        return self.client(self.network.notary)

    def operate(self, method: str, path: str, value: Cbor = None) -> Cbor:
        (answer,) = operate(self.network, [Order("central-bank", method, path, value)])
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def directory(self) -> Directory:
        return Directory.of(read_directory(self.central_bank.get("/v1/directory")), self.network.root)

    def person(self, name: str) -> Person:
        now = clock()
        key = Key.of(name)
        body = Certificate(
            bank="alatau",
            wallet=key.public[:16],
            key=key.public,
            issued=now - 60,
            expires=now + DAY,
            kind=WalletKind.PERSON,
            limits=LIMITS,
            total=0,
        )
        return Person(key, cose.sign(body, self.sign))

    def fund(self, owner: Person, funding: bytes, amount: int) -> cose.Signed[Issuance]:
        return cose.from_cbor(
            Issuance, self.central_bank.post("/v1/fundings", [funding, owner.key.public, [amount]])
        )

    def redemption(
        self, owner: Person, issuance: cose.Signed[Issuance], purpose: Purpose
    ) -> cose.Signed[Transfer]:
        body = Transfer(
            inputs=(TokenRef(issuance.id, 0),),
            payee=self.directory().redemption_key(),
            amount=issuance.body.amounts[0],
            change=0,
            purpose=purpose,
            sequence=1,
            total=0,
            time=issuance.body.issued,
        )
        return cose.sign(body, owner.key.sign)

    def commit(self, transfer: cose.Signed[Transfer]) -> Cbor:
        body = Commit("alatau", transfer.id, transfer.body.inputs, clock())
        return self.notary.post("/v1/commits", [cose.sign(body, self.sign).to_cbor()])[0]
