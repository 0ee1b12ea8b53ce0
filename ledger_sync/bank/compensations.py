"""Compensations: what another bank pays, because it had a token consumed and could not show by which transfer.

Rule: what the central bank says was paid by now is booked once, by claim and share; what is still owed stays open and
is asked for again, and no verdict waits for it.
"""

from __future__ import annotations

from ledger_sync.bank.books import POSITION
from ledger_sync.bank.caused import note
from ledger_sync.bank.house import House
from ledger_sync.bank.unclaimed import CHALLENGE, Unclaimed
from ledger_sync.bank.work import Item, Kind, WorkList
from wallet.protocol import codec, idempotency
from wallet.protocol.bounds import ID_BYTES


class Compensations:
    """The table of them. Works within the caller's transaction."""

    def __init__(self, house: House, work: WorkList) -> None:
        self._house = house
        self._store = house.store
        self._books = house.books
        self._unclaimed = Unclaimed(house)
        self._work = work

    def book(
        self,
        claim: bytes,
        wanted: bytes,
        place: int,
        customer: str,
        paid: int,
        owed: int,
        source: str = POSITION,
    ) -> None:
        """Note that ``paid`` tiyn in all have come for a share by now, and that ``owed`` are to come; from ``source``,
        which is the bank's own account where it is the one that could not show."""
        before = self._store.value(
            "select paid from compensations where claim = ? and wanted = ? and place = ?",
            (claim, wanted, place),
        )
        cause = idempotency.compensation(claim, wanted, place, paid)
        amount = max(0, paid - (before or 0))
        if source == POSITION:
            if paid:
                note(self._house, CHALLENGE, claim)
            self._unclaimed.give(CHALLENGE, claim, cause, customer, amount)
        else:
            self._books.move(cause, source, customer, amount)
        self._store.run(
            "insert into compensations (claim, wanted, place, customer, paid, owed) values (?, ?, ?, ?, ?, ?)"
            " on conflict (claim, wanted, place) do update set paid = max(paid, excluded.paid), owed = excluded.owed",
            (claim, wanted, place, customer, paid, owed),
        )

    def is_known(self, claim: bytes) -> bool:
        """Whether this bank has ever booked something for ``claim``, or is owed it."""
        return self._store.row("select 1 from compensations where claim = ? limit 1", (claim,)) is not None

    def moved(self, claim: bytes) -> None:
        """The central bank has paid something for ``claim``: it is asked what."""
        self._ask_for("select claim, wanted, place from compensations where owed > 0 and claim = ?", (claim,))

    def ask(self) -> None:
        """Ask for what is owed: the step of a background worker."""
        with self._store.transaction():
            self._ask_for("select claim, wanted, place from compensations where owed > 0", ())

    def _ask_for(self, sql: str, values: tuple[bytes, ...]) -> None:
        """A transfer's claim is asked about as its challenge, a refund's as its refund."""
        for claim, wanted, place in self._store.rows(sql, values):
            for item in (
                Item(Kind.CHALLENGE, "", claim + wanted),
                Item(Kind.REFUND, "", codec.encode([wanted, place])),
            ):
                if self._work.is_known(item):
                    self._work.again(item)

    def in_flight(self) -> list[tuple[bytes, int]]:
        """Transfers for which a bank pays or may have to, with the most that is to come: the central bank may have
        booked it already, and this bank has not. Refunds list their own."""
        challenged = {subject[:ID_BYTES] for subject in self._work.open_subjects(Kind.CHALLENGE, "")}
        owed = self._store.rows(
            "select distinct claim from compensations where owed > 0 and claim in (select id from transfers)"
        )
        return [(txid, self._most(txid)) for txid in sorted({*challenged, *(txid for (txid,) in owed)})]

    def _most(self, txid: bytes) -> int:
        """Tiyn still owed for a transfer; all that its inputs are worth where that is not known."""
        owed = self._store.value("select sum(owed) from compensations where claim = ?", (txid,))
        worth = self._store.value(
            "select sum(coalesce(k.value, k.amount)) from inputs i join tokens k"
            " on k.origin = i.origin and k.output = i.output where i.transfer = ?",
            (txid,),
        )
        return int(worth or 0) if owed is None else int(owed)
