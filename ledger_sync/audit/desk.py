"""An auditor's folder: a key of its own, the directory and policy that it holds, and the heads that it has seen.

Rule: a log is read under a head that continues the one of the audit before, or the two are evidence. What is believed
is signed below the root key that the auditor has from elsewhere; whoever passes directory and policy on is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hsm
from ledger_sync.audit.log import Audit, Report
from ledger_sync.database.opening import open_store
from ledger_sync.http.call import Clock, Random
from ledger_sync.http.client import Connect, ServiceClient
from ledger_sync.service import heads, trust_store
from ledger_sync.service.heads import Heads
from ledger_sync.service.policy_cache import PolicyCache
from wallet.protocol import codec
from wallet.protocol.handover import followed
from wallet.protocol.notary_evidence import NotaryEvidence

ALIAS: Final = "auditor"


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to. ``evidence`` is all that is known against the notary, ``directory`` the encoded directory
    by which it is checked and ``root`` the 33-byte root that signed that."""

    report: Report
    evidence: tuple[NotaryEvidence, ...]
    directory: bytes
    root: bytes

    @property
    def is_clean(self) -> bool:
        return not (self.report.findings or self.evidence)

    def files(self) -> list[bytes]:
        """Each piece of evidence as `qalta evidence check` reads it."""
        return [codec.encode([self.directory, found.to_cbor()]) for found in self.evidence]


class Desk:
    """An auditor at work: with its folder and key, by lines that ``connect`` opens."""

    def __init__(
        self,
        folder: Path,
        keystore: hsm.Keystore,
        root: bytes,
        clock: Clock,
        random: Random,
        connect: Connect,
    ) -> None:
        self._folder = folder
        self._keystore = keystore
        self._root = root
        self._clock = clock
        self._random = random
        self._connect = connect

    def audit(
        self, notary: str, directories: str, hear: Callable[[int, int], None] = lambda _done, _all: None
    ) -> Audited:
        """Read and decide the log of the notary at one URL, by the directory and policy that the service at the other
        passes on. ``hear`` is told how many entries of how many are decided.

        ``Refusal``: NOTARY_SIGNATURE (of a head), LOG_UNPROVED, ``RemoteRefusal`` (AUTH_FORBIDDEN: the directory does
        not name this auditor), ``NoAnswer``, and what is wrong with directory or policy. ``StoreError``.
        """
        with ExitStack() as stack:
            line = stack.enter_context(closing(self._line(notary)))
            passing = stack.enter_context(closing(self._line(directories)))
            stored = open_store("sqlite:trust.db", trust_store.KIND, self._folder)
            trust = stack.enter_context(closing(PolicyCache(stored, self._root, passing)))
            trust.refresh()
            seen = stack.enter_context(
                closing(
                    Heads(
                        open_store(f"sqlite:{heads.FILE}", heads.KIND, self._folder),
                        (line,),
                        {},
                        lambda: trust.directory,
                    )
                )
            )
            report = Audit(line, trust.directory, hear).run()
            seen.take(report.head)
            for found in report.findings:
                if found.evidence is not None:
                    seen.take_evidence(found.evidence)
            published = trust.published()
            roots = [self._root, *(root for root, _ in followed(published.handovers, self._root))]
            return Audited(report, tuple(seen.evidence()), published.forms[0].encode(), roots[-1])

    def _line(self, url: str) -> ServiceClient:
        return ServiceClient(
            url,
            self._keystore.public_key(ALIAS),
            lambda message: self._keystore.sign(ALIAS, message),
            self._clock,
            self._random,
            connect=self._connect,
        )
