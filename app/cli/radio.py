"""Which device taps go through: `--device`, else QALTA_NFC, else whatever is there; and what is said where it fails.

Rule: the simulated devices (`udp:`, `vpcd:`) are for developers and need QALTA_DEVELOPER=1.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.terminal.status import MissingPart
from app.wallets.offline import NETWORK
from wallet.transport.nfc import DeviceError

if TYPE_CHECKING:
    from wallet.flow.holding import Holding

CARD, READER = "card", "reader"


@contextmanager
def radio(side: str, name: str | None) -> Iterator[Callable[[Holding], None]]:
    """What holds the device ``name`` (as typed) as CARD or READER. MissingPart where it cannot be, or stops working."""
    from wallet.transport.nfc.devices import AUTO, open_card, open_reader

    chosen = name or os.environ.get("QALTA_NFC") or AUTO
    developer = os.environ.get("QALTA_DEVELOPER") == "1"
    with NETWORK.radio_over_loopback(developer and chosen.startswith("udp:")):
        try:
            if side == CARD:
                card = open_card(chosen, developer=developer)
                yield lambda holding: holding.as_card(card)
            else:
                reader = open_reader(chosen, developer=developer)
                yield lambda holding: holding.as_reader(reader)
        except DeviceError as error:
            raise MissingPart(f"nfc.trouble_{error.trouble.value}", device=error.device) from error
