"""Reconciling 1,000 hops at a sandbox's bank: real services, each a process with its own keys and store, over HTTP.

A customer uploads one chain of 15 hops after another, requests included, as its last holder would; then all of them
again. Between two uploads this process does as many bare verifications as the upload has signatures that were not
in an earlier one, so that the ratio is taken side by side. The services' processor time is the kernel's
(``/proc/PID/stat``: user and system, all threads).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from app.bench.bare import Bare, signatures, verify_all
from app.bench.figures import Figure, Findings, Unit, milliseconds, spread
from app.bench.folders import own_folder
from app.bench.rounds import Stopwatch
from app.bench.throwaway import Chain, Person, SoftKey, hand_on
from app.terminal.show import Show
from app.terminal.status import MissingPart
from app.wallets.opened import system_clock
from ledger_sync import sandbox
from ledger_sync.client.statuses import ReportedStatus, read_statuses
from ledger_sync.http.client import ServiceClient
from ledger_sync.possession import possession_message
from ledger_sync.sandbox import Network, Station
from ledger_sync.sandbox.operator import Order, operate
from wallet.protocol import codec, cose
from wallet.protocol.bounds import FUNDING_ID_BYTES, MAX_HOP
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Verdict

CHAINS: Final = 67
"""Of 15 hops each: 1,005."""
_SERVICE_PARTS: Final = ("starlette", "uvicorn")
"""What the extra ``service`` brings."""
_OPENING: Final = 10_000_000
"""Tiyn on each new account."""
_SHOP: Final = 5411
"""Groceries (ISO 18245)."""
_AMOUNTS: Final = (20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)
"""Tiyn of a funding's tokens; the first is handed on."""
_PAID: Final = 12_500


def measure(rounds: int, show: Show, chains: int = CHAINS) -> Findings:
    """Seconds, hops a second, and processor time against bare verifications. One round: ``rounds`` does not count.

    Raises ``Refusal``: what a service says, UNREACHABLE; MissingPart without the packages of the services.
    """
    if any(find_spec(name) is None for name in _SERVICE_PARTS):
        raise MissingPart("missing.service")
    show.step("bench.starting_sandbox")
    with _sandbox() as network:
        bank = network.banks[0]
        show.step("bench.opening_accounts")
        customers = open_customers(network, bank, MAX_HOP + 1)
        made = _chains(customers, chains, show)
        bundles = [Bundle.of_payment(chain.payment, chain.requests) for chain in made]
        fresh = _fresh(made, bank.key, issuing_key(network, customers[0].line))
        processes = _processes(network, {"bank": bank, "notary": network.notary})
        line = customers[-1].line
        with show.progress("bench.measuring_reconcile", 2 * chains) as done:
            first = upload(line, bundles, fresh, processes, done)
            again = upload(line, bundles, [[]] * chains, processes, lambda count: done(chains + count))
    facts = {
        "hops": chains * MAX_HOP,
        "uploads": chains,
        "bytes": sum(len(bundle.encode()) for bundle in bundles),
        "signatures": sum(len(items) for items in fresh),
        "settled": sum(_is_settled(row) for row in first.rows),
        "repeats": sum(row.first_answered is not None for row in again.rows),
    }
    return Findings(facts, figures(first, again, facts["hops"]))


def _is_settled(row: ReportedStatus) -> bool:
    return row.settlement is not None and row.settlement.body.verdict is Verdict.SETTLED


def _processes(network: Network, stations: Mapping[str, Station]) -> dict[str, int]:
    """Process ids by what we call the services."""
    pids = {found.station.name: found.pid for found in sandbox.status(network.home)}
    return {name: pids[station.name] or 0 for name, station in stations.items()}


def issuing_key(network: Network, line: ServiceClient) -> bytes:
    """By which the central bank issues now."""
    directory = Directory.open(codec.octets(line.get("/v1/directory")), network.root)
    return directory.keys(Role.ISSUING, system_clock())[0].raw


@contextmanager
def _sandbox() -> Iterator[Network]:
    with own_folder() as home:
        try:
            yield sandbox.start(home)
        finally:
            sandbox.stop(home)


@dataclass(frozen=True, slots=True)
class Customer:
    """An account with a device that speaks for it, and a certified wallet."""

    line: ServiceClient
    person: Person
    device: SoftKey

    def fund(self, amounts: Sequence[int]) -> Signed[Issuance]:
        asked = [os.urandom(FUNDING_ID_BYTES), self.person.key.public, list(amounts)]
        return cose.from_cbor(Issuance, self.line.post("/v1/fundings", asked))


def open_customers(
    network: Network,
    bank: Station,
    count: int,
    kind: WalletKind = WalletKind.PERSON,
    opening: int = _OPENING,
) -> list[Customer]:
    """People or shops with an account at ``bank`` and ``opening`` tiyn on it, their keys in memory. Raises
    ``Refusal``."""
    category = _SHOP if kind is WalletKind.MERCHANT else 0
    orders = [
        Order(
            bank.name,
            "POST",
            "/v1/customers",
            [os.urandom(16), f"Bench {n}", kind.value, category, opening],
        )
        for n in range(count)
    ]
    opened = []
    for answer in operate(network, orders):
        if isinstance(answer, Refusal):
            raise answer
        opened.append(_enrol(bank, answer[0]))
    return opened


def _enrol(bank: Station, code: str) -> Customer:
    device, wallet = SoftKey(), SoftKey()
    line = ServiceClient(bank.url, device.public, device.sign, system_clock, os.urandom)
    line.post("/v1/enrolments", [code, device.public])
    proof = wallet.sign(possession_message(bank.name, device.public))
    certificate, _news = codec.array(line.post("/v1/certificates", [wallet.public, 0, proof]), 2)
    return Customer(line, Person(wallet, cose.from_cbor(Certificate, certificate)), device)


def _chains(customers: Sequence[Customer], count: int, show: Show) -> list[Chain]:
    people = [customer.person for customer in customers]
    made = []
    with show.progress("bench.funding_chains", count) as done:
        for number in range(1, count + 1):
            made.append(hand_on(customers[0].fund(_AMOUNTS), people, _PAID))
            done(number)
    return made


def _fresh(chains: Iterable[Chain], bank: bytes, issuing: bytes) -> list[list[Bare]]:
    """Per chain, its signatures that no chain before it has."""
    seen: set[bytes] = set()
    fresh = []
    for chain in chains:
        items = signatures(chain, bank, issuing, with_requests=True)
        fresh.append([item for item in items if item.der not in seen])
        seen.update(item.der for item in items)
    return fresh


@dataclass(slots=True)
class Upload:
    """What uploading all chains took: this side's waiting, the services' processor time, bare verifications."""

    waits: list[float] = field(default_factory=list)
    bare: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    rows: list[ReportedStatus] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(self.waits)


def upload(
    line: ServiceClient,
    bundles: Sequence[Bundle],
    fresh: Sequence[Sequence[Bare]],
    processes: Mapping[str, int],
    done: Callable[[int], None],
) -> Upload:
    """Upload ``bundles`` one by one, and verify ``fresh`` bare in between. ``processes``: the services' ids."""
    result, watch = Upload(), Stopwatch()
    before = {name: processor_seconds(pid) for name, pid in processes.items()}
    for number, (bundle, bare) in enumerate(zip(bundles, fresh, strict=True), 1):
        answers: list[ReportedStatus] = []
        result.waits.append(watch.lap(partial(_upload_one, line, bundle, answers)).wall)
        result.bare += watch.lap(partial(verify_all, bare)).cpu
        result.rows += answers
        done(number)
    result.spent = {name: processor_seconds(pid) - before[name] for name, pid in processes.items()}
    return result


def _upload_one(line: ServiceClient, bundle: Bundle, answers: list[ReportedStatus]) -> None:
    answers += read_statuses(line.post("/v1/uploads", bundle.to_cbor()))


def processor_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far (proc(5), ``stat``), to the kernel's tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures(first: Upload, again: Upload, hops: int) -> list[Figure]:
    """Uploading, then the same again; ratios of the processor time of all services together to bare verification."""
    lines = []
    for name, result in (("upload", first), ("repeat", again)):
        lines += [
            _one(f"{name}_s", f"reconcile_{name}", Unit.SECONDS, result.seconds),
            _one(f"{name}_hops_per_s", "reconcile_rate", Unit.PER_SECOND, hops / result.seconds),
            Figure(
                f"{name}_call_ms", "reconcile_call", Unit.MILLISECONDS, spread(milliseconds(result.waits))
            ),
            *(
                _one(f"{name}_{service}_cpu_s", f"reconcile_{service}", Unit.SECONDS, spent)
                for service, spent in result.spent.items()
            ),
        ]
    bare = first.bare
    return [
        *lines,
        _one("bare_cpu_s", "reconcile_bare", Unit.SECONDS, bare),
        _one("upload_ratio", "reconcile_upload_ratio", Unit.TIMES, sum(first.spent.values()) / bare),
        _one("repeat_ratio", "reconcile_repeat_ratio", Unit.TIMES, sum(again.spent.values()) / bare),
    ]


def _one(key: str, name: str, unit: Unit, value: float) -> Figure:
    return Figure(key, name, unit, spread([value]))
