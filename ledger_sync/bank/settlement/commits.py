"""Commits: what a bank asks the notary to consume, signed once for all of a call.

Rule: where references are split among several notaries, each is asked for what it decides, all at the same time, and
nothing binds that together: a commit is the same again, reference by reference, so what one has consumed for a transfer
stays so until the others have answered. Who does not answer is asked no more in this round, and holds up nothing that
lies with others. A notary that does not read what is signed in batches says so, and is asked in the first version from
then on, each commit signed alone; which version a commit is of changes nothing of what it asks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

import hsm.failpoint
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.peers import NotaryClient
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.http.reading import READS
from ledger_sync.notaries import Notaries
from wallet.protocol.bounds import SALT_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.settlement import Commit, Commit2, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef, Transfer

MAX_COMMITS: Final = 256
"""In one call to the notary, which takes no more."""
MAX_REFS: Final = 384
"""Of all commits in one call: to each the notary may have a word of its own, with up to 32 references and a path in its
log, and all of them are one answer (1048576 bytes)."""
_SILENT: Final = 30
"""Seconds for which who did not answer is not waited for by what can wait, unless it answers somebody else before."""
Silent = dict[str, Refusal]
"""What notaries said in place of an answer, by the prefix of their part."""
Statements = list[Signed[Consumption]]
_Part = tuple[Signed[Transfer], tuple[TokenRef, ...]]
"""A transfer, and those of its inputs that one notary decides."""
_Parts = dict[str, list[tuple[int, _Part]]]
"""By the prefix of who decides them, each with the place of its transfer."""


class Commits:
    """One bank's, at its notaries."""

    def __init__(self, context: BankContext, notaries: Notaries[NotaryClient]) -> None:
        self._context = context
        self._notaries = notaries
        self._alone_at: set[str] = set()
        self._silent: dict[str, tuple[int, Refusal]] = {}

    def lately_silent(self) -> Silent:
        """Who did not answer just now, of several: for `ask`, so that what others decide does not wait for it."""
        if len(self._notaries.lines) == 1:
            return {}
        now = self._context.clock()
        return {prefix: said for prefix, (until, said) in list(self._silent.items()) if now < until}

    def ask(
        self, transfers: Sequence[Signed[Transfer]], silent: Silent
    ) -> Iterator[Mapping[bytes, Statements]]:
        """By the ids of transfers the statements that cover what they consume, checked, as all who decide that have
        answered: of all of them together, but for those that wait for who is slow; not of those for whom somebody does
        not answer. They are one call. Nobody in ``silent`` is asked, and who does not answer comes to stand there.

        Raises as `NotaryClient.commit`, and NoAnswer for what cannot be believed, where there is none that answers.
        """
        found: list[Statements] = [[] for _ in transfers]
        parts = self._parts(transfers)
        open_parts = Counter(place for placed in parts.values() for place, _ in placed)
        for answers in self._heard(parts, silent, self._consume):
            for place, said in answers:
                found[place] += said
                open_parts[place] -= 1
            decided = {place for place, _ in answers if not open_parts[place]}
            if decided:
                yield {transfers[place].id: found[place] for place in sorted(decided)}

    def question(
        self, transfers: Sequence[Signed[Transfer]], reads: str = READS, silent: Silent | None = None
    ) -> list[Statements]:
        """For each transfer, the statements on what is consumed of its inputs, unchecked, of those who answer; in a
        form for whoever ``reads`` these kinds. Who does not comes to stand in ``silent``. Raises as `NotaryClient.ask`,
        where nobody does."""
        found: list[Statements] = []
        while len(found) < len(transfers):
            left = transfers[len(found) :]
            some = left[: how_many([len(transfer.body.inputs) for transfer in left[:MAX_COMMITS]])]
            said_of: list[Statements] = [[] for _ in some]
            unsaid = {} if silent is None else silent
            for answers in self._heard(self._parts(some), unsaid, partial(self._look_up, reads)):
                for place, said in answers:
                    said_of[place] += said
            found += said_of
        return found

    def _parts(self, transfers: Sequence[Signed[Transfer]]) -> _Parts:
        parts: _Parts = {}
        for place, transfer in enumerate(transfers):
            for prefix, refs in self._notaries.split(transfer.body.inputs).items():
                parts.setdefault(prefix, []).append((place, (transfer, refs)))
        return parts

    def _heard(
        self,
        parts: _Parts,
        silent: Silent,
        ask: Callable[[str, Sequence[_Part]], Sequence[Statements]],
    ) -> Iterator[Sequence[tuple[int, Statements]]]:
        """What notaries say of their parts of each transfer, by the transfer's place; as they answer."""
        calls = {
            prefix: partial(ask, prefix, [part for _, part in placed])
            for prefix, placed in parts.items()
            if prefix not in silent
        }
        for ended in self._context.at_once(calls):
            said: list[tuple[int, Statements]] = []
            for prefix, answer in ended.items():
                try:
                    answers = answer()
                except Refusal as refusal:
                    silent[prefix] = refusal
                    self._silent[prefix] = self._context.clock() + _SILENT, refusal
                else:
                    self._silent.pop(prefix, None)
                    said += zip((place for place, _ in parts[prefix]), answers, strict=True)
            yield said
        if len(silent) == len(self._notaries.lines):
            raise next(iter(silent.values()))

    def _consume(self, prefix: str, parts: Sequence[_Part]) -> Sequence[Statements]:
        now, notary = self._context.clock(), self._notaries.lines[prefix]
        if prefix not in self._alone_at:
            try:
                return self._commit(notary, parts, self._together(parts, now))
            except RemoteRefusal as refusal:
                if not refusal.is_not_understood:
                    raise
                self._alone_at.add(prefix)
        return self._commit(notary, parts, self._alone(parts, now))

    def _commit(
        self, notary: NotaryClient, parts: Sequence[_Part], commits: Sequence[Signed[Commit]]
    ) -> Sequence[Statements]:
        hsm.failpoint.reach("bank.settle.commit")
        answers = notary.commit(commits)
        return read(answers, lambda said: self._believed(parts, said))

    def _look_up(self, reads: str, prefix: str, parts: Sequence[_Part]) -> Sequence[Statements]:
        return self._notaries.lines[prefix].ask(self._alone(parts, self._context.clock()), reads)

    def _together(self, parts: Sequence[_Part], now: int) -> Sequence[Signed[Commit]]:
        bank, random = self._context.bank, self._context.random
        return self._context.sign_batch(
            [Commit2(bank, item.id, refs, now, random(SALT_BYTES)) for item, refs in parts], now
        )

    def _alone(self, parts: Sequence[_Part], now: int) -> Sequence[Signed[Commit]]:
        bank = self._context.bank
        return [self._context.sign(Commit(bank, item.id, refs, now)) for item, refs in parts]

    def _believed(self, parts: Sequence[_Part], answers: Sequence[Statements]) -> Sequence[Statements]:
        """NOTARY_SIGNATURE, COMMIT_MISMATCH (a reference is not covered, or covered twice)."""
        directory, is_head = self._context.trust.directory, each_head_once()
        for (transfer, refs), statements in zip(parts, answers, strict=True):
            winners: dict[TokenRef, bytes] = {}
            for statement in statements:
                check_consumption(statement, directory, is_head)
                for ref in statement.body.refs:
                    if winners.setdefault(ref, statement.id) != statement.id:
                        raise Refusal(Code.COMMIT_MISMATCH, {"token": str(ref)})
            if not winners.keys() >= set(refs):
                raise Refusal(Code.COMMIT_MISMATCH, {"transfer": transfer.id.hex()})
        self._context.seen([said for statements in answers for said in statements])
        return answers


def how_many(sizes: Sequence[int], most: int = MAX_REFS) -> int:
    """How many of these, from the first on, are no more than ``most`` together; one in any case."""
    return max(1, bisect_right(list(accumulate(sizes)), most))
