"""The storage: everything that one bank keeps, behind its ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ledger_sync.bank.ports.accounts import Accounts
from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.caused import Caused
from ledger_sync.bank.ports.compensations import Compensations
from ledger_sync.bank.ports.conflicts import Conflicts
from ledger_sync.bank.ports.customers import CustomerRegister
from ledger_sync.bank.ports.feed import Feed
from ledger_sync.bank.ports.fundings import Fundings
from ledger_sync.bank.ports.jobs import Jobs
from ledger_sync.bank.ports.movements import MovementRecord
from ledger_sync.bank.ports.plain import PlainUploads
from ledger_sync.bank.ports.recipients import Recipients
from ledger_sync.bank.ports.redemptions import Redemptions
from ledger_sync.bank.ports.refunds import Refunds
from ledger_sync.bank.ports.revocations import Revocations
from ledger_sync.bank.ports.settlements import Settlements
from ledger_sync.bank.ports.signing_history import SigningHistory
from ledger_sync.bank.ports.unit import UnitOfWork
from ledger_sync.bank.ports.wallets import WalletRegister
from ledger_sync.service.waiting import Waiting


class Storage(Protocol):
    """The ports of one bank, upon one store. A process opens one; others may write to the same store meanwhile."""

    @property
    def unit(self) -> UnitOfWork: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def customers(self) -> CustomerRegister: ...

    @property
    def fundings(self) -> Fundings: ...

    @property
    def movements(self) -> MovementRecord: ...

    @property
    def wallets(self) -> WalletRegister: ...

    @property
    def revocations(self) -> Revocations: ...

    @property
    def signing_history(self) -> SigningHistory: ...

    @property
    def settlements(self) -> Settlements: ...

    @property
    def conflicts(self) -> Conflicts: ...

    @property
    def jobs(self) -> Jobs: ...

    @property
    def caused(self) -> Caused: ...

    @property
    def compensations(self) -> Compensations: ...

    @property
    def redemptions(self) -> Redemptions: ...

    @property
    def refunds(self) -> Refunds: ...

    @property
    def feed(self) -> Feed: ...

    @property
    def archive(self) -> Archive: ...

    @property
    def plain(self) -> PlainUploads: ...

    @property
    def recipients(self) -> Recipients: ...

    def waiting(self) -> Sequence[Waiting]:
        """Everything that waits here, by kind and partner; for the figures."""

    def close(self) -> None: ...
