"""The newcomer's pair: a sandbox, two funded wallets, two windows side by side that see and touch each other.

All of it lies in one folder and stays there: the next time it goes on where it stopped. A wallet whose PIN its owner
changed is the owner's: it opens with that PIN, and nobody fills it any more. Each window's camera is the other window's
published pixels; a simulated radio on this machine stands for holding them together.
"""

from __future__ import annotations

import fcntl
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.launch.actors import Actor, ActorFailed
from app.launch.window import AppWindow, WindowSpec, undisturbed
from app.wallets.places import Home
from hsm.keystore import KeystoreCode
from wallet.protocol.codes import Code

if TYPE_CHECKING:
    from ledger_sync.sandbox import Network

FUNDED: Final = 2_000_000
"""Tiyn that a pocket is filled with; below a quarter of that it is filled again."""
_OWN_PIN: Final = ".own-pin"
"""After a wallet's name: the mark that its PIN is no longer the demo's."""
_NOT_OURS: Final = (KeystoreCode.PIN_WRONG.value, KeystoreCode.PIN_BLOCKED.value)
_CORNERS: Final = ((24, 24), (448, 24))
"""Two windows of a phone's width side by side, on a screen of 1,024 pixels too."""


@dataclass(frozen=True, slots=True)
class PairMember:
    """Whose window it is. ``holder`` is what a shop's payers read."""

    wallet: str
    holder: str
    bank: str
    is_shop: bool


PAIR_MEMBERS: Final = (
    PairMember("aigerim", "Әйгерім", "alatau", False),
    PairMember("bread", "Нан дүкені", "zhibek", True),
)


class PairIsOpen(Exception):
    """The pair of this folder is open already."""


class PairStep(Enum):
    """What takes a moment; the catalogue's table ``app_run`` has a sentence for each."""

    SANDBOX = "step_sandbox"
    WALLETS = "step_wallets"
    MONEY = "step_money"
    CLOSING = "step_closing"


Tell = Callable[[PairStep], None]


@contextmanager
def pair_stage(folder: Path, tell: Tell = lambda step: None) -> Iterator[Network]:
    """Sandbox and wallets of the pair in ``folder``, for the length of the context; then the sandbox stops.

    Raises ``PairIsOpen``; ``Refusal`` where the sandbox or a wallet cannot be made.
    """
    from ledger_sync import sandbox

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        try:
            tell(PairStep.SANDBOX)
            network = sandbox.start(folder / "sandbox")
            _seat_all(folder, tell)
            yield network
        finally:
            with undisturbed():
                tell(PairStep.CLOSING)
                sandbox.stop(folder / "sandbox")


@contextmanager
def pair_windows(
    folder: Path,
    *,
    language: str | None = None,
    environment: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[tuple[AppWindow, ...]]:
    """The two windows, not yet started. ``environment`` adds variables to a window's process, by its wallet."""
    extra = environment or {}
    with tempfile.TemporaryDirectory(prefix="pixels-", dir=folder) as pixels:
        radio = f"udp:127.0.0.1:{_free_port()}"
        files = [Path(pixels) / seat.wallet for seat in PAIR_MEMBERS]
        yield tuple(
            AppWindow(
                WindowSpec(
                    folder,
                    seat.wallet,
                    language=language,
                    camera=f"window:{files[1 - number]}",
                    reader=radio,
                    publish=files[number],
                    position=_CORNERS[number],
                    is_developer=True,
                ),
                extra.get(seat.wallet, {}),
            )
            for number, seat in enumerate(PAIR_MEMBERS)
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PairIsOpen from None
        yield


def _seat_all(folder: Path, tell: Tell) -> None:
    """Make the wallets that are not there yet, and fill those that ran low; both at once."""
    with ThreadPoolExecutor(len(PAIR_MEMBERS)) as pool:
        if not all(Home(folder).wallet(seat.wallet).is_made for seat in PAIR_MEMBERS):
            tell(PairStep.WALLETS)
        actors = list(pool.map(lambda seat: _made(folder, seat), PAIR_MEMBERS))
        tell(PairStep.MONEY)
        list(pool.map(_fill, actors))


def has_own_pin(folder: Path, wallet: str) -> bool:
    """Whether its owner is known to have changed its PIN."""
    return (folder / f"{wallet}{_OWN_PIN}").exists()


def _made(folder: Path, seat: PairMember) -> Actor:
    actor = Actor(folder, seat.wallet, seat.holder)
    if not Home(folder).wallet(seat.wallet).is_made:
        shop = ("--merchant",) if seat.is_shop else ()
        actor.make("--bank", seat.bank, "--holder", seat.holder, *shop)
    return actor


def _fill(actor: Actor) -> None:
    """The PIN of the demo is tried until it is wrong once, and then never again: a try is the owner's."""
    if has_own_pin(actor.home, actor.wallet):
        return
    try:
        actor.start()
        _fill_open(actor)
    except ActorFailed as failed:
        if failed.refused not in _NOT_OURS:
            raise
        if failed.refused == KeystoreCode.PIN_WRONG.value:
            (actor.home / f"{actor.wallet}{_OWN_PIN}").touch()
    finally:
        actor.stop()


def _fill_open(actor: Actor) -> None:
    if int(actor.must("balance")["spendable"]) >= FUNDED // 4:
        return
    amount = str(FUNDED // 100)
    if actor.do("fund", amount).status:
        # A certificate or a limit that ran out since the last time.
        actor.must("sync")
        again = actor.do("fund", amount)
        if again.status and again.refused != Code.ACCOUNT_SHORT.value:
            raise ActorFailed(actor.wallet, "fund", again.result)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
