"""nfcpy's own ISO-DEP reader, an implementation that is not ours, over a field that loses what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

import nfc.clf
from nfc.tag.tt4 import IsoDepInitiator

from wallet.transport.nfc.isodep import Command, Deselected, Granted, Parameters, Picc, Send

FWT = 0.309


class Fate(Enum):
    """What becomes of a block of the reader's and its answer."""

    ARRIVES = "arrives"
    LOST = "the block is lost"
    UNHEARD = "the answer is lost"
    GARBLED = "the answer is garbled"
    TWICE = "the block arrives twice"


class RadioCard:
    """A card on the air: blocks in, at most one block out. ``slow``: so many S(WTX) before each answer."""

    def __init__(self, answer: Callable[[bytes], bytes], parameters: Parameters, slow: int = 0) -> None:
        self.picc = Picc(parameters)
        self.heard: list[bytes] = []
        self._answer = answer
        self._slow = slow
        self._extensions = 0

    def __call__(self, block: bytes) -> bytes | None:
        step = self.picc.receive(block)
        match step:
            case Send(reply) | Deselected(reply):
                return reply
            case Command(apdu):
                self.heard.append(apdu)
                self._extensions = 0
                return self._reply()
            case Granted():
                return self._reply()
        return None

    def _reply(self) -> bytes:
        if self._extensions < self._slow:
            self._extensions += 1
            return self.picc.extend()
        return self.picc.answer(self._answer(self.heard[-1]))


class Air:
    """What `IsoDepInitiator` takes for a frontend: half duplex, so of two answers the later one is not heard."""

    def __init__(self, card: Callable[[bytes], bytes | None], fates: Iterable[Fate] = ()) -> None:
        self._card = card
        self._fates: Iterator[Fate] = iter(fates)
        self.blocks: list[tuple[bytes, bytes | None]] = []

    def exchange(self, block: bytes, timeout: float) -> bytearray:
        assert timeout > 0
        fate = next(self._fates, Fate.ARRIVES)
        answer = None if fate is Fate.LOST else self._card(bytes(block))
        if fate is Fate.TWICE:
            again = self._card(bytes(block))
            answer = again if answer is None else answer
        self.blocks.append((bytes(block), answer))
        if fate is Fate.GARBLED and answer is not None:
            raise nfc.clf.TransmissionError
        if answer is None or fate is Fate.UNHEARD:
            raise nfc.clf.TimeoutError
        return bytearray(answer)


def reader(air: Air, fsc: int = 256) -> IsoDepInitiator:
    """nfcpy's reader of a card that takes frames of ``fsc`` bytes."""
    return IsoDepInitiator(air, fsc, FWT)
