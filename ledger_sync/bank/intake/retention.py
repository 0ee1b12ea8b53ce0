"""Retention: how long the bank keeps what it could not use, and what leaves first when a share is full.

Rule: what is over a share leaves when its bundle has been judged; nothing is refused for it. What waits longer than any
token can still be claimed leaves too. Only what waits, and requests that nothing settled answers, ever leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.shares import BANK_UPLOADER, Share
from ledger_sync.bank.terms import Terms
from ledger_sync.bank.wallets.fork_watch import ForkWatch

_ROUND: Final = 512
"""Transfers, and requests, that leave in one round."""


class Retention:
    """Lets go of what nobody pays for. Works within the caller's transaction, but for `sweep`."""

    def __init__(self, context: BankContext, terms: Terms, archive: Archive, watch: ForkWatch) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._patience = terms.patience
        self._archive = archive
        self._watch = watch
        self._shares = archive.shares
        self._relays = terms.capacity.relays
        self._most = {
            Share.WAITING: terms.capacity.waiting,
            Share.CLAIMS: terms.capacity.claims,
            Share.REQUESTS: terms.capacity.requests,
        }

    def keep_within(self, uploader: str, txids: Sequence[bytes]) -> None:
        """After ``uploader`` brought ``txids`` and what could be judged was."""
        self._drop_claims(uploader, txids)
        while self._over(Share.WAITING, uploader):
            payer, count = self._shares.biggest(Share.WAITING, uploader)
            for txid in self._archive.waiting.oldest(uploader, payer, (count + 1) // 2):
                self.forget(txid)
        over = self._over(Share.REQUESTS, uploader)
        if over:
            self._archive.requests.drop(uploader, over)

    def most(self, share: Share, uploader: str) -> int:
        """How much of it one uploader may have: a bank passes on what many customers brought."""
        return self._most[share] * (self._relays if uploader.startswith(BANK_UPLOADER) else 1)

    def _over(self, share: Share, uploader: str) -> int:
        """How much more than its share the uploader has; 0 if it is within it."""
        return max(0, self._shares.used(share, uploader) - self.most(share, uploader))

    def _drop_claims(self, uploader: str, txids: Sequence[bytes]) -> None:
        over = self._over(Share.CLAIMS, uploader)
        for txid in txids if over else ():
            if over and self._archive.transfers.drop_claim(txid, uploader):
                over -= 1
                if not self._archive.transfers.is_signed(txid):
                    self.forget(txid)

    def forget(self, txid: bytes) -> None:
        """A waiting transfer is kept no longer; it may be brought again."""
        body = self._archive.transfers.body(txid)
        if body is not None:
            self._watch.forget(txid, body)
            self._archive.transfers.forget(txid)

    def sweep(self) -> None:
        """What waited too long leaves: a worker's round."""
        before = self._context.clock() - self._patience
        with self._unit.transaction():
            for txid in self._archive.waiting.since(before, _ROUND):
                self.forget(txid)
            self._archive.requests.drop_old(before, _ROUND)
