"""The outbox: does the durable work, and again until it is done. Who does which, `lanes` says.

Rule: work is claimed, a slice at a time, and a claim is kept while its slice is worked off; what is done by two all the
same is done once at the other end. A partner that can't be reached keeps its own work waiting and nobody else's; an
answer that refuses is noted with the work and asked for again later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.jobs import Claim, Job, JobKind
from ledger_sync.hearing import CENTRAL
from ledger_sync.http.peers import NoAnswer
from wallet.protocol.codes import Code, Refusal

Handler = Callable[[Sequence[Job]], int]
"""Does the first of some pieces of work of one kind for one partner, and as many of the next ones as go with it; how
many that were. Raises ``Refusal``."""

ROUND: Final = 512
"""Pieces of work in one round of a lane."""
SLICE: Final = 32
"""Pieces of work that are claimed together."""
_log: Final = logging.getLogger(__name__)


def one_by_one(handle: Callable[[Job], None]) -> Handler:
    """The handler of what never goes together."""

    def handler(items: Sequence[Job]) -> int:
        handle(items[0])
        return 1

    return handler


class Outbox:
    """Runs handlers over due work."""

    def __init__(self, work: JobQueue, handlers: Mapping[JobKind, Handler]) -> None:
        self._work = work
        self._handlers = handlers

    def round(self, kinds: Collection[JobKind], target: str) -> None:
        """What is due of these ``kinds`` for ``target``, oldest first."""
        for _ in range(ROUND // SLICE):
            claims = self._work.claim(SLICE, kinds, target)
            if not claims or not self._do(claims):
                return

    def _do(self, claims: Sequence[Claim]) -> bool:
        """Whether the partner answers."""
        left = list(claims)
        while left:
            if not self._work.is_ours(left[0]):
                left.pop(0)
                continue
            batch = _together(left)
            try:
                tried = self._attempt(batch)
            except NoAnswer:
                self._work.release(left[1:])
                return False
            left = [claim for claim in left if claim not in batch[:tried]]
        return True

    def _attempt(self, batch: Sequence[Claim]) -> int:
        """How many of them have had their attempt. ``NoAnswer`` where their partner is silent."""
        claim = batch[0]
        item = claim.item
        try:
            done = self._handlers[item.kind]([one.item for one in batch])
        except Refusal as refusal:
            facts = {"kind": item.kind, "peer": item.target or CENTRAL, "code": refusal.code}
            if type(refusal) is Refusal and "cause" in refusal.facts:  # ours: what peers say is not logged
                facts["cause"] = str(refusal.facts["cause"])
            _log.info("a job is asked for again", extra=facts)
            if isinstance(refusal, NoAnswer) and refusal.is_silence:
                self._work.postpone(claim, refusal)
                raise
            self._work.failed(claim, refusal)
            return 1
        except Exception:  # noqa: BLE001  (one piece of work must not keep the others waiting)
            _log.exception("a job failed", extra={"kind": item.kind, "peer": item.target or CENTRAL})
            self._work.failed(claim, Refusal(Code.INTERNAL))
            return 1
        self._work.finish(batch[:done])
        self._work.reached(item.target)
        return done


def _together(claims: Sequence[Claim]) -> list[Claim]:
    """The first, and what else is of its kind for its partner."""
    item = claims[0].item
    return [claim for claim in claims if (claim.item.kind, claim.item.target) == (item.kind, item.target)]
