"""Limits: what a wallet may hold and hand on offline, one rule each for payer, payee and bank.

Rule: of certificate and policy the lower limit applies, one by one (SPEC 8.4). A payee judges by the policy it holds,
a bank by the policies that the wallet can have held; both call ``check_payer``. Against the balance limit counts what
is held and all that was asked for and may still come: there is one sum of it, ``Commitments``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from wallet.protocol.bounds import DAY, MAX_HOP
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.codes import Code, require
from wallet.protocol.transfer import Transfer


def effective(certificate: Certificate, policy: Limits | None) -> Limits:
    """The limits a wallet has under ``certificate`` while ``policy`` are those of the newest policy head, None where
    there is none."""
    return certificate.limits if policy is None else certificate.limits.lower(policy)


# what may be paid


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """One transfer to another key, as its signer's limits see it.

    ``paid``: tiyn of the whole payment it belongs to. ``transfer``: its body. ``hop``: of its output 0, None where
    that is not known. ``time``: unix seconds, the latest moment that counts as the time of paying.
    """

    paid: int
    transfer: Transfer
    hop: int | None
    time: int


def check_payer(certificate: Certificate, limits: Limits, spending: Spending) -> None:
    """That a transfer keeps its signer's limits, in the order of SPEC 8.4.12 to 8.4.16.

    Raises ``Refusal``: LIMIT_PAYMENT, TOTAL_INCONSISTENT, LIMIT_TOTAL, LIMIT_HOPS, LIMIT_DAYS.
    """
    check_payment(limits, spending.paid)
    check_total(certificate, limits, spending.transfer.amount, spending.transfer.total)
    if spending.hop is not None:
        check_hop(limits, spending.hop)
    check_days(certificate, limits, spending.time)


def check_payment(limits: Limits, paid: int) -> None:
    """That ``paid`` tiyn may go at once. LIMIT_PAYMENT."""
    require(paid <= limits.payment, Code.LIMIT_PAYMENT, paid=paid, limit=limits.payment)  # 8.4.12


def check_total(certificate: Certificate, limits: Limits, amount: int, total: int) -> None:
    """That the running total ``total``, which counts ``amount``, is within its limit since ``certificate``.

    Raises ``Refusal``: TOTAL_INCONSISTENT, LIMIT_TOTAL.
    """
    since = total - certificate.total
    require(since >= amount, Code.TOTAL_INCONSISTENT, total=since, paid=amount)  # 8.4.13
    require(since <= limits.total, Code.LIMIT_TOTAL, total=since, limit=limits.total)  # 8.4.14


def total_left(certificate: Certificate, limits: Limits, total: int) -> int:
    """Tiyn that may still be paid under ``certificate``, at the running total ``total``."""
    return max(0, limits.total - (total - certificate.total))


def check_totals_rise(newest: Iterable[Transfer]) -> None:
    """One purse signed them: each has a number of its own and adds its amount to the total before it.
    TOTAL_INCONSISTENT."""
    counted = sorted(newest, key=lambda body: body.sequence)
    for before, after in pairwise(counted):
        rises = after.sequence > before.sequence and after.total >= before.total + after.amount
        require(rises, Code.TOTAL_INCONSISTENT, total=after.total, paid=after.amount)  # 8.4.13


def check_hop(limits: Limits, hop: int) -> None:
    """That an output at ``hop`` may be paid to. LIMIT_HOPS."""
    require(hop <= limits.hops, Code.LIMIT_HOPS, hop=hop, limit=limits.hops)  # 8.4.15


def hops_left(limits: Limits, hop: int) -> int:
    """How often a token at ``hop`` may still change hands, as far as these limits and the protocol go."""
    return max(0, min(limits.hops, MAX_HOP) - hop)


def last_day(certificate: Certificate, limits: Limits) -> int:
    """Until when a wallet that has not reconciled may pay, unix seconds."""
    return certificate.issued + limits.days * DAY


def check_days(certificate: Certificate, limits: Limits, time: int) -> None:
    """That the wallet reconciled recently enough to pay offline at ``time``. LIMIT_DAYS."""
    last = last_day(certificate, limits)
    require(time <= last, Code.LIMIT_DAYS, time=time, until=last, days=limits.days)  # 8.4.16


# what may be held


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """Amounts that count against a wallet's balance limit, in tiyn: ``held`` unspent, under an intent or not;
    ``requests`` with a nonce that may still be answered; ``fundings`` that were begun and have not come."""

    held: int = 0
    requests: int = 0
    fundings: int = 0

    @property
    def total(self) -> int:
        """Sum of all three, in tiyn."""
        return self.held + self.requests + self.fundings


def check_balance(limits: Limits, commitments: Commitments, coming: int) -> None:
    """That ``coming`` tiyn more fit under the balance limit. LIMIT_BALANCE, with what open requests hold if they do."""
    counted = commitments.total + coming
    asked = {"requests": commitments.requests} if commitments.requests else {}
    require(
        counted <= limits.balance, Code.LIMIT_BALANCE, held=counted, limit=limits.balance, **asked
    )  # 8.4.21


def excess(limits: Limits, held: int) -> int:
    """Tiyn held above the balance limit: what the ledger delivers is never refused for it, and is defunded."""
    return max(0, held - limits.balance)
