"""A home with a sandbox and three wallets, for tests that kill commands and services: what was begun, who has what.

Rule: after a kill nothing is opened to look at it; stores are read as an auditor reads them, so that only the next
command resumes.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ledger_sync import sandbox
from ledger_sync.processes import gone
from tests.e2e.books import Seen, see
from tests.support import stations
from tests.support.cli import PIN, Cli, Done, run_module

TIYN: Final = 10_000
"""What every operation moves; ``ASKED`` is the same as it is typed."""
ASKED: Final = "100"
PAYER: Final = "dana"
OTHER: Final = "erlan"
SHOP: Final = "bolat"
BANK_OF: Final = {PAYER: "alatau", OTHER: "zhibek", SHOP: "zhibek"}
_OPENING: Final = "40000"
_FUNDED: Final = "20000"
_GONE_SECONDS: Final = 60.0


class RunningNetwork:
    """The home, and where the pictures of each scene lie."""

    def __init__(self, folder: Path) -> None:
        self.cli = Cli(folder)
        self.sandbox = folder / "sandbox"
        self._pictures = folder / "pictures"
        self._scenes = 0
        stations.start(self.sandbox)
        for name, bank in BANK_OF.items():
            shop = ("--merchant",) if name == SHOP else ()
            self.cli.must("wallet", "new", name, "--bank", bank, "--opening", _OPENING, *shop)
        for name in (PAYER, OTHER):
            self.cli.wallet(name, "fund", _FUNDED)

    def scene(self) -> Callable[[str], str]:
        """A folder of its own for pictures: name -> path."""
        self._scenes += 1
        folder = self._pictures / str(self._scenes)
        folder.mkdir(parents=True)
        return lambda name: str(folder / name)

    def rest_at_times(self) -> None:
        """Every few scenes everybody reconciles, so that no provenance grows too long."""
        if self._scenes % 8 != 7:
            return
        for name in BANK_OF:
            self.cli.wallet(name, "sync")

    def begin_epoch(self, name: str) -> None:
        """Have the purse begin a new epoch at its next reconciling, as it does once a day: one was begun, and cut off
        before its key was made."""
        with sqlite3.connect(self._folder(name, "purse") / "purse.db") as purse:
            purse.execute(
                "insert into epoch (number, alias, state, at) select max(number) + 1,"
                " 'epoch-' || (max(number) + 1) || '-' || hex(randomblob(6)), 'begun', max(at) from epoch"
            )
        purse.close()

    def see(self, name: str) -> Seen:
        return see(self.cli.home, name)

    def copy(self, name: str, part: str = "") -> Path:
        """A backup of a wallet's folder, or of a part of it: purse, keystore."""
        self._scenes += 1
        return Path(shutil.copytree(self._folder(name, part), self._pictures / f"backup {self._scenes}"))

    def put_back(self, name: str, copy: Path, part: str = "") -> None:
        shutil.rmtree(self._folder(name, part))
        shutil.copytree(copy, self._folder(name, part))

    def _folder(self, name: str, part: str) -> Path:
        return self.cli.home / "wallets" / name / part

    def is_known_to_bank(self, name: str, transfers: frozenset[bytes]) -> bool:
        """Whether the wallet's own bank has a verdict on these, that came to it from another bank perhaps."""
        self.cli.must("sandbox", "books")
        bank = sqlite3.connect(f"file:{self.sandbox / BANK_OF[name] / 'bank.db'}?mode=ro", uri=True)
        try:
            known = {row[0] for row in bank.execute("select transfer from settlements")}
        finally:
            bank.close()
        return transfers <= known

    def money(self) -> int:
        """Tiyn of all three, in pockets and on accounts."""
        return sum(self.see(name).sum for name in BANK_OF)

    def books_agree(self) -> bool:
        return bool(self.cli.must("sandbox", "books")["balanced"])

    # commands that die

    def killed(self, name: str, argv: tuple[str, ...], point: str) -> None:
        done = self.cli.run("--json", "--wallet", name, *argv, failpoint=point)
        assert done.status == -signal.SIGKILL, (argv, point, done.out, done.err)

    def interrupted(self, name: str, argv: tuple[str, ...], point: str) -> Done:
        """The same with Ctrl-C at the point."""
        command = ["tests.e2e.interrupted", "--home", str(self.cli.home), "--wallet", name]
        return run_module(command, {"--pin-fd": PIN}, argv, {"QALTA_FAILPOINT": point})

    # services that die

    def will_die(self, station: str, point: str) -> None:
        """Start a station anew so that it dies there."""
        sandbox.kill(self.sandbox, station)
        stations.start(self.sandbox, environment={station: {"QALTA_FAILPOINT": point}})

    def has_died(self, station: str) -> bool:
        """Wait for its end."""
        return gone(self.sandbox / station, _GONE_SECONDS)

    def copy_station(self, station: str) -> Path:
        """A backup of a station's databases; the station is started anew."""
        self._scenes += 1
        copy = self._pictures / f"backup {self._scenes}"
        copy.mkdir(parents=True)
        sandbox.kill(self.sandbox, station)
        for file in (self.sandbox / station).glob("*.db*"):
            shutil.copy(file, copy)
        self.revive()
        return copy

    def put_back_station(self, station: str, copy: Path) -> None:
        """The databases of a backup in place of today's, as an operator would restore them. It is not started."""
        sandbox.kill(self.sandbox, station)
        for file in (self.sandbox / station).glob("*.db*"):
            file.unlink()
        for file in copy.iterdir():
            shutil.copy(file, self.sandbox / station)

    def revive(self) -> None:
        stations.start(self.sandbox)

    def close(self) -> None:
        sandbox.stop(self.sandbox)
