"""What a batch of commits comes to, as one pure function: the model that every backend of the notary is held to.

Rule: the first commit of a reference stands, each reference on its own; within a batch earlier items win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_sync.notary.attestor import Sign, Verdicts
from ledger_sync.notary.log import Statement
from ledger_sync.notary.store import CommitItem
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef


@dataclass(frozen=True, slots=True)
class Decision:
    """The new statements with the proofs they rest on, and every item's verdicts."""

    made: tuple[tuple[Statement, bytes], ...]
    verdicts: tuple[Verdicts, ...]


def decide(
    batch: Sequence[CommitItem], standing: Mapping[TokenRef, Statement], sign: Sign, time: int
) -> Decision:
    """Decide a batch in order, given the statements that stand on its references already."""
    winners = dict(standing)
    made: list[tuple[Statement, bytes]] = []
    verdicts: list[Verdicts] = []
    for item in batch:
        free = tuple(ref for ref in item.refs if ref not in winners)
        if free:
            statement = sign(Consumption(item.consumer, item.bank, time, free))
            made.append((statement, item.proof))
            winners.update(dict.fromkeys(free, statement))
        covering = {winners[ref].id: winners[ref] for ref in item.refs}
        verdicts.append(tuple(covering.values()))
    return Decision(tuple(made), tuple(verdicts))
