"""The account, asked for once money has moved.

Rule: what was done is done; that the bank cannot be asked any more, that the call for it cannot be signed, or Ctrl-C
meanwhile, makes no refusal of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalogue.written import written_amount
from app.cli.context import Context
from app.cli.interrupts import INTERRUPTS
from hsm.keystore import KeystoreError
from wallet.protocol.codes import Refusal

if TYPE_CHECKING:
    from ledger_sync.client.bank import BankClient


def account_afterwards(bank: BankClient) -> int | None:
    """Tiyn on it, or None where they cannot be known now. From here on Ctrl-C ends nothing."""
    try:
        return bank.account().balance
    except (Refusal, KeystoreError, KeyboardInterrupt):
        return None
    finally:
        INTERRUPTS.settled()


def tell_account(account: int | None, context: Context) -> None:
    if account is not None:
        context.show.say("money.account", amount=written_amount(account))
    context.show.result(account=account)
