"""Every transition of a purse, and every place where a test may kill the process.

After each transition's transaction comes ``purse.<transition>.stored`` (durable, the record not yet moved), and
after the record has moved, or need not, ``purse.<transition>.recorded``. The others lie between two durable steps
of one operation; each says in its table row what is then on disk.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Transition(StrEnum):
    """What changes money or intents; each is one journal row."""

    RESERVE = "reserve"
    SIGN = "sign"
    DROP = "drop"
    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    REFUSE = "refuse"
    REDEEM = "redeem"
    REDEEM_SIGNED = "redeem_signed"
    REDEEMED = "redeemed"
    FUND = "fund"
    FUNDED = "funded"
    FUNDING_DROPPED = "funding_dropped"
    ANSWER = "answer"
    DELIVER = "deliver"
    EXPIRE = "expire"
    ROLLBACK = "rollback"
    RESUME = "resume"


RECORDED_LATER: Final = frozenset({Transition.ACKNOWLEDGE, Transition.ACCEPT})
"""Transitions that the record need not follow at once: it follows with the next one, or when the purse is closed or
opened. Nothing that a purse signs depends on them: an older copy that has forgotten one has signed nothing since
(all that signs moves the record, and an intent before it), would receive or show the same again, and the ledger
delivers what it lacks."""

BETWEEN: Final = {
    "purse.sign.signed": "signatures made in the keystore, none stored: the intent is still reserved",
    "purse.shown.stored": "the payment is marked as shown",
    "purse.request.signed": "a request is signed, not stored: it never leaves",
    "purse.request.stored": "a request is stored, not yet handed out",
    "purse.policy.stored": "a newer policy is stored",
    "purse.receipt.signed": "a receipt is signed, not stored, nor is what it accepts: a repeat signs it again",
    "purse.receipt.stored": "the receipt is stored, not yet handed out",
    "purse.redeem.signed": "a redemption is signed, not stored: opening signs the stored body again",
    "purse.epoch.begun": "the new key's alias is stored, there is no key yet",
    "purse.epoch.created": "the key is in the keystore, its public key not in the store",
    "purse.epoch.made": "the public key is stored, there is no certificate yet",
    "purse.epoch.certified": "the certificate is stored",
    "purse.retire.marked": "a key is marked for destruction",
    "purse.retire.destroyed": "the key is destroyed, the store does not say so yet",
}

_WITHOUT_CONTEXT: Final = (Transition.ROLLBACK,)
"""Made by opening itself, where killing again only repeats it."""


def failpoints() -> tuple[str, ...]:
    """Every name that ``hsm.failpoint`` may be given for a purse."""
    steps = [item for item in Transition if item not in _WITHOUT_CONTEXT]
    return tuple(f"purse.{item}.{step}" for item in steps for step in ("stored", "recorded")) + tuple(BETWEEN)
