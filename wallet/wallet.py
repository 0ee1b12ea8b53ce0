"""One wallet: a purse in a folder or in memory, its keys in a keystore, and the parts that people use.

Opening never needs the network. It settles the record, finishes what a crash left half done, and drops intents
that were never signed and whose request has expired.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from hsm.keystore import Keystore
from wallet.protocol.evidence import Evidence
from wallet.protocol.transfer import TokenRef
from wallet.purse.contacts import Contacts
from wallet.purse.evidences import Evidences
from wallet.purse.pay.paying import Paying
from wallet.purse.purse import Clock, Purse, Random
from wallet.purse.receive.receiving import Receiving
from wallet.purse.receive.requests import Requests
from wallet.purse.store.journal import PurseState
from wallet.purse.store.memory import MemoryHome
from wallet.purse.store.payments import PaymentSummary
from wallet.purse.store.tokens import OwnToken
from wallet.purse.sync.dating import Dating
from wallet.purse.sync.reconciling import Reconciling
from wallet.purse.turns import one_at_a_time
from wallet.purse.view.balance import Balance, ChainLink, Exposure, PurseView
from wallet.purse.view.custody import CustodyChain
from wallet.purse.view.history import Event, History
from wallet.purse.view.outlook import Allowance, Forecast, Outlook


@one_at_a_time
class Wallet:
    """``paying``, ``receiving``, ``requests``, ``contacts`` and ``reconciling`` do things; ``dating`` says how calls
    are dated; everything else only looks. What looks stands here, by single questions, so that the parts that answer
    may be cut anew behind the door.

    Safe to share between threads: one may reconcile while another pays. After ``close`` everything raises
    ``KeystoreError``: LOCKED, in the middle of a reconciling too.
    """

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self.paying = Paying(purse)
        self.receiving = Receiving(purse)
        self.requests = Requests(purse)
        self.contacts = Contacts(purse)
        self.reconciling = Reconciling(purse)
        self.dating = Dating(purse)
        self._reading = PurseView(purse)
        self._history = History(purse)
        self._hands = CustodyChain(purse, self._reading)
        self._outlooks = Forecast(purse)
        self._evidences = Evidences(purse)

    @classmethod
    def open(cls, home: Path | MemoryHome, keystore: Keystore, clock: Clock, random: Random) -> Self:
        """The wallet in ``home`` (made if there is none): a folder, or a ``MemoryHome`` for tests and simulations.

        ``clock`` gives unix seconds, ``random`` so many random bytes. Raises ``Refusal``: STORE_VERSION,
        STORE_DAMAGED; and ``KeystoreError``.
        """
        wallet = cls(Purse.open(home, keystore, clock, random))
        wallet._resume()
        return wallet

    def _resume(self) -> None:
        self._purse.epochs.finish_destroying()
        self._purse.let_expire()
        self.receiving.resume()
        self.paying.resume()

    def close(self) -> None:
        """Let go of the store once the step under way is over; the keystore is locked by whoever opened it. Again is
        success."""
        self._purse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> int:
        """Unix seconds: the clock, or the latest time signed by the central bank, the notary or the own bank."""
        return self._purse.now()

    @property
    def state(self) -> PurseState:
        """ROLLED_BACK: an older copy of the purse was put in place; it can't spend until it has reconciled."""
        return self._purse.journal.state

    def own_keys(self) -> tuple[bytes, ...]:
        """Every key that was ever this wallet's, compressed P-256."""
        return tuple(sorted(self._purse.epochs.own()))

    def balance(self) -> Balance:
        return self._reading.balance()

    def tokens(self) -> tuple[OwnToken, ...]:
        """Every own token that is not spent, by reference."""
        return self._reading.tokens()

    def history(self) -> tuple[Event, ...]:
        """What happened, oldest first."""
        return self._history.events()

    def chain(self, ref: TokenRef) -> tuple[ChainLink, ...]:
        """The hands a token went through, issuance first. PROVENANCE_MISSING for one that is not known."""
        return self._reading.chain(ref)

    def chain_of(self, event: Event) -> tuple[ChainLink, ...]:
        """The hands of the money that an event of history is about, along its most worn token; empty where the purse
        has none of it yet (a funding that has not come)."""
        return self._hands.chain_of(event)

    def own_wallets(self) -> frozenset[bytes]:
        """Every wallet id that a bank ever gave this wallet."""
        return self._hands.own_wallets()

    def room(self) -> Allowance | None:
        """What the limits leave to pay; None before the first certificate."""
        return self._outlooks.room()

    def outlook(self) -> Outlook:
        """How far the money in the pocket goes, and since when this wallet is offline."""
        return self._outlooks.outlook()

    def unfinished(self) -> tuple[PaymentSummary, ...]:
        """Payments to go on with, oldest first: unsigned intents, and signed ones that neither payee nor ledger has
        answered."""
        return self._outlooks.unfinished()

    def risk(self) -> Exposure:
        """What would be lost with this device now, and until when."""
        return self._reading.risk()

    def root(self) -> bytes:
        """The central bank's root key that this wallet believes: 33 bytes. RECONCILE_FIRST before there is one."""
        return self._purse.authority.root

    def directory(self) -> bytes:
        """The signed directory that this wallet goes by: with the root key it lets anybody check its evidence."""
        return self._purse.authority.signed_directory

    def evidence(self) -> tuple[Evidence, ...]:
        """Contradictions seen here or shown by the ledger."""
        return self._evidences.all()
