"""The event hub: every part of a bank node hears of what came in and what was answered.

Rule: it hears inside the transaction in which that happens, so that nothing comes of what does not stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ledger_sync.bank.jobs.relays import Relays
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.redemption.redemptions import Redemptions
from ledger_sync.bank.settlement.deliveries import AccountFeed
from ledger_sync.bank.settlement.settler import Settler
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.bank.wallets.wallets import Wallets
from ledger_sync.service.metrics import Metrics
from ledger_sync.settling.values import Outcome
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.transfer import Transfer


class EventHub:
    """Tells every part."""

    def __init__(self, objects: Archive, metrics: Metrics) -> None:
        self.objects = objects
        self._metrics = metrics
        self.wallets: Wallets
        self.relays: Relays
        self.watch: ForkWatch
        self.settler: Settler
        self.deliveries: AccountFeed
        self.redemptions: Redemptions

    def certificate_came(self, signed: Signed[Certificate]) -> None:
        self.wallets.learn(signed)
        self.relays.certificate_came(signed)
        self.settler.certificate_came(signed)

    def issuance_came(self, signed: Signed[Issuance]) -> None:
        self.deliveries.issuance_came(signed)

    def signatures_came(self, copies: Sequence[tuple[Signed[Transfer], bytes]]) -> None:
        for transfer, signer in copies:
            self.relays.signature_came(transfer, signer)
        self.watch.signatures_came(copies)
        self.settler.payloads_came([transfer.id for transfer, _ in copies])

    def refused(self, txid: bytes, code: Code) -> None:
        self.settler.refused(txid, code)

    def answered(
        self, transfers: Sequence[tuple[Signed[Transfer], bytes, Outcome]], *, are_news: bool = False
    ) -> None:
        self.deliveries.settled([(transfer, signer) for transfer, signer, _ in transfers], are_news=are_news)
        for verdict, count in Counter(outcome.verdict for _, _, outcome in transfers).items():
            self._metrics.verdict(verdict.name.lower(), count)
        for transfer, signer, outcome in transfers:
            if transfer.body.redemption is not None:
                self.redemptions.settled(transfer, signer, outcome.values[0])
