"""What one wallet owns and is in the middle of doing: the parts that every operation works on.

``transition`` is the only way to change money or intents: one transaction with its journal row, then the record.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hsm.failpoint import reach
from hsm.keystore import Keystore, KeystoreError
from wallet.protocol.codec import Cbor
from wallet.protocol.lifetime import refundable_before
from wallet.purse.store.authority import Authority
from wallet.purse.store.epochs import Epochs
from wallet.purse.store.journal import Journal
from wallet.purse.store.memory import MemoryHome
from wallet.purse.store.objects import Objects
from wallet.purse.store.outgoing import Outgoing
from wallet.purse.store.store import Store, told_truly
from wallet.purse.store.tokens import Tokens, TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.turns import Turns

Clock = Callable[[], int]
"""Unix seconds."""
Random = Callable[[int], bytes]
"""So many random bytes."""
FILE: Final = "purse.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The store and everything that reads and writes it."""

    store: Store
    keystore: Keystore
    random: Random
    journal: Journal
    objects: Objects
    authority: Authority
    epochs: Epochs
    tokens: Tokens
    outgoing: Outgoing
    turns: Turns

    @classmethod
    def open(cls, home: Path | MemoryHome, keystore: Keystore, clock: Clock, random: Random) -> Purse:
        """The purse in ``home`` (created if there is none), its record settled.

        Raises ``Refusal`` with the codes of ``Store.open``; ``KeystoreError`` from the keystore.
        """
        store = home.open() if isinstance(home, MemoryHome) else _in_folder(home)
        try:
            return cls._assemble(store, keystore, clock, random)
        except BaseException:
            store.close()
            raise

    @classmethod
    def _assemble(cls, store: Store, keystore: Keystore, clock: Clock, random: Random) -> Purse:
        authority = Authority(store, clock)
        objects = Objects(store)
        journal = Journal(store, keystore, authority.now)
        epochs = Epochs(store, objects, keystore, random, authority.now)
        tokens = Tokens(store)
        outgoing = Outgoing(store, objects, authority, epochs, tokens, journal)
        journal.settle()
        epochs.match(authority.now())
        return cls(
            store=store,
            keystore=keystore,
            random=random,
            journal=journal,
            objects=objects,
            authority=authority,
            epochs=epochs,
            tokens=tokens,
            outgoing=outgoing,
            turns=Turns(),
        )

    def now(self) -> int:
        """Time for this wallet, unix seconds (``Authority.now``)."""
        return self.authority.now()

    def let_expire(self) -> None:
        """Tokens whose grace has passed are no longer ours to spend or redeem: their bank refunds them. Those that a
        wrong time had taken come back."""
        if not self.authority.has_policy:
            return
        before = refundable_before(self.authority.agreed_time, self.authority.policy.head.grace)
        overdue, back = self.tokens.overdue(before), self.tokens.not_overdue(before)
        if overdue or back:
            with self.transition(Transition.EXPIRE, [ref.to_cbor() for ref in (*overdue, *back)]):
                self.tokens.move(overdue, TokenState.EXPIRED, None)
                self.tokens.move(back, TokenState.HELD, None)

    def has_uploaded_all(self) -> bool:
        """Whether the ledger was shown every transfer that is held here."""
        return (
            self.store.value(
                "SELECT 1 FROM transfer t LEFT JOIN answer a ON a.txid = t.id WHERE a.txid IS NULL LIMIT 1"
            )
            is None
        )

    @contextmanager
    def transition(self, transition: Transition, content: Cbor) -> Iterator[None]:
        """One transition: commit step n+1, then move the record, at once or later. ``content`` says what changed.

        An exception inside changes nothing.
        """
        self.journal.catch_up()
        with self.store.transaction():
            yield
            self.journal.append(transition, content)
        reach(f"purse.{transition}.stored")
        self.journal.follow(transition)
        reach(f"purse.{transition}.recorded")

    def close(self) -> None:
        """End of the purse: records what could wait, where the keystore still can; opening makes up for the rest."""
        self.turns.end(self._close)

    def _close(self) -> None:
        with contextlib.suppress(KeystoreError, sqlite3.Error):
            self.journal.catch_up_wholly()
        self.store.close()


def _in_folder(home: Path) -> Store:
    with told_truly(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Store.open(home / FILE)
