"""The engines that the store's contract is checked on, and a small process that commits and may be killed.

`python -m tests.ledger_sync.notary.backends URL FORM NAME...` commits one item for each name, and is told in that form.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ledger_sync.database.opening import open_store
from ledger_sync.notary import Attestor, CommitItem, Store, Verdicts
from ledger_sync.notary.attestor import FORMS, Sign
from ledger_sync.notary.log import Statement
from ledger_sync.notary.sql_store import KIND, SqlStore
from tests.support.world import NOW, ORDER, Key
from wallet.protocol import batch, cose
from wallet.protocol.kinds import CONSUMPTION, Kind
from wallet.protocol.leaf import Extent
from wallet.protocol.log import KIND as KIND_OF_HEADS
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

NOTARY = Key.of("notary")


def _signature(message: bytes) -> bytes:
    """Never the same twice, as a keystore's: a statement signed anew would show."""
    r, s = decode_dss_signature(NOTARY.private.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def sign(body: Consumption) -> Statement:
    return cose.sign(body, _signature)


def sign_head(extent: Extent, root: bytes) -> bytes:
    return batch.sign_head(KIND_OF_HEADS, extent, root, _signature)


def attestor(store: Store, sign: Sign = sign, clock: Callable[[], int] | None = None) -> Attestor:
    """With a clock that is never the same twice, if none is given."""
    ticks = iter(range(NOW, NOW + 1_000_000))
    return Attestor(store, sign, clock or (lambda: next(ticks)), sign_head)


@dataclass(frozen=True, slots=True)
class Teller:
    """A notary that tells whoever reads one form."""

    attestor: Attestor
    form: Kind

    def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
        return self.attestor.commit(batch, self.form)

    def lookup(self, refs: Sequence[TokenRef]) -> list[Statement | None]:
        return self.attestor.lookup(refs, self.form)


def what(said: Statement) -> bytes:
    """What is the same whenever it is told: all of it, or under whichever head it is shown its payload."""
    return said.encode() if said.leaf is None else said.payload


def opened(url: str) -> SqlStore:
    """What is at ``url``; twice, for two who write at a time."""
    return SqlStore(open_store(url, KIND, Path("/")), os.urandom)


def in_file(folder: Path) -> str:
    return f"sqlite:{folder / 'notary.db'}"


def ref(name: str | int, output: int = 0) -> TokenRef:
    return TokenRef(hashlib.sha256(f"token {name}".encode()).digest(), output)


def consumer(name: str | int) -> bytes:
    return hashlib.sha256(f"transfer {name}".encode()).digest()


def item(name: str | int, *refs: TokenRef, bank: str = "alatau") -> CommitItem:
    return CommitItem(bank, consumer(name), tuple(sorted(refs)), f"proof of {name} by {bank}".encode())


def killed_at(failpoint: str, url: str, *names: str, form: Kind = CONSUMPTION) -> str:
    """What a process told that commits an item for each name, until it was killed there."""
    command = [sys.executable, "-m", "tests.ledger_sync.notary.backends", url, form.typ, *names]
    done = subprocess.run(
        command, env={**os.environ, "QALTA_FAILPOINT": failpoint}, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def main(arguments: Sequence[str]) -> None:
    url, typ, *names = arguments
    (form,) = [form for form in FORMS if form.typ == typ]
    store = opened(url)
    for verdicts in attestor(store).commit([item(name, ref(name), ref("shared")) for name in names], form):
        print(" ".join(statement.encode().hex() for statement in verdicts), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
