"""What the notary's word makes of values: settled tiyn of every output, and the verdict on every transfer.

Rule: an input counts only where the notary gave it to this very transfer; what stands goes to the outputs in
order, payee before change, and so down the chain. Only a transfer that itself lost an input to another transfer
is in a conflict; a descendant is short, even of 0. What a refund took first came too late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ledger_sync.settling.validity import Objects
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.directory import Directory
from wallet.protocol.idempotency import refund_id
from wallet.protocol.settlement import Consumption, Verdict, check_consumption, settle_values
from wallet.protocol.transfer import TokenRef, Transfer

WinnerOf = Callable[[TokenRef], bytes | None]
"""The transaction that the notary says was first to consume a token, or None where nothing is known yet."""

KnownValue = Callable[[TokenRef], int | None]
"""The settled value of an output where it was worked out before, so that no chain is walked twice."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A token that went to another consumer."""

    token: TokenRef
    consumer: bytes

    @property
    def is_refund(self) -> bool:
        return self.consumer == refund_id(self.token)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`values`: the settled tiyn of each output. A CONFLICT may be told only with the other payload in hand, which
    is for the caller to see to; `code` is TOO_LATE where a refund took an input."""

    verdict: Verdict
    values: tuple[int, ...]
    lost: tuple[Loss, ...] = ()
    code: Code | None = None


def winners_of(statements: Iterable[Signed[Consumption]], directory: Directory) -> dict[TokenRef, bytes]:
    """Consumer of each token, by the notary's statements.

    Raises `Refusal`: NOTARY_SIGNATURE, COMMIT_MISMATCH (the statements contradict each other).
    """
    winners: dict[TokenRef, bytes] = {}
    is_head = each_head_once()
    for statement in statements:
        check_consumption(statement, directory, is_head)
        for ref in statement.body.refs:
            if winners.setdefault(ref, statement.body.consumer) != statement.body.consumer:
                raise Refusal(Code.COMMIT_MISMATCH, {"token": str(ref)})
    return winners


class Values:
    """Works out settled values over valid transfers. For one look; make a new one when more is known."""

    def __init__(
        self, objects: Objects, winner_of: WinnerOf, known_value: KnownValue = lambda _ref: None
    ) -> None:
        self._objects = objects
        self._winner_of = winner_of
        self._known_value = known_value
        self._outcomes: dict[bytes, Outcome | None] = {}

    def value(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while the notary's word or a transfer is missing."""
        simple = self._value_at_hand(ref)
        if simple is not None:
            return simple
        outcome = self.outcome(ref.txid)
        return (
            outcome.values[ref.output] if outcome is not None and ref.output < len(outcome.values) else None
        )

    def outcome(self, txid: bytes) -> Outcome | None:
        """Outcome of a transfer; None while the notary's word or a transfer is missing."""
        todo = [txid]
        while todo:
            current = todo[-1]
            if current in self._outcomes:
                todo.pop()
                continue
            transfer = self._objects.transfer(current)
            parents = [] if transfer is None else self._unsettled(transfer)
            if parents:
                todo.extend(parents)
                continue
            self._outcomes[current] = None if transfer is None else self._settle(transfer)
            todo.pop()
        return self._outcomes[txid]

    def _unsettled(self, transfer: Signed[Transfer]) -> list[bytes]:
        return [
            ref.txid
            for ref in transfer.body.inputs
            if self._winner_of(ref) == transfer.id
            and ref.txid not in self._outcomes
            and self._value_at_hand(ref) is None
        ]

    def _settle(self, transfer: Signed[Transfer]) -> Outcome | None:
        winners: list[bytes] = []
        brought: list[int] = []
        for ref in transfer.body.inputs:
            winner = self._winner_of(ref)
            value = self._value_now(ref) if winner == transfer.id else 0
            if winner is None or value is None:
                return None
            winners.append(winner)
            brought.append(value)
        return settle(transfer, winners, brought)

    def _value_now(self, ref: TokenRef) -> int | None:
        simple = self._value_at_hand(ref)
        if simple is not None:
            return simple
        made = self._outcomes.get(ref.txid)
        return made.values[ref.output] if made is not None and ref.output < len(made.values) else None

    def _value_at_hand(self, ref: TokenRef) -> int | None:
        known = self._known_value(ref)
        if known is not None:
            return known
        issuance = self._objects.issuance(ref.txid)
        if issuance is None or ref.output >= len(issuance.body.amounts):
            return None
        return issuance.body.amounts[ref.output]


def settle(transfer: Signed[Transfer], winners: Sequence[bytes], brought: Sequence[int]) -> Outcome:
    """The outcome of one transfer: per input, in the order it names them, who consumed it, and the settled tiyn it
    is worth (disregarded where it was lost)."""
    body, own = transfer.body, transfer.id
    pairs = zip(body.inputs, winners, strict=True)
    lost = tuple(Loss(ref, winner) for ref, winner in pairs if winner != own)
    standing = [value if winner == own else 0 for winner, value in zip(winners, brought, strict=True)]
    values = settle_values(body, standing)
    if any(not loss.is_refund for loss in lost):
        return Outcome(Verdict.CONFLICT, values, lost)
    if lost:
        return Outcome(Verdict.SHORT, values, lost, Code.TOO_LATE)
    is_whole = sum(values) == body.amount + body.change
    return Outcome(Verdict.SETTLED if is_whole else Verdict.SHORT, values)
