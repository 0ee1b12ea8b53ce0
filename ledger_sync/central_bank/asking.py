"""Asking a bank to show the transfer for which it had tokens consumed, until that has an end.

Rule: every question ends once, and never changes: the bank has shown a transfer that consumes the token and that the
token's owner signed, or it has failed. Shown once is shown, by whomever: it is kept, and the bank is not asked again.
A bank has failed that says itself that it has none, that shows another thing, or that gave no answer at `ATTEMPTS`
moments, spread over the whole of the terms' `challenge_wait`: the central bank asks by itself as well, so that nobody
chooses them. Whoever has the transfer brings it before it says so, also where nobody has asked yet.
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

    def own_up(self, said: Consumption, owner: bytes, lost: Sequence[TokenRef]) -> None:
        """The bank says itself that it has failed for these tokens; what is open ends by that. COMMIT_MISMATCH."""
        asked, now = self._asked(said, owner, lost), self.clock()
        with self.storage.transaction():
            for question in asked:
                self.storage.questions.fail(question.ref, now)

    def bring(self, transfer: Signed[Transfer], signer: bytes) -> list[TokenRef]:
        """A bank has this transfer, by which `signer` consumes tokens, and another one of the same signer that lost
        one of them: every question about them ends with it, those that come included. Those of its tokens for which
        it comes too late, for the bank that should have shown it has failed. Whether the tokens were the signer's is
        known of questions alone: of somebody else's it ends none. EVIDENCE_INVALID (the signer did not sign it).
        """
        require(transfer.signed_by(p256(signer)), Code.EVIDENCE_INVALID)
        return self.note(transfer, signer)

    def note(self, transfer: Signed[Transfer], signer: bytes) -> list[TokenRef]:
        """As `bring`, of a transfer whose signature was checked."""
        late: list[TokenRef] = []
        with self.storage.transaction():
            self.storage.questions.bring(transfer, signer)
            for question in self.storage.questions.about(transfer.body.inputs):
                if question.consumer not in (b"", transfer.id):
                    continue
                if question.failed:
                    late.append(question.ref)
                elif question.shown is None and question.owner == signer:
                    self.storage.questions.show(question.ref, transfer)
        return late

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
        now, questions = self.clock(), self.storage.questions
        with self.storage.transaction():
            asked = [questions.ask(ref, said.consumer, said.bank, owner, now) for ref in lost]
            if any(map(_is_open, asked)) and (held := questions.brought(said.consumer, owner)) is not None:
                for ref in set(lost) & set(held.body.inputs):
                    questions.show(ref, held)
                asked = [questions.ask(ref, said.consumer, said.bank, owner, now) for ref in lost]
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


def _is_open(question: Question) -> bool:
    return question.shown is None and not question.failed
