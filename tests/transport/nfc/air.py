"""The air between nfcpy's own reader and a card of ours, in one process and in virtual time: frames at 106 kbit/s.

A frame takes ``FRAME`` seconds and ``BYTE`` for each of its bytes. Rule: what is lost is lost by number or by chance
that is passed in; nobody waits on a real clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nfc.clf
import nfc.tag

from tests.transport.nfc.radio import RadioCard
from tests.transport.nfc.taps import Clock
from wallet.transport.nfc import Deadline, TapEnd, Tapper
from wallet.transport.nfc.isodep import ATS, is_rats, read_rats
from wallet.transport.nfc.nfcpy_reader import _Link
from wallet.transport.nfc.ports import LinkLost

FRAME = 0.002
BYTE = 85e-6
CHECK_BYTES = 2
_CARD = {"sens_res": b"\x04\x00", "sdd_res": b"\x08\x01\x02\x03", "sel_res": b"\x20"}

Loss = Callable[[int], bool]
"""Whether the n-th frame (from 0, both directions) is lost."""


def no_loss(_: int) -> bool:
    return False


class Air:
    """What nfcpy takes for its frontend, with one card in the field."""

    max_send_data_size = max_recv_data_size = 256

    def __init__(self, answer: Callable[[bytes], bytes], clock: Clock, is_lost: Loss = no_loss) -> None:
        self._answer = answer
        self._clock = clock
        self._is_lost = is_lost
        self._card: RadioCard | None = None
        self.frames = 0

    def exchange(self, block: bytes, timeout: float) -> bytearray:
        answer = self._heard(bytes(block)) if self._passes(block) else None
        if answer is None or not self._passes(answer):
            self._clock.pause(timeout)
            raise nfc.clf.TimeoutError
        return bytearray(answer)

    def _heard(self, block: bytes) -> bytes | None:
        if is_rats(block):
            self._card = RadioCard(self._answer, read_rats(block))
            return ATS
        return None if self._card is None else self._card(block)

    def _passes(self, frame: bytes) -> bool:
        number, self.frames = self.frames, self.frames + 1
        self._clock.pause(FRAME + BYTE * (len(frame) + CHECK_BYTES))
        return not self._is_lost(number)

    def tag(self) -> Any:
        """The card as nfcpy activates it; ``LinkLost`` where RATS went unheard, as a reader looks again."""
        target = nfc.clf.RemoteTarget("106A", **{name: bytearray(value) for name, value in _CARD.items()})
        try:
            tag = nfc.tag.activate(self, target)
        except nfc.clf.Error:
            tag = None
        if tag is None:
            raise LinkLost
        return tag


def tap(tapper: Tapper, air: Air, deadline: Deadline) -> TapEnd:
    """One card in nfcpy's field, from RATS on."""
    try:
        link = _Link(air.tag(), deadline)
    except LinkLost:
        return TapEnd.TORN
    return tapper.tap(link, deadline)
