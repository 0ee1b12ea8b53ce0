"""Drafts: what can be said of transfers that are to have a verdict, by what is at hand.

Rule: nothing is written here, and nothing signed. Where another transfer took an input, nothing is said before its
payload is in hand too and the central bank has noted it, or has noted that nobody shows it: so that the same is said
again by whoever forgot it, and by other banks. Where a descendant waits for an ancestor, so do its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ledger_sync.bank.ports.archive import Archive
from ledger_sync.bank.ports.conflicts import Conflicts
from ledger_sync.bank.ports.revocations import name_of
from ledger_sync.bank.ports.settlements import Case
from ledger_sync.bank.wallets.fork_watch import ForkWatch
from ledger_sync.settling.values import Loss, Outcome, settle
from wallet.protocol.evidence import Evidence
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import TokenRef


@dataclass(frozen=True, slots=True)
class Draft:
    """A case with its outcome, None while nothing can be said.

    ``evidence`` is new, ``inherited`` the name of that behind an ancestor's loss; ``foreign`` names wallets of other
    banks. ``wanted``: losses whose other payload is not at hand; ``unnoted``: the first whose other payload is,
    and the central bank has not noted it; ``found``: the ids of those that were noted.
    """

    case: Case
    outcome: Outcome | None = None
    evidence: Evidence | None = None
    inherited: bytes | None = None
    foreign: tuple[Evidence, ...] = ()
    wanted: tuple[Loss, ...] = ()
    unnoted: tuple[Loss, ...] = ()
    found: tuple[bytes, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether it is valid and has an outcome."""
        is_told = self.outcome is not None and self.outcome.verdict is not Verdict.REFUSED
        return is_told and self.case.signer is not None

    @property
    def txid(self) -> bytes:
        return self.case.transfer.id

    def rests_on(self, txids: Collection[bytes]) -> bool:
        """Whether its outcome is made of what other drafts of the same look come to, for one of these transfers."""
        if self.outcome is None or self.case.refusal is not None:
            return False
        return any(one.worth is None and one.ref.txid in txids for one in self.case.inputs)

    @property
    def named(self) -> bytes | None:
        """The name of the evidence."""
        return self.inherited if self.evidence is None else name_of(self.evidence)


class Drafts:
    """Reads what is at hand."""

    def __init__(self, objects: Archive, watch: ForkWatch, conflicts: Conflicts) -> None:
        self._objects = objects
        self._watch = watch
        self._conflicts = conflicts

    def of(self, cases: Iterable[Case], said: Mapping[TokenRef, bytes]) -> list[Draft]:
        """One for each case, ancestors first: what an earlier one comes to, later ones know. ``said``: who was first to
        consume what, by words of the notary that are not stored yet."""
        look = _Look(said)
        return [self._draft(case, look) for case in cases]

    def _draft(self, case: Case, look: _Look) -> Draft:
        if case.refusal is not None:
            return Draft(case, Outcome(Verdict.REFUSED, (), code=case.refusal))
        outcome = look.outcome(case)
        draft = Draft(case, outcome)
        if outcome is not None and outcome.verdict is Verdict.CONFLICT:
            draft = self._conflict(case, outcome)
        elif outcome is not None and outcome.verdict is Verdict.SHORT:
            draft = replace(draft, inherited=look.inherited(case))
        look.add(draft)
        return draft

    def _conflict(self, case: Case, outcome: Outcome) -> Draft:
        """Payloads that are not at hand are wanted also where one that is tells enough: a bank that can't show its own
        owes for it. One that was noted is enough, and no other is brought. Where none will be shown it is nobody's
        fault that can be told, and short, also where one comes after all."""
        not_shown = self._conflicts.not_shown(case.transfer.id)
        shown = self._conflicts.shown(case.transfer.id)
        draft = Draft(case)
        for loss in outcome.lost:
            if loss.is_refund or loss.consumer in not_shown:
                continue
            other = self._objects.transfers.copy(loss.consumer, case.owner)
            if other is None:
                draft = replace(draft, wanted=(*draft.wanted, loss))
            elif loss.consumer not in shown:
                draft = replace(draft, unnoted=draft.unnoted or (loss,))
            else:
                draft = replace(draft, found=(*draft.found, loss.consumer))
                if draft.evidence is None:
                    evidence = self._watch.evidence(case.transfer, other, case.owner)
                    foreign = self._watch.foreign(case.transfer, other, case.owner)
                    draft = replace(
                        draft, evidence=evidence, foreign=() if evidence is None else tuple(foreign)
                    )
        if draft.evidence is not None:
            return replace(draft, outcome=outcome, unnoted=())
        if draft.wanted or draft.unnoted or self._is_nameless(case):
            return draft
        return replace(draft, outcome=replace(outcome, verdict=Verdict.SHORT))

    def _is_nameless(self, case: Case) -> bool:
        """Whether no certificate of its signer is at hand: then it is not told yet whom the evidence names."""
        return not self._objects.certificates.banks_of(case.owner)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at cases: what the notary has just said, and what the drafts so far come to."""

    said: Mapping[TokenRef, bytes]
    worth: dict[TokenRef, int] = field(default_factory=dict)
    evidence: dict[bytes, bytes] = field(default_factory=dict)

    def outcome(self, case: Case) -> Outcome | None:
        """What the notary's words make of it; None while an ancestor has no verdict."""
        winners: list[bytes] = []
        brought: list[int] = []
        own = case.transfer.id
        for one in case.inputs:
            value = self.worth.get(one.ref) if one.worth is None else one.worth
            winner = one.consumer or self.said.get(one.ref) or (own if value == 0 else None)
            if winner is None or (value is None and winner == own):
                return None
            winners.append(winner)
            brought.append(value or 0)
        return settle(case.transfer, winners, brought)

    def inherited(self, case: Case) -> bytes | None:
        """The evidence behind an ancestor's loss is its descendants' claim too."""
        names = (one.evidence or self.evidence.get(one.ref.txid) for one in case.inputs)
        return next((name for name in names if name is not None), None)

    def add(self, draft: Draft) -> None:
        if draft.outcome is None:
            return
        for output, value in enumerate(draft.outcome.values):
            self.worth[TokenRef(draft.txid, output)] = value
        if draft.named is not None:
            self.evidence[draft.txid] = draft.named
