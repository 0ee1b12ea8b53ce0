"""The archive: what was uploaded or passed on, kept as it came and looked up by the ids of payloads, and what follows.

Each kind of object has its port; what leaves with an object leaves by its port.
"""

from __future__ import annotations

from typing import Protocol

from ledger_sync.bank.ports.pending import Pending
from ledger_sync.bank.ports.received import Certificates, Issuances, Requests
from ledger_sync.bank.ports.shares import Refused, Shares, Waiting
from ledger_sync.bank.ports.tokens import Statements, Tokens, Unspent
from ledger_sync.bank.ports.transfers import Transfers
from wallet.protocol.weight import Weight


class Archive(Protocol):
    """The archive of one bank, by parts. What one part writes the others see within the same transaction."""

    @property
    def certificates(self) -> Certificates: ...

    @property
    def issuances(self) -> Issuances: ...

    @property
    def requests(self) -> Requests: ...

    @property
    def transfers(self) -> Transfers: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def unspent(self) -> Unspent: ...

    @property
    def statements(self) -> Statements: ...

    @property
    def pending(self) -> Pending: ...

    @property
    def waiting(self) -> Waiting: ...

    @property
    def refused(self) -> Refused: ...

    @property
    def shares(self) -> Shares: ...

    def weight(self, txid: bytes) -> Weight:
        """What a transfer and all that it descends from weigh, each once."""
