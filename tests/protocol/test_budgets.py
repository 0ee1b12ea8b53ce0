"""What a token costs in bytes as it is handed on: one input, payee and change, no memo or mark, no policy.

``python -m pytest -s tests/protocol/test_budgets.py`` prints the table.
"""

from __future__ import annotations

from itertools import pairwise

from tests.support.deals import chain
from wallet.protocol.bounds import MAX_HOP, MAX_PAYMENT_BYTES

FIRST, FURTHER, ALL = 620, 400, 6_200


def test_bytes_per_hop() -> None:
    sizes = [len(chain(hops).payment.encode()) for hops in range(1, MAX_HOP + 1)]
    print("\nhop   bytes   more")
    print(f"  1 {sizes[0]:7}")
    for hop, (before, after) in enumerate(pairwise(sizes), start=2):
        print(f"{hop:3} {after:7} {after - before:6}")
    assert sizes[0] <= FIRST
    assert max(after - before for before, after in pairwise(sizes)) <= FURTHER
    assert sizes[-1] <= ALL <= MAX_PAYMENT_BYTES


def test_the_budget_is_met_by_large_amounts_and_long_bank_names_too() -> None:
    """Every number of the chain at 2^32 or above takes nine bytes."""
    made = chain(1, amount=2**52, face=2**53 - 1 - 885_000)
    assert len(made.payment.encode()) <= FIRST
