"""What time it is: the device's clock, and what each service said last. SPEC section 5.

Rule: one signed time alone never ends anything. A word that is far ahead of the device's clock and of the other
services' last words counts only once another service says so as well. What a service said is forgotten as soon as
another one, asked later, says that it is not so late yet; and what was signed at an unknown time before is passed over
where it is later than the answers to our own questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wallet.protocol.bounds import FAR_AHEAD
from wallet.purse.store.store import Store

SKEW: Final = 300
"""Seconds by which honest clocks may differ: what a service allows a call, too."""


class Signer(StrEnum):
    """Whose signed times a wallet goes by. EARLIER: whoever said the latest one to a Qalta that did not note it."""

    CENTRAL_BANK = "central bank"
    NOTARY = "notary"
    BANK = "bank"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Word:
    """``time`` in unix seconds. ``asked``: the device's time when it was signed in answer to a question of ours, so
    that a lower time than an earlier one means that the earlier one was wrong; None for what may have been signed at
    any time before."""

    time: int
    asked: int | None = None

    def by_now(self, device: int) -> int | None:
        """What the same clock would say now; None where it can't be told, as the device's clock was set back."""
        return None if self.asked is None or self.asked > device else self.time + device - self.asked


Words = Mapping[Signer, Word]
"""What each service said last."""


def reached(words: Words, device: int) -> int:
    """The wallet's time: the device's clock, or what a service said last, if another one has said at least as much or
    it is not far ahead."""
    last, *others = sorted((0, 0, *(word.time for word in words.values())), reverse=True)
    known = max(device, others[0])
    return max(known, last) if last <= known + FAR_AHEAD else known


def agreed(words: Words, device: int) -> int:
    """The latest time that a service and a second clock, another service's or the device's, say is reached; 0 where
    no service has said anything."""
    return sorted((0, device, *(word.time for word in words.values())))[-2]


def after(held: Words, signer: Signer, word: Word, device: int) -> Words:
    """What is remembered once ``word`` was heard, at this time of the device."""
    if word.asked is not None:
        last = max(word.time, device) + SKEW
        others = {who: said for who, said in held.items() if said.time <= last}
        return {**others, signer: word}
    before = held.get(signer)
    if before is not None and word.time <= before.time:
        return held
    carried = [found for said in held.values() if (found := said.by_now(device)) is not None]
    if carried and word.time > max(min(carried), device) + SKEW:
        return held
    return {**held, signer: word}


class WordBook:
    """The last words, in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Words:
        rows = self._store.rows("SELECT signer, time, asked FROM word")
        return {Signer(row["signer"]): Word(row["time"], row["asked"]) for row in rows}

    def keep(self, words: Words) -> None:
        """Inside a transaction."""
        self._store.write("DELETE FROM word")
        for signer, word in words.items():
            self._store.insert("word", signer=signer.value, time=word.time, asked=word.asked)
