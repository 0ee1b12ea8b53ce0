"""Every backend that the store's contract is checked on, and a small process that commits and may be killed.

`python -m tests.ledger_sync.notary.backends BACKEND PATH NAME...` commits one item for each name.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger_sync.notary import CommitItem, Store
from ledger_sync.notary.sqlite_store import SqliteStore
from ledger_sync.notary.store import Statement
from tests.support.world import NOW, Key
from wallet.protocol import cose
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

NOTARY = Key.of("notary")
_SIGNED = [0]


def sign(body: Consumption) -> Statement:
    """By the notary, with a clock that is never the same twice: a statement made anew would show."""
    _SIGNED[0] += 1
    return cose.sign(body, NOTARY.sign)


def sqlite(path: Path) -> Store:
    ticks = iter(range(NOW, NOW + 1_000_000))
    return SqliteStore(path / "notary.db", sign, lambda: next(ticks))


BACKENDS: dict[str, Callable[[Path], Store]] = {"sqlite": sqlite}


def ref(name: str | int, output: int = 0) -> TokenRef:
    return TokenRef(hashlib.sha256(f"token {name}".encode()).digest(), output)


def consumer(name: str | int) -> bytes:
    return hashlib.sha256(f"transfer {name}".encode()).digest()


def item(name: str | int, *refs: TokenRef, bank: str = "alatau") -> CommitItem:
    return CommitItem(bank, consumer(name), tuple(sorted(refs)), f"proof of {name} by {bank}".encode())


def main(arguments: Sequence[str]) -> None:
    backend, path, *names = arguments
    store = BACKENDS[backend](Path(path))
    for verdicts in store.commit([item(name, ref(name), ref("shared")) for name in names]):
        print(" ".join(statement.encode().hex() for statement in verdicts), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
