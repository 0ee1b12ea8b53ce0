"""All that the ledger ever told anybody, and whether it can all be true.

Rule: whoever asks hands over what was answered, as it came; nothing is believed before its signature was checked, and
nothing that was told is ever forgotten. Whatever contradicts is a ``Contradiction``, at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, cast

from ledger_sync.client.statuses import read_statuses
from wallet.protocol import codec
from wallet.protocol.batch import read_together
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import (
    CONSUMPTIONS,
    SETTLEMENTS,
    Consumption,
    Settlement,
    Verdict,
    check_consumption,
    check_settlement,
    read_consumption,
    read_settlement,
)
from wallet.protocol.transfer import TokenRef

_WORDS: Final[tuple[type[Body], ...]] = (*SETTLEMENTS, *CONSUMPTIONS)


class Contradiction(AssertionError):
    """Two things that were told, or one that nobody may be told."""


def each_alone(rows: Cbor) -> list[Cbor]:
    """The rows of a bank's answer, where each has its own verdict."""
    told = [row.settlement for row in read_statuses(rows)]
    return [[row[0], said and said.to_cbor(), *row[2:]] for row, said in zip(rows, told, strict=True)]


@dataclass(frozen=True, slots=True)
class Answer:
    """A bank's answer about one transfer."""

    txid: bytes
    settlement: Settlement | None
    value: int | None


@dataclass
class Told:
    """Verdicts by bank and transfer, and consumers by token."""

    directory: Directory
    verdicts: dict[tuple[str, bytes], Settlement] = field(default_factory=dict)
    meanings: dict[bytes, tuple[Verdict, tuple[int, ...]]] = field(default_factory=dict)
    winners: dict[TokenRef, bytes] = field(default_factory=dict)
    restored: set[str] = field(default_factory=set)
    """Banks put back from a backup: what they forgot they say anew, with the same meaning and another time."""
    statements: int = 0
    """That were told, different or not."""
    _seen: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, row: Cbor) -> Answer:
        """What a bank answered about one transfer."""
        txid, settlement, _first, consumptions, _evidence, outcome = row
        with self._lock:
            for item in consumptions:
                self._hear_consumption(item)
            said = None if settlement is None else self._hear_settlement(settlement)
        if said is not None and said.transfer != txid:
            raise Contradiction(f"asked for {txid.hex()}, told of {said.transfer.hex()}")
        return Answer(txid, said, None if outcome is None else outcome[1])

    def listen(self, value: Cbor) -> None:
        """Whatever of the ledger's words is anywhere in an answer."""
        if not isinstance(value, list):
            return
        try:
            said = read_together(_WORDS, value)
        except Refusal:
            for part in value:
                self.listen(part)
            return
        with self._lock:
            self.statements += len(said)
            for signed in said:
                if isinstance(signed.body, Settlement):
                    check_settlement(cast("Signed[Settlement]", signed), self.directory)
                    self._settled(signed.body)
                elif isinstance(signed.body, Consumption):
                    check_consumption(cast("Signed[Consumption]", signed), self.directory)
                    self.consumed(signed.body)

    def _hear_settlement(self, value: Cbor) -> Settlement:
        signed = read_settlement(value)
        if self._is_new(value):
            check_settlement(signed, self.directory)
        return self._settled(signed.body)

    def _settled(self, body: Settlement) -> Settlement:
        first = self.verdicts.setdefault((body.bank, body.transfer), body)
        meant = (body.verdict, body.values)
        is_again = first.time == body.time or body.bank in self.restored
        if meant != self.meanings.setdefault(body.transfer, meant) or not is_again:
            raise Contradiction(f"{body.bank} said {first} and says {body}; {self.meanings[body.transfer]}")
        return body

    def _hear_consumption(self, value: Cbor) -> None:
        signed: Signed[Consumption] = read_consumption(value)
        if self._is_new(value):
            check_consumption(signed, self.directory)
        self.consumed(signed.body)

    def consumed(self, body: Consumption) -> None:
        """The notary's word, by whomever it was shown."""
        for ref in body.refs:
            winner = self.winners.setdefault(ref, body.consumer)
            if winner != body.consumer:
                raise Contradiction(f"{ref} was given to {winner.hex()} and to {body.consumer.hex()}")

    def _is_new(self, value: Cbor) -> bool:
        self.statements += 1
        raw = codec.encode(value)
        is_new = raw not in self._seen
        self._seen.add(raw)
        return is_new
