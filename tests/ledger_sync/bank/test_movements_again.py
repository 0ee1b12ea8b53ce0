"""The list of movements of a central bank that is put back again and again: whatever it forgets and moves again, in
whatever parts, each bank's books come to what its position has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank.accounts.caused import KINDS
from ledger_sync.bank.accounts.movements import Movements
from ledger_sync.bank.peers import CentralBankClient, Service
from tests import sampling
from tests.ledger_sync.bank.network import LedgerNetwork
from wallet.protocol.codec import Cbor

FUNDING: Final = "funding"
SINGLE: Final = 7_000
"""Tiyn of each funding: it is carried out, or it is not."""
causes = st.integers(0, 2)
AMOUNTS: Final = st.integers(1, 100)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(
            st.just("move"), st.sampled_from(("redemption", "refund", "challenge", "lost")), causes, AMOUNTS
        ),
        st.tuples(st.just("move"), st.just(FUNDING), causes, st.just(SINGLE)),
        st.tuples(st.just("follow")),
        st.tuples(st.just("back up")),
        st.tuples(st.just("put back"), st.integers(0, 9)),
    ),
    max_size=40,
)
_numbers: Final = count()


@dataclass
class Forgetful(Service):
    """The position of one bank at a central bank, by its list."""

    rows: list[tuple[int, str, bytes, int]] = field(default_factory=list)
    backups: list[list[tuple[int, str, bytes, int]]] = field(default_factory=lambda: [[]])
    last: int = 0
    is_told: bool = True
    """Whether it says what movements come to; central banks of earlier days do not."""
    run: int = field(default_factory=lambda: next(_numbers))

    def get(self, path: str) -> Cbor:
        since = int(path.partition("since=")[2].partition("&")[0])
        assert path.endswith("&totals=1")
        told = 6 if self.is_told else 5
        totals: Counter[tuple[str, bytes, bool]] = Counter()
        listed: list[Cbor] = []
        for number, kind, cause, amount in self.rows:
            of = kind, cause, kind == "challenge" and amount < 0
            totals[of] += amount
            if number > since:
                listed.append([number, kind, cause, amount, 0, totals[of]][:told])
        return listed

    def post(self, path: str, value: Cbor) -> Cbor:
        raise AssertionError("a list is only read")

    def move(self, kind: str, number: int, amount: int) -> None:
        cause = f"{self.run} {number}".encode()
        if kind == FUNDING and sum(row[3] for row in self.rows if row[1:3] == (FUNDING, cause)) == 0:
            amount = -amount
        self.last += 1
        lost = kind == "lost"
        self.rows.append((self.last, "challenge" if lost else kind, cause, -amount if lost else amount))

    def put_back(self, which: int) -> None:
        """To one of the backups of what has happened by now; later ones are of what never was."""
        del self.backups[which % len(self.backups) + 1 :]
        self.rows = list(self.backups[-1])

    @property
    def position(self) -> int:
        return sum(amount for *_, amount in self.rows)


def following(net: LedgerNetwork, central: Forgetful) -> Movements:
    """The movements of a bank that knows none of their causes."""
    node = net.banks["alatau"].node
    return Movements(
        node.context,
        CentralBankClient(central),
        lambda _cause: None,
        lambda _cause: None,
        dict.fromkeys(KINDS, lambda _cause: False),
        node.forgotten_fundings.undo,
    )


def test_a_central_bank_of_earlier_days_is_followed_by_what_moves_and_by_totals_once_it_says_them(
    net: LedgerNetwork,
) -> None:
    """Whether it began to say so in the midst of a claim, or is put back to when it did not."""
    books = net.banks["alatau"].node.context.books
    central = Forgetful(last=net.banks["alatau"].node.movements.seen)
    movements, before = following(net, central), books.position
    for is_told in (False, True, False, True):
        central.is_told = is_told
        for kind in ("lost", "refund", FUNDING):
            central.move(kind, 0, 30)
        movements.follow()
        assert books.position - before == central.position


def test_books_come_to_the_position_whatever_was_forgotten_and_moved_again(net: LedgerNetwork) -> None:
    node = net.banks["alatau"].node
    books, record = node.context.books, node.context.storage.movements

    @hypothesis.seed(sampling.seed())
    @settings(
        max_examples=1_000 if sampling.everything() else 40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=STEPS)
    def live(steps: Sequence[tuple[Any, ...]]) -> None:
        central = Forgetful(last=record.seen())
        before = books.position
        movements = following(net, central)
        for kind, *values in steps:
            match kind:
                case "move":
                    central.move(*values)
                case "follow":
                    movements.follow()
                case "back up":
                    central.backups.append(list(central.rows))
                case "put back":
                    central.put_back(values[0])
        for number in range(3):  # whatever was forgotten of each cause comes again at last, or some of it
            for kind in ("redemption", "refund", "challenge", "lost", FUNDING):
                central.move(kind, number, SINGLE if kind == FUNDING else 1)
        movements.follow()
        assert books.position - before == central.position

    live()
