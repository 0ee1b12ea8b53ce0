"""The storage: everything that a central bank keeps, behind its ports.

Rule: what a transaction wrote is durable before anybody hears of it. Inside one, nothing is signed, verified or asked
of others: that happens between reading and the one conditional write, which begins again from the reading where its
condition no longer holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ledger_sync.central_bank.ports.books import Books
from ledger_sync.central_bank.ports.claims import Claims
from ledger_sync.central_bank.ports.directories import DirectoryForms
from ledger_sync.central_bank.ports.issuances import Issuances
from ledger_sync.central_bank.ports.policy import PolicyLog
from ledger_sync.central_bank.ports.questions import Questions
from ledger_sync.central_bank.ports.returns import Returns
from ledger_sync.central_bank.ports.winners import Winners
from ledger_sync.service.waiting import Waiting


class Storage(Protocol):
    """The ports of one central bank, upon one store. A process opens one; others may write to it meanwhile."""

    @property
    def books(self) -> Books: ...

    @property
    def issuances(self) -> Issuances: ...

    @property
    def returns(self) -> Returns: ...

    @property
    def winners(self) -> Winners: ...

    @property
    def questions(self) -> Questions: ...

    @property
    def claims(self) -> Claims: ...

    @property
    def policy(self) -> PolicyLog: ...

    @property
    def directories(self) -> DirectoryForms: ...

    def transaction(self) -> AbstractContextManager[None]:
        """A block whose writes, through whichever port, stand all when it ends, and none when it raises; while it lasts
        no other writer changes what it reads. What is read outside waits for no writer."""

    def waiting(self) -> Sequence[Waiting]:
        """What waits here, by kind and bank; for the figures."""

    def close(self) -> None: ...
