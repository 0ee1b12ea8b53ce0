"""What counts against the purse's balance limit: the one place that gathers it, for asking, funding and receiving."""

from __future__ import annotations

from typing import Final

from wallet.protocol.limits import Commitments
from wallet.purse.purse import Purse

IS_CANCELLED: Final = "EXISTS (SELECT 1 FROM cancelled WHERE cancelled.request = ref)"
IS_OPEN: Final = (
    "side = 'ours' AND use = 'once' AND expires >= ?"
    " AND NOT EXISTS (SELECT 1 FROM incoming i WHERE i.request = ref AND i.code IS NULL)"
    f" AND NOT {IS_CANCELLED}"
)
"""Of a request with a nonce that may still be answered; takes the time now."""


def commitments(purse: Purse, without: bytes = b"") -> Commitments:
    """Everything held, asked for and being funded; ``without`` the request of this ref (16 bytes), if one is named."""
    requests = purse.store.value(
        f"SELECT coalesce(sum(amount), 0) FROM request WHERE {IS_OPEN} AND ref <> ?",
        purse.now(),
        without,
    )
    fundings = purse.store.value("SELECT coalesce(sum(amount), 0) FROM funding WHERE state = 'open'")
    return Commitments(held=purse.tokens.holding(), requests=int(requests), fundings=int(fundings))
