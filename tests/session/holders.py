"""Somebody with a purse, in memory or real, and the power to kill their process at any verb of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tests.session.memory_purse import MemoryPurse
from tests.support.wallets import WalletNetwork
from tests.support.world import World
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.session.ports import PayeePurse, PayerPurse

FUNDS = (2_000_000, 500_000, 100_000)
VALID_FOR = 3_600


class PowerCut(Exception):
    """The process is gone; only what was durable remains."""


class Watched:
    """A purse seen through its verbs. ``cut``: die when the verb is done (``sign``), or before it is (``-sign``)."""

    def __init__(self, purse: object) -> None:
        self._purse = purse
        self.verbs: list[str] = []
        self.cut: str | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._purse, name)

        def watched(*values: Any, **named: Any) -> Any:
            self.verbs.append(name)
            self._die_at(f"-{name}")
            result = verb(*values, **named)
            self._die_at(name)
            return result

        return watched

    def _die_at(self, point: str) -> None:
        if self.cut == point:
            self.cut = None
            raise PowerCut(point)


class Holder(ABC):
    """One person's wallet, as these tests use it."""

    paying: PayerPurse
    receiving: PayeePurse
    watched: tuple[Watched, ...]

    @abstractmethod
    def ask(self, amount: int, *, is_open: bool = False, printed: bool = False) -> Signed[Request]:
        """A request of ours, valid for an hour."""

    @abstractmethod
    def restart(self) -> None:
        """The process dies and starts again."""

    @abstractmethod
    def open_payments(self) -> list[bytes]:
        """What the purse says is reserved, or signed and without receipt."""

    @abstractmethod
    def payment(self, payment: bytes) -> tuple[str, int, bytes]:
        """Its state, amount (tiyn) and its request's id, as the purse knows them."""

    @property
    @abstractmethod
    def money(self) -> int:
        """Tiyn that are not paid away: spendable or reserved."""

    @abstractmethod
    def run_ahead(self, seconds: int) -> None:
        """Its clock is set ahead of everyone else's."""

    @property
    def verbs(self) -> list[str]:
        return [verb for watched in self.watched for verb in watched.verbs]

    def cut_at(self, point: str | None) -> None:
        for watched in self.watched:
            watched.cut = point


class MemoryHolder(Holder):
    def __init__(self, world: World, name: str, bank: str, funds: tuple[int, ...]) -> None:
        self.purse = MemoryPurse(world, world.person(name, bank))
        self.purse.fund(*funds) if funds else None
        self._watch()

    def _watch(self) -> None:
        watched = Watched(self.purse)
        self.paying = self.receiving = watched
        self.watched = (watched,)

    def ask(self, amount: int, *, is_open: bool = False, printed: bool = False) -> Signed[Request]:
        changes: dict[str, Any] = {"nonce": None} if printed else {}
        return self.purse.ask(amount, is_open=is_open, **changes)

    def restart(self) -> None:
        self._watch()

    def open_payments(self) -> list[bytes]:
        open_ = ("reserved", "signed", "shown")
        return [item.id for item in self.purse.intents.values() if item.state in open_]

    def payment(self, payment: bytes) -> tuple[str, int, bytes]:
        summary = self.purse.summary(payment)
        return summary.state, summary.amount, self.purse.request(payment).id

    @property
    def money(self) -> int:
        return self.purse.money

    def run_ahead(self, seconds: int) -> None:
        self.purse.ahead = seconds


class WalletHolder(Holder):
    def __init__(self, net: WalletNetwork, name: str, bank: str, funds: tuple[int, ...]) -> None:
        self.net, self.name = net, name
        self.wallet = net.wallet(name, *funds, bank=bank)
        self._watch()

    @classmethod
    def found(cls, net: WalletNetwork, name: str) -> WalletHolder:
        """Of a wallet that ``network`` has on disk already."""
        holder = cls.__new__(cls)
        holder.net, holder.name = net, name
        holder.restart()
        return holder

    def _watch(self) -> None:
        paying, receiving = Watched(self.wallet.paying), Watched(self.wallet.receiving)
        self.paying, self.receiving = paying, receiving
        self.watched = (paying, receiving)

    def ask(self, amount: int, *, is_open: bool = False, printed: bool = False) -> Signed[Request]:
        return self.wallet.receiving.request(amount, is_open=is_open, printed=printed, valid_for=VALID_FOR)

    def restart(self) -> None:
        self.wallet = self.net.open(self.name)
        self._watch()

    def open_payments(self) -> list[bytes]:
        return [item.id for item in self.wallet.paying.pending()]

    def payment(self, payment: bytes) -> tuple[str, int, bytes]:
        summary = self.wallet.paying.summary(payment)
        return summary.state, summary.amount, self.wallet.paying.request(payment).id

    @property
    def money(self) -> int:
        return self.wallet.balance().held

    def run_ahead(self, seconds: int) -> None:
        self.net.ahead[self.name] = seconds


class Place(Protocol):
    """Makes holders that live in one world."""

    world: World

    def holder(self, name: str, bank: str, funds: tuple[int, ...] = ()) -> Holder: ...


class MemoryPlace:
    def __init__(self) -> None:
        self.world = World()

    def holder(self, name: str, bank: str, funds: tuple[int, ...] = ()) -> Holder:
        return MemoryHolder(self.world, name, bank, funds)


class WalletPlace:
    """Real purses and their keys, in memory."""

    def __init__(self, folder: Path) -> None:
        self.net = WalletNetwork(folder)
        self.world = self.net.world

    def holder(self, name: str, bank: str, funds: tuple[int, ...] = ()) -> Holder:
        return WalletHolder(self.net, name, bank, funds)

    def close(self) -> None:
        self.net.close()
