"""How two wallets talk: sans-IO payer and payee machines; time and the purse passed in.

Request → payment → receipt over any carrier. Rule: nothing here reads a clock, opens a file or knows a transport.
"""

from wallet.session.errors import LocalError
from wallet.session.framing import Deframer, frame
from wallet.session.payee import Payee
from wallet.session.payee_table import PayeeState
from wallet.session.payer import Payer
from wallet.session.payer_table import Money, PayerState
from wallet.session.table import Waiting

__all__ = [
    "Deframer",
    "LocalError",
    "Money",
    "Payee",
    "PayeeState",
    "Payer",
    "PayerState",
    "Waiting",
    "frame",
]
