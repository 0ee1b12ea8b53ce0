"""Relearning: what the central bank signed and did, as those show it who have it.

Rule: only its own signature makes an issuance or a delta count again, and each is booked once, as it was. What has no
signature is not believed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from ledger_sync.central_bank.books import move
from ledger_sync.central_bank.peers import Act
from ledger_sync.central_bank.ports.books import OUTSTANDING, MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.registry import POOL_SECONDS, Registry
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock
from wallet.protocol.bounds import DAY, MAX_CERTIFICATE_LIFE
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.idempotency import reissue
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.lifetime import listed_until
from wallet.protocol.policy import Baseline, PolicyDelta, PolicyHead, PolicyUpdate

_MOST_MOVEMENTS: Final = 2**32
"""That a backup can lack."""
_TIME_BITS: Final = 20
"""By so many bits a time is moved to be a number: above all that were given before, if there were not 2^20 a second."""
_AHEAD: Final = 2 * DAY
"""Seconds, more than the clock may have been ahead when a number was made of its time (SPEC 5)."""
_log: Final = logging.getLogger(__name__)


class Relearning:
    """Takes what banks show."""

    def __init__(self, storage: Storage, registry: Registry, terms: Terms, clock: Clock) -> None:
        self._storage = storage
        self._registry = registry
        self._terms = terms
        self._clock = clock

    @property
    def policy_version(self) -> int:
        return self._storage.policy.newest()

    def learn_policy(self, update: PolicyUpdate) -> bool:
        """Deltas that this central bank signed and no longer has; whether there were any. Who was revoked is known by
        its id alone until its bank revokes it again. POLICY_GAP, POLICY_SIGNATURE."""
        policy, head = self._storage.policy, update.head
        version = policy.newest()
        fresh = [delta for delta in update.deltas if delta.body.version > version]
        directory = self._registry.directory
        for number, delta in enumerate(fresh, version + 1):
            found = delta.body.version
            require(found == number, Code.POLICY_GAP, have=version, version=found)
            _check(delta, delta.body.time, directory)
            directory = directory.with_changes(delta.body.changes)
        held = policy.head()
        if head is not None and held is not None and held.body.version >= head.body.version:
            head = None
        if head is not None:
            _check(head, head.body.time, directory)
        with self._storage.transaction():
            for delta in fresh:
                since = delta.body.time - POOL_SECONDS  # it counted before it was listed
                end = delta.body.time + MAX_CERTIFICATE_LIFE
                policy.relearn(delta, since, listed_until(end, self._terms.token_life, self._terms.grace))
            if head is not None:
                policy.keep_head(head)
        return bool(fresh)

    def learn_base(self, base: Baseline) -> bool:
        """What all deltas have come to up to a version that this central bank no longer has, of a bank that no longer
        has those deltas; whether it is later than all that is known here. POLICY_SIGNATURE."""
        base.policy(self._registry.signed_alone)  # that it was signed here
        time = base.base.body.time
        leaves = listed_until(time + MAX_CERTIFICATE_LIFE, self._terms.token_life, self._terms.grace)
        return self._storage.policy.begin(base, time, leaves)

    def learn_acts(self, bank: str, acts: Sequence[Act]) -> list[Act]:
        """Book the fundings that are missing, and keep the issuances; what else is missing and has to be asked for:
        redemptions, for only their proof shows by which money theirs are backed.

        Raises ``Refusal``: ISSUANCE_SIGNATURE, FUNDING_MISMATCH.
        """
        unknown = [act for act in acts if not self.is_known(bank, act)]
        for act in unknown:
            if act.issuance is not None:
                self._check(act, act.issuance)
        with self._storage.transaction():
            for act in unknown:
                if act.issuance is not None:
                    self._book(bank, act, act.issuance)
        return [act for act in unknown if act.issuance is None or act.kind != MovementKind.FUNDING]

    def is_known(self, bank: str, act: Act) -> bool:
        """Whether the books have it."""
        match act.kind:
            case MovementKind.FUNDING:
                return self._storage.issuances.find(Cause.FUNDING, act.cause) is not None
            case MovementKind.REDEMPTION:
                return self._storage.returns.redemption(act.cause) is not None
            case _:
                return self._storage.books.is_moved(bank, act.kind, act.cause)

    def _check(self, act: Act, issuance: Signed[Issuance]) -> None:
        check_issuance(issuance, self._registry.directory)
        is_funding = act.kind == MovementKind.FUNDING
        caused = act.cause if is_funding else reissue(act.cause)
        require(issuance.body.funding == caused, Code.FUNDING_MISMATCH)

    def _book(self, bank: str, act: Act, issuance: Signed[Issuance]) -> None:
        is_funding = act.kind == MovementKind.FUNDING
        cause = Cause.FUNDING if is_funding else Cause.REDEMPTION
        is_new = self._storage.issuances.keep(cause, act.cause, bank, issuance)
        if is_funding and is_new:
            body, total = issuance.body, sum(issuance.body.amounts)
            changes = {position(bank): -total, OUTSTANDING: total}
            books = self._storage.books
            move(books, MovementKind.FUNDING, act.cause, body.issued, changes, may_overdraw=True)

    def number_from(self, bank: str, last: int) -> None:
        """No number up to ``last``, which a bank says that it has followed already, is given to it again. What is
        further ahead than any backup is behind is no number that was ever given: numbers would soon be used up.
        CLOCK_UNSURE."""
        books = self._storage.books
        newest = books.last_number(bank)
        is_given = last <= newest + _MOST_MOVEMENTS or last <= (self._clock() + _AHEAD) << _TIME_BITS
        if not is_given:
            facts = {"peer": bank, "number": last, "count": newest}
            _log.error("a bank says that it has followed a movement later than its last", extra=facts)
        elif newest < last:
            books.number_from(bank, last)

    def number_by_time(self, bank: str) -> None:
        """No number is given again to a bank that does not say up to which it has followed, however often that is so
        after one backup. CLOCK_UNSURE."""
        self._storage.books.number_from(bank, self._clock() << _TIME_BITS)


def _check(signed: Signed[PolicyDelta] | Signed[PolicyHead], time: int, directory: Directory) -> None:
    """That this central bank signed it. POLICY_SIGNATURE."""
    keys = directory.keys(Role.POLICY, time)
    require(any(signed.signed_by(key) for key in keys), Code.POLICY_SIGNATURE)
