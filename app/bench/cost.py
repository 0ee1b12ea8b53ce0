"""What the cheapest hostile call costs the services, per route: bytes sent against processor time, rows, bytes kept.

Every service in this process, with its real store and its real gate, and without a network; a call's processor time is
that of all services together until it is answered, its signing not counted. The aim of each is 50 times what an honest
call of its size takes here: between asking for an account and uploading chains of 15 hops, by the bytes sent.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import httpx

from app.bench.figures import Figure, Findings, Unit, spread
from app.bench.folders import own_folder
from app.bench.rounds import Stopwatch
from app.bench.throwaway import Person, SoftKey, hand_on
from app.terminal.show import Show
from app.terminal.status import MissingPart
from ledger_sync.http.call import Signer
from ledger_sync.http.client import ServiceClient
from ledger_sync.possession import possession_message
from wallet.protocol import codec, cose
from wallet.protocol.bounds import FUNDING_ID_BYTES, MAX_HOP
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.issuance import Issuance

if TYPE_CHECKING:
    from app.bench.hostile import Attack
    from ledger_sync.sandbox.in_process import InProcessNetwork

AIM: Final = 50.0
"""Times an honest call's processor time."""
_MOST_ROUNDS: Final = 10
_OPENING: Final = 10_000_000
_PAID: Final = 12_500
_PARTS: Final = ("starlette", "uvicorn")
_FILLING: Final = ("/v1/uploads", "/v1/relays")
"""They come first, so that the others meet stores that are full of rubbish."""
_REVOKING: Final = ("forks", "losses")
"""They come last, since nothing is done for a wallet that is revoked."""
_DESCRIBED: Final = "/v1/openapi.json"


def measure(rounds: int, show: Show) -> Findings:
    """A figure per route, in milliseconds of a call; its bytes, rows and bytes kept are among the facts.

    Raises MissingPart without the packages of the services; ``Refusal``: what a service says of an honest call.
    """
    if any(find_spec(name) is None for name in _PARTS):
        raise MissingPart("missing.service")
    from app.bench.hostile import Attacks

    rounds = min(rounds, _MOST_ROUNDS)
    show.step("bench.starting_sandbox")
    with _network() as network:
        bench = _Bench(network)
        honest = bench.honest(rounds)
        device, person = bench.customer("Attacker")
        found = [
            attack
            for service in network.names
            for attack in Attacks(network, device, person).of(service, bench.described(service))
            if service != _other()
        ]
        found.sort(key=_turn)
        costs = []
        with show.progress("bench.measuring_cost", len(found)) as done:
            for number, attack in enumerate(found, 1):
                costs.append((attack, bench.cost(attack, rounds)))
                done(number)
    facts = {"routes": len(costs)}
    for attack, cost in costs:
        key = _key(attack)
        facts |= {f"{key}_bytes": cost.sent, f"{key}_rows": cost.rows, f"{key}_kept": cost.kept}
    return Findings(
        facts, [*(_figure(attack, cost, honest) for attack, cost in costs), _dearest(costs, honest)]
    )


def _turn(attack: Attack) -> int:
    if _key(attack).endswith(_REVOKING):
        return 2
    return 0 if attack.route in _FILLING else 1


def _other() -> str:
    from app.bench.hostile import OTHER

    return OTHER


@dataclass(frozen=True, slots=True)
class Honest:
    """Bytes and milliseconds of a small call and of a large one."""

    small: tuple[int, float]
    large: tuple[int, float]

    def milliseconds(self, sent: int) -> float:
        """What an honest call of so many bytes takes."""
        (low, at_low), (high, at_high) = self.small, self.large
        return max(at_low, at_low + (at_high - at_low) * (sent - low) / (high - low))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call: bytes sent, milliseconds of the processor by round, rows and bytes that stay in all stores."""

    sent: int
    times: Sequence[float]
    rows: int
    kept: int


@dataclass
class _Meter(httpx.BaseTransport):
    """Measures what is behind a line: the services, and not who calls them."""

    inner: httpx.BaseTransport
    times: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        answered: list[httpx.Response] = []
        lap = Stopwatch().lap(lambda: answered.append(self.inner.handle_request(request)))
        header = sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        self.times.append(1_000 * lap.cpu)
        self.sent.append(len(request.method) + len(request.url.raw_path) + 13 + header + len(body))
        return answered[0]


class _Bench:
    def __init__(self, network: InProcessNetwork) -> None:
        from app.bench.hostile import BANK

        self._network = network
        self._bank = BANK

    def line(self, service: str, signer: Signer) -> tuple[ServiceClient, _Meter]:
        from ledger_sync.sandbox.in_process import url

        meter = _Meter(self._network.lines.connect("bench")(url(service)))
        clock = self._network.clock(service)
        client = ServiceClient(
            url(service), signer.key, signer.sign, clock, os.urandom, connect=lambda _: meter
        )
        return client, meter

    def described(self, service: str) -> dict[str, dict[str, dict[str, object]]]:
        from ledger_sync.sandbox.in_process import url

        with httpx.Client(transport=self._network.lines.connect("bench")(url(service))) as client:
            description = json.loads(client.get(url(service) + _DESCRIBED).content)
        paths: dict[str, dict[str, dict[str, object]]] = description["paths"]
        return paths

    def customer(self, name: str) -> tuple[Signer, Person]:
        """Somebody with money on an account and a certified key."""
        order = [os.urandom(16), name, WalletKind.PERSON.value, 0, _OPENING]
        code = self._network.operate(self._bank, "/v1/customers", order)[0]
        device, wallet = SoftKey(), SoftKey()
        signer = Signer(device.public, device.sign)
        line, _ = self.line(self._bank, signer)
        line.post("/v1/enrolments", [code, device.public])
        proof = wallet.sign(possession_message(self._bank, device.public))
        certificate, _news = codec.array(line.post("/v1/certificates", [wallet.public, 0, proof]), 2)
        return signer, Person(wallet, cose.from_cbor(Certificate, certificate))

    def honest(self, rounds: int) -> Honest:
        people = [self.customer(f"Honest {number}") for number in range(MAX_HOP + 1)]
        signer, first = people[0]
        line, small = self.line(self._bank, signer)
        for _ in range(max(3, rounds)):
            line.get("/v1/account")
        line, large = self.line(self._bank, people[-1][0])
        for _ in range(rounds):
            asked: Cbor = [os.urandom(FUNDING_ID_BYTES), first.key.public, [20_000]]
            funded, _ = self.line(self._bank, signer)
            issuance = cose.from_cbor(Issuance, funded.post("/v1/fundings", asked))
            chain = hand_on(issuance, [person for _, person in people], _PAID)
            line.post("/v1/uploads", Bundle.of_payment(chain.payment, chain.requests).to_cbor())
        return Honest(
            (int(median(small.sent)), median(small.times)), (int(median(large.sent)), median(large.times))
        )

    def cost(self, attack: Attack, rounds: int) -> Cost:
        """The same attack so many times; what it refuses costs as well."""
        line, meter = self.line(attack.service, attack.signer)
        values = [attack.value() if attack.value is not None else None for _ in range(rounds)]
        rows, kept = self._stored()
        for value in values:
            with suppress(Refusal):
                if attack.value is None:
                    line.get(attack.path)
                else:
                    line.post(attack.path, value)
        after = self._stored()
        count = len(meter.times)
        return Cost(
            int(median(meter.sent)),
            meter.times,
            round((after[0] - rows) / count),
            max(0, round((after[1] - kept) / count)),
        )

    def _stored(self) -> tuple[int, int]:
        """Rows and bytes in use in all stores; nonces, which leave by themselves in minutes, are not counted."""
        files = [file for file in self._network.folder.glob("*/*.db") if file.name != "nonces.db"]
        found = [_in_file(file) for file in files]
        return sum(rows for rows, _ in found), sum(size for _, size in found)


def _in_file(file: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        tables = [row[0] for row in store.execute("select name from sqlite_schema where type = 'table'")]
        rows = sum(store.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables)
        pages, free, size = (
            store.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return rows, (pages - free) * size


@contextmanager
def _network() -> Iterator[InProcessNetwork]:
    from app.bench.hostile import BANK, OTHER
    from ledger_sync.sandbox.in_process import InProcessNetwork, Plan

    with own_folder() as folder:
        network = InProcessNetwork(
            folder, lambda: int(time.time()), lambda _what: os.urandom, Plan(banks=(BANK, OTHER))
        )
        network.found()
        network.work()
        try:
            yield network
        finally:
            network.close()


def _dearest(costs: Sequence[tuple[Attack, Cost]], honest: Honest) -> Figure:
    """The cheapest way to cost the services most: which call takes most times what an honest one of its bytes does."""

    def times(attack_cost: tuple[Attack, Cost]) -> list[float]:
        _attack, cost = attack_cost
        return [taken / honest.milliseconds(cost.sent) for taken in cost.times]

    attack, cost = max(costs, key=lambda one: median(times(one)))
    return Figure(
        "dearest_times", "cost_dearest", Unit.TIMES, spread(times((attack, cost))), AIM, _facts(attack, cost)
    )


def _key(attack: Attack) -> str:
    parts = [part for part in attack.route.strip("/").split("/")[1:] if "{" not in part]
    kind = [attack.kind] if attack.kind else []
    return "_".join((attack.service.replace("-", "_"), attack.method.lower(), *parts, *kind))


def _figure(attack: Attack, cost: Cost, honest: Honest) -> Figure:
    aim = AIM * honest.milliseconds(cost.sent)
    return Figure(
        _key(attack) + "_ms", "cost_call", Unit.MILLISECONDS, spread(cost.times), aim, _facts(attack, cost)
    )


def _facts(attack: Attack, cost: Cost) -> dict[str, int | str]:
    return {
        "service": attack.service,
        "call": f"{attack.method} {attack.route} {attack.kind}".rstrip(),
        "sent": cost.sent,
        "rows": cost.rows,
        "kept": cost.kept,
    }
