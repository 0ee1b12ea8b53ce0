"""Many wallets in one process: what one more takes, in memory and in a folder, its keys in memory both times.

Each place is measured in a process of its own, on the same wallets doing the same: each is certified, funded, and pays
its neighbour in turn. Memory is what the process holds resident (Linux tells it), after less what it held before.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from app.bench.figures import Figure, Findings, Unit, ratios, spread
from app.bench.folders import own_folder
from app.bench.throwaway import Authorities
from app.terminal.show import Show
from hsm.memory import MemoryKeystore
from wallet.purse.store.memory import MemoryHome
from wallet.wallet import Wallet

AIM: Final = 0.5
"""Of what a wallet in a folder takes."""
PLACES: Final = ("memory", "folder")
_WALLETS: Final = 100
_MOST_ROUNDS: Final = 3
_PAYMENTS: Final = 4
"""Of each wallet."""
_FUNDED: Final = 80_000
_PAID: Final = 15_000
_PIN: Final = "0000"
_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Taken:
    """By one wallet: KiB resident, descriptors, KiB on disk; processor milliseconds of a payment."""

    memory: float
    descriptors: float
    disk: float
    payment: float


def measure(rounds: int, show: Show) -> Findings:
    """KiB of a wallet and milliseconds of a payment, by where the purses lie."""
    count = min(rounds, _MOST_ROUNDS)
    taken: dict[str, list[Taken]] = {place: [] for place in PLACES}
    with show.progress("bench.measuring_wallets", count) as done:
        for number in range(1, count + 1):
            for place in PLACES:
                taken[place].append(_in_process(place, _WALLETS))
            done(number)
    facts = {f"{place}_descriptors": round(taken[place][0].descriptors) for place in PLACES}
    disk = {f"{place}_disk_kib": round(taken[place][0].disk) for place in PLACES}
    return Findings({"wallets": _WALLETS, **facts, **disk}, figures(taken["memory"], taken["folder"]))


def figures(memory: Sequence[Taken], folder: Sequence[Taken]) -> list[Figure]:
    """The report's lines: memory, then payments."""

    def line(name: str, unit: Unit, values: Sequence[float], aim: float | None = None) -> Figure:
        return Figure(f"{name}_{unit}", f"wallets_{name}", unit, spread(values), aim)

    resident = [[item.memory for item in place] for place in (memory, folder)]
    paying = [[item.payment for item in place] for place in (memory, folder)]
    return [
        line("memory", Unit.KIBIBYTES, resident[0]),
        line("folder", Unit.KIBIBYTES, resident[1]),
        line("ratio", Unit.TIMES, ratios(*resident), AIM),
        line("payment_memory", Unit.MILLISECONDS, paying[0]),
        line("payment_folder", Unit.MILLISECONDS, paying[1]),
    ]


def _in_process(place: str, count: int) -> Taken:
    with own_folder() as folder:
        command = [sys.executable, "-m", "app.bench.wallets", place, str(count), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Taken(**json.loads(done.stdout))


def taken_by(home: Callable[[int], Path | MemoryHome], count: int, disk: Callable[[], int]) -> Taken:
    """By each of ``count`` wallets that lie in ``home``; ``disk`` is how many bytes all of them keep there."""
    authorities = Authorities()
    _pay_around(_wallets(authorities, home, range(2)))
    gc.collect()
    held, open_before, bytes_before = _resident(), _descriptors(), disk()
    wallets = _wallets(authorities, home, range(2, 2 + count))
    began = time.process_time()
    for _ in range(_PAYMENTS):
        _pay_around(wallets)
    seconds = time.process_time() - began
    gc.collect()
    return Taken(
        (_resident() - held) / count / 1_024,
        (_descriptors() - open_before) / count,
        (disk() - bytes_before) / count / 1_024,
        1_000 * seconds / count / _PAYMENTS,
    )


def _wallets(
    authorities: Authorities, home: Callable[[int], Path | MemoryHome], numbers: range
) -> list[Wallet]:
    return [_wallet(authorities, home(number)) for number in numbers]


def _wallet(authorities: Authorities, home: Path | MemoryHome) -> Wallet:
    keystore = MemoryKeystore(secrets.token_bytes, pin=_PIN)
    wallet = Wallet.open(home, keystore, lambda: authorities.now, secrets.token_bytes)
    reconciling = wallet.reconciling
    reconciling.take_root(authorities.root.public, authorities.signed_directory())
    reconciling.take_policy(None, authorities.first_policy())
    reconciling.install_certificate(authorities.certify(reconciling.begin_epoch().key))
    funding = reconciling.fundings.begin(_FUNDED)
    reconciling.fundings.complete(authorities.issue(funding.owner, funding.amounts, funding.id))
    return wallet


def _pay_around(wallets: Sequence[Wallet]) -> None:
    for payer, payee in zip(wallets, (*wallets[1:], wallets[0]), strict=True):
        payment = payer.paying.reserve(payee.receiving.request(_PAID))
        raw = payer.paying.sign(payment)
        payer.paying.shown(payment)
        received = payee.receiving.receive(raw)
        assert received.code is None
        payer.paying.acknowledge(payment, received.receipt)


def _resident() -> int:
    """Bytes."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _descriptors() -> int:
    return len(os.listdir(_DESCRIPTORS))


def _main(place: str, count: int, folder: Path) -> None:
    def disk() -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def home(number: int) -> Path | MemoryHome:
        return MemoryHome() if place == "memory" else folder / str(number)

    print(json.dumps(asdict(taken_by(home, count, disk))))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
