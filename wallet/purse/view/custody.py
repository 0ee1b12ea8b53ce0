"""Through whose hands the money of an event of history went. Reads the purse; changes nothing."""

from __future__ import annotations

from wallet.purse.purse import Purse
from wallet.purse.store.incoming import Incoming
from wallet.purse.view.balance import ChainLink, PurseView
from wallet.purse.view.history import Event, EventKind


class CustodyChain:
    """Follows the most worn token of an event."""

    def __init__(self, purse: Purse, reading: PurseView) -> None:
        self._purse = purse
        self._reading = reading
        self._incoming = Incoming(purse.store)

    def chain_of(self, event: Event) -> tuple[ChainLink, ...]:
        """Issuance first; empty where nothing was signed or has come yet."""
        objects = self._purse.objects
        firsts = [objects.outputs(txid)[:1] for txid in self._made_by(event) if objects.has(txid)]
        tokens = [token for first in firsts for token in first]
        if not tokens:
            return ()
        return self._reading.chain(max(tokens, key=lambda token: (token.hop, token.amount)).ref)

    def _made_by(self, event: Event) -> tuple[bytes, ...]:
        """The transactions that the event is about."""
        match event.kind:
            case EventKind.PAID:
                return self._purse.outgoing.of_payment(event.id) or (event.id,)
            case EventKind.RECEIVED | EventKind.REFUSED:
                return self._incoming.txids(event.id)
            case EventKind.FUNDED:
                return self._issued(event.id)
            case EventKind.REFRESHED | EventKind.DEFUNDED | EventKind.LOST:
                return (event.id,)
            case EventKind.EXPIRED:
                return ()

    def _issued(self, funding: bytes) -> tuple[bytes, ...]:
        rows = self._purse.store.rows("SELECT id FROM object WHERE kind = 'issuance'")
        found = (row["id"] for row in rows)
        return tuple(txid for txid in found if self._purse.objects.issuance(txid).body.funding == funding)

    def own_wallets(self) -> frozenset[bytes]:
        """The wallet ids of all certificates of own keys."""
        objects, epochs = self._purse.objects, self._purse.epochs
        return frozenset(item.body.wallet for key in epochs.own() for item in objects.certificates_of(key))
