"""Wallet ids: which customer each pseudonym belongs to, and which are revoked. Only this bank can link them.

Rule: revoking a customer lists every wallet id of its that has not expired; evidence of a contradiction outweighs
every other reason. What is listed here are this bank's own wallet ids; in a policy each stands under the revocation
id that it has as this bank's.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.ports.revocations import Case
from ledger_sync.bank.ports.wallets import Certified, Holder
from ledger_sync.bank.terms import MAX_LOSSES_A_DAY
from ledger_sync.possession import Possession
from wallet.protocol.bounds import DAY
from wallet.protocol.certificate import Certificate, revocation_id
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason

_log: Final = logging.getLogger(__name__)


class Wallets:
    """The keys this bank has certified."""

    def __init__(self, context: BankContext, work: JobQueue) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._register = context.storage.wallets
        self._revocations = context.storage.revocations
        self._work = work

    def learn(self, signed: Signed[Certificate]) -> None:
        """A certificate of this bank's own that came from others: put back from a backup, the bank has forgotten that
        it gave it. What its wallet id signed counts for whom the key was certified for besides, if for anybody. The
        policy that went with it is not known any more, so that only the certificate's own limits are held to."""
        holder = self._register.holder(signed.body.key)
        if signed.body.bank == self._context.bank and holder is not None:
            self._register.learn(certified(signed, holder))

    def customer_of(self, key: bytes) -> str | None:
        """The account whose wallet ``key`` was certified for."""
        holder = self._register.holder(key)
        return None if holder is None else holder.account

    def holders(self, keys: Collection[bytes]) -> Mapping[bytes, Holder]:
        """Of those of these keys that are customers': the account, and the device whose purse has the key. Sequence
        numbers count over all keys of one purse."""
        return self._register.holders(keys)

    def possession(self, key: bytes) -> Possession:
        """What shows others that this bank speaks for ``key``. KEY_INVALID where it does not."""
        return self._shown(self._register.possession(key))

    def possession_under(self, certificate: Signed[Certificate]) -> Possession:
        """As `possession`, with this very certificate of its own."""
        return self._shown(self._register.possession(certificate.body.key, certificate.id))

    def _shown(self, possession: Possession | None) -> Possession:
        if possession is None:
            raise Refusal(Code.KEY_INVALID, {"bank": self._context.bank})
        return possession

    def unexpired(self, account: str, but_of: bytes = b"") -> Sequence[bytes]:
        """Wallet ids of ``account`` that have not expired, ``but_of`` one device's."""
        return self._register.unexpired(account, self._context.clock(), but_of)

    def revoke(
        self,
        account: str,
        reason: Reason,
        evidence: bytes | None = None,
        named: bytes | None = None,
        but_of: bytes = b"",
    ) -> None:
        """Have all unexpired wallet ids of ``account``, ``but_of`` one device's, revoked at the central bank, as soon
        as it can be reached; and the one that ``evidence`` has ``named``, expired or not, so that no proof comes too
        late to count."""
        with self._unit.transaction():
            meant = dict.fromkeys([*self.unexpired(account, but_of), *([named] if named else [])])
            fresh = [wallet for wallet in meant if self._outweighs(wallet, reason)]
            for wallet in fresh:
                self._revocations.add(wallet, account, reason, evidence, self._context.clock())
            if fresh:
                _log.warning("wallets are revoked", extra={"cause": reason.name.lower(), "count": len(fresh)})
                self._work.again(Job(JobKind.REVOKE, "", Case(evidence, account).name))

    def report_loss(self, account: str, but_of: bytes = b"") -> None:
        """Revoke what the account's devices, ``but_of`` one, hold certificates for. TOO_MANY: so many losses in a day
        had wallets revoked already; where there is nothing new to revoke, it is no other."""
        with self._unit.transaction():
            is_news = any(self._outweighs(wallet, Reason.LOST) for wallet in self.unexpired(account, but_of))
            count = self._revocations.count_losses(account, self._context.clock() - DAY)
            require(
                not is_news or count < MAX_LOSSES_A_DAY, Code.TOO_MANY, count=count, limit=MAX_LOSSES_A_DAY
            )
            self.revoke(account, Reason.LOST, but_of=but_of)

    def is_named(self, wallet: bytes) -> bool:
        """Whether a contradiction of this wallet is known already."""
        return Reason.CONFLICT in self._revocations.reasons(wallet)

    def _outweighs(self, wallet: bytes, reason: Reason) -> bool:
        known = self._revocations.reasons(wallet)
        return not known or (reason is Reason.CONFLICT and Reason.CONFLICT not in known)

    def is_revoked(self, account: str, *reasons: Reason) -> bool:
        """Whether an id of ``account`` is revoked for one of ``reasons`` (any, where none is named), by what this bank
        remembers or by the policy: put back from a backup, it may have forgotten what it had listed there."""
        policy = self._context.trust.policy
        listed, known = policy.revoked, policy.version
        wanted = reasons or tuple(Reason)
        if any(listed.get(self._listed_as(wallet)) in wanted for wallet in self.unexpired(account)):
            return True
        return any(
            one.reason in wanted
            and (one.version is None or one.version > known or self._listed_as(one.wallet) in listed)
            for one in self._revocations.of_account(account)
        )

    def is_barred(self, wallet: bytes) -> bool:
        """Whether this id of the bank's is revoked here, or by the policy."""
        return self.is_revoked_here(wallet) or self._listed_as(wallet) in self._context.trust.policy.revoked

    def is_revoked_here(self, wallet: bytes) -> bool:
        """Whether this bank has revoked this id of its own, for whatever reason."""
        return bool(self._revocations.reasons(wallet))

    def _listed_as(self, wallet: bytes) -> bytes:
        return revocation_id(self._context.bank, wallet)


def certified(signed: Signed[Certificate], holder: Holder, policy: int | None = None) -> Certified:
    """The wallet id of a certificate of this bank's."""
    body = signed.body
    return Certified(body.wallet, body.key, holder, signed.id, body.issued, body.expires, policy)
