"""Lifetimes: until when money, certificates and keys are good for what. Times in unix seconds, ends inclusive.

    spent        until the token and its signer's certificate expire
    redeemed     until the token's expiry plus the policy's grace
    refunded     from the moment it can be redeemed no more
    destroyed    a key, once its certificates, requests and tokens can be refunded
    unlisted     a revocation, once every token that its wallet can have signed for can be refunded

Rule: "good until t" includes t, and what follows on it begins after t, so that no moment belongs to both or to none.
Where the notary's first commit decides (refund or transfer), it does; a clock only says when to ask.
"""

from __future__ import annotations

from collections.abc import Iterable


def is_good(now: int, *ends: int) -> bool:
    """Whether something with these ends is still good: a token or certificate to spend by, a request to answer."""
    return now <= min(ends)


def redeem_until(expires: int, grace: int) -> int:
    """The last moment in which what expires at ``expires`` can be redeemed."""
    return expires + grace


def is_redeemable(expires: int, grace: int, now: int) -> bool:
    """Whether a token that expires at ``expires`` can still be redeemed."""
    return now <= redeem_until(expires, grace)


def is_refundable(expires: int, grace: int, now: int) -> bool:
    """Whether a token's time is over for its holder, so that its bank has it refunded."""
    return not is_redeemable(expires, grace, now)


def refundable_before(now: int, grace: int) -> int:
    """What expires before this is refundable: `is_refundable` for a search by expiry."""
    return now - grace


def is_over(ends: Iterable[int], grace: int, now: int) -> bool:
    """Whether nothing with one of these ends can matter any more; a key may then be destroyed."""
    return all(is_refundable(end, grace, now) for end in ends)


def listed_until(certificate_expires: int, token_life: int, grace: int) -> int:
    """The last moment in which a revoked wallet's id must stand in the policy: a token that was issued at its
    certificate's end can be redeemed until then."""
    return redeem_until(certificate_expires + token_life, grace)
