"""Who the other side is, as a screen names it."""

from __future__ import annotations

from app.presenters.views.common import Counterparty
from wallet.protocol.certificate import Certificate, WalletKind


def party_of(certificate: Certificate) -> Counterparty:
    is_merchant = certificate.kind is WalletKind.MERCHANT
    return Counterparty(
        certificate.name if is_merchant else "",
        certificate.wallet,
        certificate.bank,
        is_merchant,
        certificate.category or 0,
    )
