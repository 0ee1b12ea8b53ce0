"""What the sandbox's operator does for command line and app: finds it, and reads all books."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.wallets.missing import MissingPart
from ledger_sync.sandbox import Network, State, operate, read_network, status
from ledger_sync.sandbox.operator import Order
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal


@dataclass(frozen=True, slots=True)
class Books:
    """All integers are tiyn. ``accounts`` are the customers' and the banks' own, at all banks; ``in_flight`` what
    fundings and redemptions under way may have booked on one side only."""

    issued: int
    redeemed: int
    positions: int
    accounts: int
    outstanding: int
    in_flight: int

    def totals(self) -> dict[str, int]:
        """What `--json` shows."""
        return {
            "issued": self.issued,
            "redeemed": self.redeemed,
            "positions": self.positions,
            "accounts": self.accounts,
            "outstanding": self.outstanding,
        }

    @property
    def is_balanced(self) -> bool:
        """issued − redeemed = positions + outstanding, and accounts = positions save what is in flight."""
        return (
            self.issued - self.redeemed == self.positions + self.outstanding
            and abs(self.accounts - self.positions) <= self.in_flight
        )


def network_of(home: Path) -> Network:
    """The running sandbox of a home. MissingPart where there is none, or it is stopped."""
    states = status(home)
    if not states or any(found.state is not State.READY for found in states):
        raise MissingPart("missing.sandbox")
    return read_network(home)


def read_books(network: Network) -> Books:
    """The central bank's sums and every bank's accounts."""
    orders = [Order(network.central_bank.name, "GET", "/v1/books")]
    orders += [Order(bank.name, "GET", "/v1/books") for bank in network.banks]
    central, *banks = _answers(network, orders)
    issued, redeemed, outstanding, positions = codec.array(central, 4)
    held = sum(codec.uint(position, MAX_SUM) for _, position in positions)
    accounts = in_flight = 0
    for answer in banks:
        _, own, customers, fundings, redemptions = codec.array(answer, 5)
        accounts += own + sum(balance for _, balance in customers)
        in_flight += sum(amount for _, amount in (*fundings, *redemptions))
    return Books(issued, redeemed, held, accounts, outstanding, in_flight)


def _answers(network: Network, orders: list[Order]) -> list[Cbor]:
    answers = operate(network, orders)
    for answer in answers:
        if isinstance(answer, Refusal):
            raise answer
    return answers
