"""The bank's own terms: what a person's and a merchant's wallet may do, and what one customer may ask of the node.

Amounts in tiyn, times in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from wallet.protocol.bounds import DAY, MAX_CERTIFICATE_LIFE
from wallet.protocol.certificate import Limits, WalletKind

MAX_OPEN_FUNDINGS: Final = 16
"""Fundings of one customer that are not finished."""
MAX_REFUSED_FUNDINGS: Final = 64
"""Refused fundings of one customer that are remembered although nothing was debited."""
MAX_POSSESSIONS: Final = 256
"""Keys of one device in one answer."""
MAX_DEVICES: Final = 8
"""Open devices of one customer."""
MAX_LOSSES_A_DAY: Final = 8
"""Losses that one customer may report in a day: each has wallets listed in the policy that everybody carries."""
MAX_ASKED: Final = 64
"""Transfers in one question for verdicts."""
CODE_BYTES: Final = 10
"""Of chance in an enrolment code."""

_PERSON: Final = Limits(50_000_000, 20_000_000, 100_000_000, 15, 30)
_MERCHANT: Final = Limits(500_000_000, 50_000_000, 1_000_000_000, 15, 30)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of one uploader is kept before anybody has paid for it, and how much fits into one answer.

    ``waiting``: transfers without verdict; ``claims``: signatures of unknown signers; ``requests``: payment requests
    that nothing has answered; ``refused``: transfers that are refused for ever. A bank passes on what many customers
    brought: its shares are ``relays`` times as large.
    ``wallets``: unexpired wallet ids of one device, twice as many as a new one each day makes; all of a customer's are
    listed when it is revoked. ``rows``: bytes of rows in one answer, what is over is answered as waiting and asked for
    again; ``delivered``: bytes of objects in one delivery, unless a single one needs more.
    ``opened``: objects of a key that one transaction opens for a bank that has certified it.
    """

    waiting: int = 4_096
    claims: int = 1_024
    requests: int = 8_192
    refused: int = 4_096
    relays: int = 16
    wallets: int = 128
    rows: int = 400_000
    delivered: int = 163_840
    opened: int = 256


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits for each kind of wallet; a certificate is good for ``validity`` seconds. ``patience``: seconds that a
    transfer waits for its provenance here, longer than a token lives and can be redeemed after that, and for which one
    that is refused is kept. ``recalling``:
    seconds after a start for which what is not here may have been forgotten (`StartupGrace`). ``fundings``: of one
    customer in a day: each makes rows here and at the central bank for good, and costs who defunds again nothing.

    ``ValueError``: certificates that no reader would take.
    """

    person: Limits = _PERSON
    merchant: Limits = _MERCHANT
    validity: int = 60 * DAY
    patience: int = 180 * DAY
    recalling: int = DAY
    fundings: int = 200
    capacity: Capacity = Capacity()

    def __post_init__(self) -> None:
        if not 0 <= self.validity <= MAX_CERTIFICATE_LIFE:
            raise ValueError(
                f"validity: {self.validity} seconds, and at most {MAX_CERTIFICATE_LIFE} are valid"
            )

    def limits(self, kind: WalletKind) -> Limits:
        return self.merchant if kind is WalletKind.MERCHANT else self.person

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From the settings file: ``validity`` in seconds, ``person`` and ``merchant`` as mappings of all limits,
        ``capacity`` of what is not as usual."""
        given = dict(settings)
        for kind in ("person", "merchant"):
            if kind in given:
                given[kind] = Limits(**given[kind])
        given["capacity"] = Capacity(**given.get("capacity", {}))
        return cls(**given)
