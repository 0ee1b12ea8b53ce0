"""The terms on which the central bank issues: how long tokens live, what wallets may do, how long it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from wallet.protocol.bounds import DAY, MAX_TOKEN_LIFE
from wallet.protocol.certificate import Limits

LIMITS: Final = Limits(balance=500_000_000, payment=50_000_000, total=1_000_000_000, hops=15, days=30)


@dataclass(frozen=True, slots=True)
class Terms:
    """In seconds: `token_life` from issuance to expiry; `grace` after it; `head_age` after which the policy's head
    is signed anew; `challenge_wait` that a bank has to be reached when challenged.

    `ValueError`: tokens that no reader would take."""

    limits: Limits = LIMITS
    token_life: int = 90 * DAY
    grace: int = 30 * DAY
    head_age: int = 60
    challenge_wait: int = DAY

    def __post_init__(self) -> None:
        if not 0 <= self.token_life <= MAX_TOKEN_LIFE:
            raise ValueError(f"token_life: {self.token_life} seconds, and at most {MAX_TOKEN_LIFE} are valid")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From the settings file: seconds by name, and `limits` as a mapping of all five."""
        given = dict(settings)
        if "limits" in given:
            given["limits"] = Limits(**given["limits"])
        return cls(**given)
