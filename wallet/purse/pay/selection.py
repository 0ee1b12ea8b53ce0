"""Which tokens pay an amount: a pure function over candidates, with few hops, few bytes and little change.

Every choice is weighed in bytes: those that must travel now, those that the change will carry later, and a price
for each hop that the payee gets. SELECTION.md says why, with the numbers of the simulation that chose the prices.
A choice is lawful when its inputs fit a transfer, and transfers + (15 - hop) ≤ 64 for whoever receives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wallet.protocol.bounds import (
    MAX_CERTIFICATES,
    MAX_DELTA_BYTES,
    MAX_DELTAS,
    MAX_HOP,
    MAX_INPUTS,
    MAX_ISSUANCES,
    MAX_PAYMENT_BYTES,
    MAX_REFUSALS,
    MAX_TRANSFERS,
)
from wallet.protocol.transfer import TokenRef

INPUT_BYTES: Final = 36
TRANSFER_BYTES: Final = 160
"""A transfer without its inputs."""
MAX_CHOICE_BYTES: Final = MAX_PAYMENT_BYTES - MAX_DELTAS * (MAX_DELTA_BYTES + 16) - 512
MAX_PARTS: Final = MAX_REFUSALS
"""Transfers of one payment: a payee must be able to give each back with one receipt."""
SEARCH_NODES: Final = 1_500
SEARCH_TOKENS: Final = 48
"""A shop's hundreds of tokens are narrowed to these before the search: the lightest and the nearest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A token that may be spent: what it is worth, who signs, and what must travel with it (ids)."""

    ref: TokenRef
    amount: int
    owner: bytes
    hop: int
    expires: int
    transfers: frozenset[bytes]
    issuances: frozenset[bytes]
    certificates: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Prices:
    """What change and a hop cost, in bytes."""

    change: int = 100
    hop: int = 600


@dataclass(frozen=True, slots=True)
class Part:
    """One transfer: tokens of one owner key, sorted; ``amount`` to the payee and ``change`` back (tiyn)."""

    owner: bytes
    inputs: tuple[Candidate, ...]
    amount: int

    @property
    def change(self) -> int:
        return sum(item.amount for item in self.inputs) - self.amount

    @property
    def hop(self) -> int:
        """The hop of what the payee gets."""
        return max(item.hop for item in self.inputs) + 1


@dataclass(frozen=True, slots=True)
class Choice:
    """The parts of a payment, one transfer each."""

    parts: tuple[Part, ...]

    @property
    def inputs(self) -> tuple[Candidate, ...]:
        return tuple(item for part in self.parts for item in part.inputs)


SizeOf = Callable[[bytes], int]
"""Encoded bytes of a held object, by id."""


def choose(
    candidates: Iterable[Candidate], amount: int, size: SizeOf, prices: Prices = Prices()
) -> Choice | None:
    """The cheapest lawful choice found for ``amount`` (tiyn), or None. The same input gives the same choice.

    One owner key pays alone where it can; otherwise the keys with most money pay together, one part each.
    """
    groups = _by_owner(candidates)
    scale = _Scale(size, prices)
    alone = [
        Choice((part,))
        for group in groups
        if sum(item.amount for item in group) >= amount
        and (part := _best_part(group, amount, scale)) is not None
    ]
    lawful = [choice for choice in alone if is_lawful(choice, size)]
    if lawful:
        return min(lawful, key=scale.cost)
    return _together(groups, amount, scale)


def is_lawful(choice: Choice, size: SizeOf) -> bool:
    """Whether a payment of these tokens keeps within every bound, and its payee can pass it on."""
    inputs = choice.inputs
    transfers = frozenset().union(*(item.transfers for item in inputs))
    issuances = frozenset().union(*(item.issuances for item in inputs))
    certificates = frozenset().union(*(item.certificates for item in inputs))
    travelling = len(transfers) + len(choice.parts)
    hop = min(part.hop for part in choice.parts)
    total = sum(size(item) for item in transfers | issuances | certificates)
    total += len(choice.parts) * (TRANSFER_BYTES + 400) + len(inputs) * INPUT_BYTES
    return (
        len(choice.parts) <= MAX_PARTS
        and all(len(part.inputs) <= MAX_INPUTS and part.hop <= MAX_HOP for part in choice.parts)
        and travelling + MAX_HOP - hop <= MAX_TRANSFERS
        and len(issuances) <= MAX_ISSUANCES
        and len(certificates) + len(choice.parts) <= MAX_CERTIFICATES
        and total <= MAX_CHOICE_BYTES
    )


def _by_owner(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    groups: dict[bytes, list[Candidate]] = {}
    for item in sorted(candidates, key=lambda item: (-item.amount, item.ref)):
        groups.setdefault(item.owner, []).append(item)
    return sorted(groups.values(), key=lambda group: (-sum(item.amount for item in group), group[0].owner))


@dataclass(slots=True)
class _Scale:
    """Weighs choices in bytes."""

    size: SizeOf
    prices: Prices
    _known: dict[bytes, int] = field(default_factory=dict)

    def bytes_of(self, ids: Iterable[bytes]) -> int:
        total = 0
        for item in ids:
            found = self._known.get(item)
            if found is None:
                found = self._known[item] = self.size(item)
            total += found
        return total

    def items(self, candidate: Candidate) -> frozenset[bytes]:
        return candidate.transfers | candidate.issuances | candidate.certificates

    def weigh(self, inputs: Sequence[Candidate], amount: int) -> int:
        carried = frozenset().union(*(self.items(item) for item in inputs))
        cost = self.bytes_of(carried) + len(inputs) * INPUT_BYTES
        cost += self.prices.hop * max(item.hop for item in inputs)
        return cost + (self.prices.change if sum(item.amount for item in inputs) > amount else 0)

    def cost(self, choice: Choice) -> tuple[int, int, tuple[TokenRef, ...]]:
        """Cheapest first; among equals the one that expires first."""
        weight = sum(self.weigh(part.inputs, part.amount) + TRANSFER_BYTES for part in choice.parts)
        refs = tuple(item.ref for item in choice.inputs)
        return weight, min(item.expires for item in choice.inputs), refs


def _part(inputs: Iterable[Candidate], amount: int) -> Part:
    ordered = tuple(sorted(inputs, key=lambda item: item.ref))
    return Part(ordered[0].owner, ordered, amount)


def _best_part(group: Sequence[Candidate], amount: int, scale: _Scale) -> Part | None:
    """The cheapest of a few plain choices, then improved by a bounded search."""
    best: Part | None = None
    best_cost: int | None = None
    for inputs in (
        *_plain_choices(group, amount, scale),
        *_Search(_pool(group, amount, scale), amount, scale).found(),
    ):
        part = _part(inputs, amount)
        if not is_lawful(Choice((part,)), scale.size):
            continue
        cost = scale.weigh(part.inputs, amount)
        if best_cost is None or cost < best_cost:
            best, best_cost = part, cost
    return best


def _plain_choices(group: Sequence[Candidate], amount: int, scale: _Scale) -> list[list[Candidate]]:
    """Largest first; the smallest that is enough; lightest for its value first; lowest hop first."""
    choices = [_until(group, amount)]
    enough = [item for item in group if item.amount >= amount]
    choices += [[item] for item in enough[-3:]]
    choices.append(_until(_lightest(group, scale), amount))
    choices.append(_until(sorted(group, key=lambda item: (item.hop, -item.amount, item.ref)), amount))
    return [choice for choice in choices if choice]


def _lightest(group: Sequence[Candidate], scale: _Scale) -> list[Candidate]:
    """By bytes for their value."""
    return sorted(
        group, key=lambda item: (scale.bytes_of(scale.items(item)) * 1_000 // item.amount, item.ref)
    )


def _pool(group: Sequence[Candidate], amount: int, scale: _Scale) -> Sequence[Candidate]:
    """What the search looks at, by falling amount."""
    if len(group) <= SEARCH_TOKENS:
        return group
    near = sorted(group, key=lambda item: (abs(item.amount - amount), item.ref))
    half = SEARCH_TOKENS // 2
    wanted = {item.ref for item in (*near[:half], *_lightest(group, scale)[:half])}
    return [item for item in group if item.ref in wanted]


def _until(ordered: Sequence[Candidate], amount: int) -> list[Candidate]:
    taken: list[Candidate] = []
    total = 0
    for item in ordered:
        if total >= amount or len(taken) == MAX_INPUTS:
            break
        taken.append(item)
        total += item.amount
    if total < amount:
        return []
    for item in sorted(taken, key=lambda item: item.amount):
        if total - item.amount >= amount:
            taken.remove(item)
            total -= item.amount
    return taken


class _Search:
    """Depth-first over tokens by falling amount, cut where it can no longer be cheaper or enough."""

    def __init__(self, group: Sequence[Candidate], amount: int, scale: _Scale) -> None:
        self._group = group
        self._amount = amount
        self._scale = scale
        self._rest = [0] * (len(group) + 1)
        for index in range(len(group) - 1, -1, -1):
            self._rest[index] = self._rest[index + 1] + group[index].amount
        self._nodes = 0
        self._best_cost: int | None = None
        self._best: list[Candidate] = []

    def found(self) -> list[list[Candidate]]:
        self._walk(0, [], 0, frozenset(), 0, 0)
        return [self._best] if self._best else []

    def _walk(
        self, index: int, taken: list[Candidate], total: int, carried: frozenset[bytes], weight: int, hop: int
    ) -> None:
        self._nodes += 1
        if total >= self._amount:
            change = self._scale.prices.change if total > self._amount else 0
            if self._best_cost is None or weight + change < self._best_cost:
                self._best_cost, self._best = weight + change, list(taken)
            return
        if self._nodes > SEARCH_NODES or index == len(self._group) or len(taken) == MAX_INPUTS:
            return
        if total + self._rest[index] < self._amount:
            return
        item = self._group[index]
        fresh = self._scale.items(item) - carried
        added = self._scale.bytes_of(fresh) + INPUT_BYTES
        added += self._scale.prices.hop * max(0, item.hop - hop)
        if self._best_cost is None or weight + added < self._best_cost:
            taken.append(item)
            top = max(hop, item.hop)
            self._walk(index + 1, taken, total + item.amount, carried | fresh, weight + added, top)
            taken.pop()
        self._walk(index + 1, taken, total, carried, weight, hop)


def _together(groups: Sequence[Sequence[Candidate]], amount: int, scale: _Scale) -> Choice | None:
    """Several owner keys, those with most money first; all but the last give everything they can."""
    parts: list[Part] = []
    left = amount
    for group in groups:
        usable = list(group[:MAX_INPUTS])
        worth = sum(item.amount for item in usable)
        part = _best_part(group, left, scale) if worth >= left else _part(usable, worth)
        if part is None:
            continue
        parts.append(part)
        left -= part.amount
        if left == 0:
            choice = Choice(tuple(parts))
            return choice if is_lawful(choice, scale.size) else None
    return None
