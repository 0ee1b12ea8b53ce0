"""A pilot's payments, made beforehand: 265 accounts, 1,000 payments of 336,000 tenge and 60,000 small ones, or fewer of
all in the same proportions.

Rule: what is paid follows from how many payments there are, and from nothing else; only keys, ids and times are new
each time. Nothing of it is uploaded: the ledger knows the accounts, their certificates and what was funded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, zip_longest
from typing import Final

from app.bench.ledger_stage import Brought
from app.bench.reconcile import Customer, open_customers
from app.bench.throwaway import Chain, SoftKey, hand_on
from app.terminal.show import Show
from ledger_sync.sandbox import Network
from wallet.protocol.bounds import MAX_AMOUNTS
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.purse.sync.uploads import DEFAULT_LIMIT

PAYMENTS: Final = 61_000
LEAST: Final = 61
"""Payments, of which one is a large one."""
_LARGE_IN: Final = 61
_ACCOUNTS: Final = 265
_LEAST_ACCOUNTS: Final = 8
LARGE: Final = 33_600_000
"""Tiyn: a thousand of these are 336 million tenge."""
_SMALL: Final = 125_000
"""Tiyn that a small payment is at first, of a token of `_TOKEN`."""
_TOKEN: Final = 200_000
_HANDS_ON: Final = (1, 1, 1, 2, 5)
"""How often small money is paid on before it is brought to the bank: most of it once, by turns."""
_FUNDING_AT_A_TIME: Final = 4


@dataclass(frozen=True, slots=True)
class Handing:
    """A token of so many tiyn at account ``payer``, of which ``amount`` is paid, ``hops`` times, by accounts that lie
    ``step`` apart."""

    payer: int
    token: int
    amount: int
    hops: int
    step: int


@dataclass(frozen=True, slots=True)
class Pilot:
    """So many ``payments``, ``LEAST`` or more."""

    payments: int = PAYMENTS

    @property
    def large(self) -> int:
        return self.payments // _LARGE_IN

    @property
    def small(self) -> int:
        return self.payments - self.large

    @property
    def accounts(self) -> int:
        return max(_LEAST_ACCOUNTS, round(_ACCOUNTS * self.payments / PAYMENTS))

    @property
    def is_whole(self) -> bool:
        return self.payments == PAYMENTS

    @property
    def funded(self) -> int:
        """Tiyn of all tokens."""
        return sum(one.token for one in self.handings())

    def handings(self) -> list[Handing]:
        """All that is handed on, by whom it begins with."""
        large = [(LARGE, LARGE, 1)] * self.large
        small = [(_TOKEN, _SMALL, hops) for hops in _lengths(self.small)]
        count = self.accounts
        return [
            Handing(number % count, token, amount, hops, 1 + number // count % (count - 1))
            for number, (token, amount, hops) in enumerate([*large, *small])
        ]


def _lengths(payments: int) -> Iterator[int]:
    """Of chains that are so many payments together."""
    lengths = cycle(_HANDS_ON)
    while payments:
        length = min(next(lengths), payments)
        yield length
        payments -= length


def bring(pilot: Pilot, network: Network, show: Show) -> Brought:
    """The accounts at the first bank of a network at work, and each holder's uploads. Raises ``Refusal``."""
    by_payer: dict[int, list[Handing]] = {}
    for one in pilot.handings():
        by_payer.setdefault(one.payer, []).append(one)
    most = max(sum(one.token for one in own) for own in by_payer.values())
    show.step("bench.opening_accounts")
    customers = open_customers(network, network.banks[0], pilot.accounts, WalletKind.MERCHANT, most)
    held: dict[int, list[Chain]] = {}
    fundings = [
        own[at : at + MAX_AMOUNTS] for own in by_payer.values() for at in range(0, len(own), MAX_AMOUNTS)
    ]
    with ThreadPoolExecutor(_FUNDING_AT_A_TIME) as pool, show.progress("bench.paying", len(fundings)) as done:
        issued = pool.map(lambda own: customers[own[0].payer].fund([one.token for one in own]), fundings)
        for number, (own, issuance) in enumerate(zip(fundings, issued, strict=True), 1):
            for output, one in enumerate(own):
                hands = [(one.payer + hop * one.step) % len(customers) for hop in range(one.hops + 1)]
                people = [customers[hand].person for hand in hands]
                held.setdefault(hands[-1], []).append(hand_on(issuance, people, one.amount, output))
            done(number)
    return customers, _by_turns(customers, held)


def _by_turns(
    customers: Sequence[Customer], held: Mapping[int, Sequence[Chain]]
) -> list[tuple[SoftKey, bytes]]:
    """Each holder's first upload, then each one's second, and so on."""
    own = [
        [(customers[holder].device, one.encode()) for one in uploads_of(chains)]
        for holder, chains in sorted(held.items())
    ]
    return [one for turn in zip_longest(*own) for one in turn if one is not None]


def uploads_of(chains: Sequence[Chain]) -> Iterator[Bundle]:
    """As many transfers in each as a wallet uploads at once."""
    load: list[Chain] = []
    for chain in chains:
        if load and sum(len(one.transfers) for one in (*load, chain)) > DEFAULT_LIMIT:
            yield _bundle(load)
            load = []
        load.append(chain)
    yield _bundle(load)


def _bundle(chains: Sequence[Chain]) -> Bundle:
    """Each object once."""
    certificates = {payer.certificate.id: payer.certificate for one in chains for payer in one.payers}
    issuances = {one.issuance.id: one.issuance for one in chains}
    return Bundle(
        tuple(transfer for one in chains for transfer in one.transfers),
        tuple(issuances.values()),
        tuple(certificates.values()),
        tuple(request for one in chains for request in one.requests),
    )
