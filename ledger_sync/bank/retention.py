"""Retention: how long the bank keeps what it could not use, and what leaves first when a share is full.

Rule: what is over a share leaves when its bundle has been judged; nothing is refused for it. What waits longer than any
token can still be claimed leaves too. Only what waits, and requests that nothing settled answers, ever leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.fork_watch import ForkWatch
from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.shares import Share
from ledger_sync.bank.terms import Terms

_ROUND: Final = 512
"""Transfers, and requests, that leave in one round."""


class Retention:
    """Lets go of what nobody pays for. Works within the caller's transaction, but for `sweep`."""

    def __init__(self, house: House, terms: Terms, objects: Objects, watch: ForkWatch) -> None:
        self._house = house
        self._store = house.store
        self._patience = terms.patience
        self._objects = objects
        self._watch = watch
        self._shares = objects.shares

    def keep_within(self, uploader: str, txids: Sequence[bytes]) -> None:
        """After ``uploader`` brought ``txids`` and what could be judged was."""
        self._drop_claims(uploader, txids)
        while self._shares.over(Share.WAITING, uploader):
            payer, count = self._shares.biggest(Share.WAITING, uploader)
            for txid in self._objects.waiting.oldest(uploader, payer, (count + 1) // 2):
                self.forget(txid)
        over = self._shares.over(Share.REQUESTS, uploader)
        if over:
            self._objects.requests.drop(uploader, over)

    def _drop_claims(self, uploader: str, txids: Sequence[bytes]) -> None:
        over = self._shares.over(Share.CLAIMS, uploader)
        for txid in txids if over else ():
            if over and self._objects.transfers.drop_claim(txid, uploader):
                over -= 1
                if not self._objects.transfers.is_signed(txid):
                    self.forget(txid)

    def forget(self, txid: bytes) -> None:
        """A waiting transfer is kept no longer; it may be brought again."""
        body = self._objects.transfers.body(txid)
        if body is not None:
            self._watch.forget(txid, body)
            self._objects.transfers.forget(txid)

    def sweep(self) -> None:
        """What waited too long leaves: a worker's round."""
        before = self._house.clock() - self._patience
        with self._store.transaction():
            for txid in self._objects.waiting.since(before, _ROUND):
                self.forget(txid)
            self._objects.requests.drop_old(before, _ROUND)
