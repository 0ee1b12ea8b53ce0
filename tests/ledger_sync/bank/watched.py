"""A bank that is watched while it works: each signature that it makes or verifies, and whether a transaction was open.

What is watched is passed in: the bank's signing key, the keys that it verifies by, and the directory's. The node is
one more over the same store, as a second process would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ledger_sync.bank.api.node import Node, Peers
from ledger_sync.bank.context import Trusted
from ledger_sync.bank.ports.unit import UnitOfWork
from ledger_sync.http.call import Signer
from ledger_sync.notaries import Notaries
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.network import LedgerNetwork
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, KeyEntry
from wallet.protocol.keys import PublicKey, Sign, p256
from wallet.protocol.policy import Policy

BANK = "bank"
"""A bank's key in its keystore."""


@dataclass
class Watch:
    """What was signed and verified under one unit of work, in order."""

    unit: UnitOfWork
    signed: list[bytes] = field(default_factory=list)
    verified: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Key and signature."""
    inside: list[str] = field(default_factory=list)
    """What was signed or verified while a transaction was open."""
    before_signing: Callable[[], object] = lambda: None
    """What else happens then."""
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What others do while this bank verifies or signs: each is done once."""

    def signing(self, sign: Sign) -> Sign:
        """``sign``, watched."""

        def watched(message: bytes) -> bytes:
            self._note("signed")
            self.before_signing()
            self.signed.append(message)
            return sign(message)

        return watched

    def verifies(self, key: PublicKey, signature: bytes) -> None:
        """``key`` is asked whether it made ``signature``."""
        self._note("verified")
        self.verified.append((key.raw, signature))

    def _note(self, what: str) -> None:
        if self.unit.in_transaction:
            self.inside.append(what)
        elif self.meanwhile:
            self.meanwhile.pop(0)()

    def count(self, signed: Signed[Any]) -> int:
        """How often the signature of ``signed`` was verified, by whatever key."""
        return sum(signature == signed.signature for _, signature in self.verified)

    def repeated(self) -> dict[bytes, int]:
        """Signatures that were verified more than once, with how often."""
        counts = Counter(signature for _, signature in self.verified)
        return {signature: count for signature, count in counts.items() if count > 1}

    def forget(self) -> None:
        """Begin anew."""
        for noted in (self.signed, self.verified, self.inside):
            noted.clear()


@dataclass(frozen=True, slots=True, eq=False)
class WatchedKey(PublicKey):
    """A public key that says when it verifies."""

    watch: Watch

    def verify(self, message: bytes, signature: bytes) -> bool:
        self.watch.verifies(self, signature)
        return PublicKey.verify(self, message, signature)


@dataclass(frozen=True)
class WatchedTrust:
    """A directory with watched keys, and whatever else is trusted."""

    trusted: Trusted
    watch: Watch

    @property
    def policy(self) -> Policy:
        return self.trusted.policy

    @property
    def directory(self) -> Directory:
        directory = self.trusted.directory
        banks = tuple(replace(bank, keys=tuple(map(self._entry, bank.keys))) for bank in directory.banks)
        roles = {role: tuple(map(self._entry, entries)) for role, entries in directory.roles.items()}
        return replace(directory, banks=banks, roles=roles)

    def _entry(self, entry: KeyEntry) -> KeyEntry:
        return replace(entry, key=WatchedKey(entry.key.algorithm, entry.key.raw, self.watch))

    def refresh(self) -> None:
        self.trusted.refresh()


def watched(net: LedgerNetwork, bank: str = "alatau") -> tuple[Node, Watch]:
    """One more node of ``bank`` over its store and lines, and what is seen of it."""
    node = net.banks[bank].node
    context = node.context
    watch = Watch(context.storage.unit)
    signer = net.network.signer(bank, BANK)

    @lru_cache
    def key(raw: bytes) -> PublicKey:
        return WatchedKey(p256(raw).algorithm, raw, watch)

    keys = Signer(signer.key, watch.signing(signer.sign))
    seen = replace(context, keys=keys, key=key, trust=WatchedTrust(context.trust, watch))
    others = [name for name in net.banks if name != bank]
    lines = Peers(
        Notaries.one(net.network.line(bank, NOTARY, signer)),
        net.network.line(bank, CENTRAL_BANK, signer),
        {name: net.network.line(bank, name, signer) for name in others},
    )
    made = Node(seen, node.terms, lines)
    made.deliveries.begin_numbers()
    return made, watch
