"""The two flows of a payment, ready to be driven by taps, codes or commands: what stands, what to ask, what came."""

from wallet.flow.paying import PayFlow, PayStatus
from wallet.flow.receiving import Came, ReceiveFlow, ReceiveStatus

__all__ = ["Came", "PayFlow", "PayStatus", "ReceiveFlow", "ReceiveStatus"]
