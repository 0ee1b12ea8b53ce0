"""Retention: how long the bank keeps what it could not use, and what leaves first when a share is full.

Rule: what is over a share leaves when its bundle has been judged; nothing is refused for it. What has waited, or is
refused, for longer than any token can still be claimed leaves too. Only what waits, what is refused for ever, and
requests that nothing settled answers, ever leave. A refusal rests on payloads alone, and what they descend from is kept
or refused itself: whoever brings one again, with all it descends from, is told the same. One that the notary gave a
token all the same is the other half of somebody's conflict, and stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.jobs import JobKind
from ledger_sync.bank.ports.shares import BANK_UPLOADER, Share
from ledger_sync.bank.terms import Terms
from ledger_sync.bank.wallets.fork_watch import ForkWatch

_ROUND: Final = 512
"""Transfers, and requests, that leave in one round."""
_PASSED_ON: Final = (JobKind.RELAY_FULL, JobKind.RELAY_BARE)


class Retention:
    """Lets go of what nobody pays for. Works within the caller's transaction, but for `sweep`."""

    def __init__(self, context: BankContext, terms: Terms, archive: Archive, watch: ForkWatch) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._jobs = context.storage.jobs
        self._patience = terms.patience
        self._archive = archive
        self._watch = watch
        self._shares = archive.shares
        self._relays = terms.capacity.relays
        self._most = {
            Share.WAITING: terms.capacity.waiting,
            Share.CLAIMS: terms.capacity.claims,
            Share.REQUESTS: terms.capacity.requests,
            Share.REFUSED: terms.capacity.refused,
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

    def refuse(self, txids: Iterable[bytes]) -> None:
        """These, which waited, are refused: from now on a burden of the share that they waited in, of which the first
        leave that were told."""
        now = self._context.clock()
        for uploader in {self._archive.refused.add(txid, now) for txid in txids}:
            self._drop_refused(uploader)

    def _drop_refused(self, uploader: str) -> None:
        over = min(_ROUND, self._over(Share.REFUSED, uploader))
        while over > 0:
            payer, count = self._shares.biggest(Share.REFUSED, uploader)
            told = self._archive.refused.oldest(uploader, payer, min(over, (count + 1) // 2))
            if not told:
                return
            over -= len(told)
            for txid in told:
                self._let_go(txid)

    def _let_go(self, txid: bytes) -> None:
        """Of what was refused."""
        body = self._archive.transfers.body(txid)
        said = [self._archive.statements.on(ref) for ref in body.inputs] if body is not None else []
        if any(one is not None and one.body.consumer == txid for one in said):
            self._archive.refused.over(txid)
        else:
            self.forget(txid)

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
        """A waiting or refused transfer is kept no longer; it may be brought again."""
        body = self._archive.transfers.body(txid)
        if body is not None:
            self._watch.forget(txid, body)
            for signer in self._archive.transfers.forget(txid):
                self._jobs.forget(_PASSED_ON, txid + signer)
            self._jobs.forget(_PASSED_ON, txid)

    def sweep(self) -> None:
        """What waited too long leaves, and what was refused so long ago: a worker's round."""
        before = self._context.clock() - self._patience
        with self._unit.transaction():
            for txid in self._archive.waiting.since(before, _ROUND):
                self.forget(txid)
            for txid in self._archive.refused.since(before, _ROUND):
                self._let_go(txid)
                hsm.failpoint.reach("bank.retention.refused")
            self._archive.requests.drop_old(before, _ROUND)
