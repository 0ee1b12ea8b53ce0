"""Judges the frozen vectors and nothing else: ``python -m tests.vectors.check``; 1 if one is judged otherwise.

It is what a mutation run asks (docs/mutation.md): no generator, no test of ours, only bytes and what the page says.
"""

from __future__ import annotations

import sys

from tests.support.vectors import frozen, judge
from wallet.protocol.codes import Refusal


def differing() -> str | None:
    """The first vector that is not judged as it says, or None."""
    for name, vector in frozen("invalid"):
        try:
            judge(vector)
        except Refusal as refusal:
            if refusal.code.value == vector["code"]:
                continue
        return name
    for name, vector in frozen("valid"):
        try:
            if judge(vector) == vector["means"]:
                continue
        except Refusal:
            pass
        return name
    return None


if __name__ == "__main__":
    found = differing()
    print(found or "every vector is judged as it says")
    sys.exit(found is not None)
