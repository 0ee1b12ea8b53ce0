"""When an old key may be destroyed: its certificates and requests have expired, grace has passed, nothing is owned
or awaited under it here, and the ledger knows nothing of its own either."""

from __future__ import annotations

from collections.abc import Collection

from wallet.protocol.lifetime import is_over, refundable_before
from wallet.purse.purse import Purse
from wallet.purse.turns import one_at_a_time


@one_at_a_time
class KeyRetirement:
    """Destroys keys."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def candidates(self) -> tuple[bytes, ...]:
        """Old keys that this purse has no more use for; the ledger has the last word."""
        current = self._purse.epochs.current()
        if current is None:
            return ()
        own = sorted(key for key in self._purse.epochs.own() if self._purse.epochs.can_sign(key))
        return tuple(key for key in own if key != current.body.key and self._is_over(key))

    def _is_over(self, key: bytes) -> bool:
        store, now = self._purse.store, self._purse.authority.agreed_time
        grace = self._purse.authority.policy.head.grace
        certificates = self._purse.epochs.certificates_of(key)
        if not certificates or not is_over((item.body.expires for item in certificates), grace, now):
            return False
        over = refundable_before(now, grace)
        needed = (
            store.value("SELECT 1 FROM request WHERE side = 'ours' AND key = ? AND expires >= ?", key, over)
            or store.value(
                "SELECT 1 FROM token t JOIN output o USING (txid, output)"
                " WHERE o.owner = ? AND t.state IN ('held', 'reserved') AND o.expires >= ?",
                key,
                over,
            )
            or store.value("SELECT 1 FROM outgoing WHERE key = ? AND state = 'unsigned'", key)
            or store.value("SELECT 1 FROM funding WHERE owner = ? AND state = 'open'", key)
            or store.value(
                "SELECT 1 FROM incoming WHERE key = ? AND receipt IS NULL AND source = 'payer' AND code IS NOT NULL",
                key,
            )
        )
        return needed is None

    def retire(self, asked: Collection[bytes], listed: Collection[bytes]) -> tuple[bytes, ...]:
        """Destroy those of ``asked`` that are still candidates and not in ``listed``, the keys that the ledger still
        knows money of."""
        over = tuple(key for key in self.candidates() if key in asked and key not in listed)
        for key in over:
            self._purse.epochs.destroy(key)
        return over
