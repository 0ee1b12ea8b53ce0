"""Asking a bank to show the transfer for which it had tokens consumed, until that has an end.

Rule: every question ends once, and never changes: the bank has shown a transfer that consumes the token and that the
token's owner signed, or it has failed. Shown once is shown: it is kept, and the bank is not asked again. A bank has
failed that says itself that it has none, that shows another thing, or that gave no answer at `ATTEMPTS` moments, spread
over the whole of the terms' `challenge_wait`: the central bank asks by itself as well, so that nobody chooses them.
A bank is asked one question at a time, and whoever comes meanwhile is told that it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger_sync.central_bank.peers import BankNodeClient
from ledger_sync.central_bank.ports.questions import Question
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.terms import Terms
from ledger_sync.http.call import Clock
from ledger_sync.http.peers import NoAnswer, is_asked_again
from wallet.protocol.codes import Code, Fact, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.keys import p256
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef, Transfer

ATTEMPTS: Final = 24
"""Moments at which a bank must have been out of reach."""
_ROUND: Final = 64
"""Transfers asked for in one round of the worker."""


@dataclass(frozen=True, slots=True)
class TransferProof:
    """What a bank shows in answer; None where it has none."""

    transfer: Signed[Transfer] | None

    def answers(self, consumer: bytes, ref: TokenRef, owner: bytes) -> bool:
        """Whether that is the transfer with this id, consumes the token, and is signed by the token's owner."""
        signed = self.transfer
        return (
            signed is not None
            and signed.id == consumer
            and ref in signed.body.inputs
            and signed.signed_by(p256(owner))
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks banks, and keeps what they answered."""

    storage: Storage
    banks: Mapping[str, BankNodeClient]
    terms: Terms
    clock: Clock

    def ask(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> Signed[Transfer] | None:
        """The transfer for which `said` had the tokens `lost` of `owner` consumed; None once its bank has failed.

        Raises `Refusal`: UNREACHABLE (that is still open: ask again), with the bank and until when; COMMIT_MISMATCH.
        """
        ended = self._ended(said, owner, lost)
        if ended is None:
            self._try(said.bank, said.consumer)
            ended = self._ended(said, owner, lost)
        if ended is None:
            since = max(question.since for question in self._asked(said, owner, lost))
            until, consumer = since + self.terms.challenge_wait, said.consumer.hex()
            facts: dict[str, Fact] = {"bank": said.bank, "until": until, "consumer": consumer}
            raise Refusal(Code.UNREACHABLE, facts)
        return ended.transfer

    def ask_again(self, bank: str | None = None) -> None:
        """Ask this bank, or all, what is open and due: the step of a background worker."""
        wait = self.terms.challenge_wait
        for asked, consumer in self.storage.questions.due(bank, self.clock(), wait, _ROUND):
            self._try(asked, consumer)

    def _ended(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> TransferProof | None:
        """How it ended for these tokens; None while it is open for one of them. The questions are noted first."""
        asked = self._asked(said, owner, lost)
        shown = next((question.shown for question in asked if question.shown is not None), None)
        return TransferProof(shown) if shown or all(question.failed for question in asked) else None

    def _asked(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> list[Question]:
        """COMMIT_MISMATCH where the notary has named another consumer before. What ended before there were questions
        bears none."""
        now, ask = self.clock(), self.storage.questions.ask
        with self.storage.transaction():
            asked = [ask(ref, said.consumer, said.bank, owner, now) for ref in lost]
            for question in asked:
                is_same = question.consumer in (b"", said.consumer)
                require(is_same, Code.COMMIT_MISMATCH, token=str(question.ref))
        return asked

    def _try(self, bank: str, consumer: bytes) -> None:
        line = self.banks.get(bank)
        if line is None:
            self._ask_bank(bank, None, consumer)
        elif line.turn.acquire(blocking=False):
            try:
                self._ask_bank(bank, line, consumer)
            finally:
                line.turn.release()

    def _ask_bank(self, bank: str, line: BankNodeClient | None, consumer: bytes) -> None:
        answer: TransferProof | None = None
        try:
            if line is None:
                raise NoAnswer(Code.UNREACHABLE, {"bank": bank})
            answer = TransferProof(line.show(consumer)[0])
        except Refusal as refusal:
            if refusal.code is Code.NOT_FOUND or not is_asked_again(refusal):
                answer = TransferProof(None)
        if answer is None:
            self._note_failure(consumer)
        else:
            self._note_end(consumer, answer)

    def _note_end(self, consumer: bytes, answer: TransferProof) -> None:
        questions = self.storage.questions
        ended = [
            (question.ref, answer.answers(consumer, question.ref, question.owner))
            for question in questions.open(consumer)
        ]
        with self.storage.transaction():
            for ref, is_answered in ended:
                if is_answered and answer.transfer is not None:
                    questions.show(ref, answer.transfer)
                else:
                    questions.fail(ref, self.clock())

    def _note_failure(self, consumer: bytes) -> None:
        now, wait = self.clock(), self.terms.challenge_wait
        with self.storage.transaction():
            self.storage.questions.put_off(consumer, now, max(1, wait // ATTEMPTS), wait)
            self.storage.questions.give_up(consumer, now, ATTEMPTS, wait)
