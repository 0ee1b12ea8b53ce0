"""What time it is, asked of two services: the central bank's policy head, and the own bank's word for this question.

Both are signed, and both can be asked for whatever the device's clock says. A wallet that is not believed by its bank
asks them, and goes on with calls that are dated by what they say (`wallet.purse.sync.dating`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from ledger_sync.client.bank import BankClient
from wallet.protocol.bounds import NONCE_BYTES
from wallet.purse.sync.reconciling import Reconciling
from wallet.wallet import Wallet

ROUNDS: Final = 1_000
"""Answers to one question that comes in parts: more than any bank has, and an end if it never stops."""


def keep_time(wallet: Wallet, bank: BankClient, random: Callable[[int], bytes] = os.urandom) -> None:
    """Have the bank's calls dated rightly from now on. Its line must take its time from ``wallet.dating.now``."""
    bank.keep_time(lambda: ask_time(wallet, bank, random))


def ask_time(wallet: Wallet, bank: BankClient, random: Callable[[int], bytes] = os.urandom) -> None:
    """Hear central bank and bank. Raises ``Refusal``: those of ``Dating.take``, UNREACHABLE, and what is wrong with the
    policy."""
    take_policy(wallet.reconciling, bank)
    nonce = random(NONCE_BYTES)
    wallet.dating.take(bank.time_word(nonce), bank.bank, nonce)


def take_policy(purse: Reconciling, bank: BankClient) -> None:
    """All of the policy that is newer, and its head; from the bank's base on, where the deltas that follow on what is
    held are no longer kept."""
    for _ in range(ROUNDS):
        update = bank.policy(purse.policy_version)
        if update.says_nothing:
            base = bank.base()
            if base is None or not purse.take_base(base):
                return
        elif not purse.take_policy(None, update) or update.head is not None:
            return
