"""Frames in, messages out, in any order, with losses, repetitions and strangers' frames between.

Rule: nothing that a stranger shows can raise, use unbounded memory or time, or stop a reception that is
running.

- Frames are grouped by `Stream`. A stream *waits* until its second independent row, then it *runs*. Both
  places are small and each drops what has gone unfed longest, so frames of messages that never return only
  push out each other; to push out a running stream takes `running` other streams, two rows each, between
  two of its own frames.
- Made-up rows under a true message id are found by contradiction and left out (`fountain.Solver`). Where that
  fails the stream is dropped and begins anew with its next frame.
- Memory: at most (`running` x (3 chunks + 32) + `waiting`) rows, (`remembered` + 1) ids and one message.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from wallet.transport.qr.fountain import Added, Basis, Solver, row_mask, scramble
from wallet.transport.qr.layout import Frame, FrameError, Limits, Outcome, Stream, message_id, read_frame

REPAIRABLE_CHUNKS: Final = 4
"""A spoiled stream of fewer chunks begins anew at once: that takes fewer frames than to repair it."""
PATIENCE: Final = 16
"""Accepted frames of other streams after which the progress shown turns to one of them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of the text, and how far the reception that is shown has come: `rank` of `needed` rows.

    `needed` is 0 before the first frame. `rank` reaches `needed` only when the message is complete.
    """

    outcome: Outcome
    rank: int
    needed: int

    @property
    def complete(self) -> bool:
        """The text belongs to a message that is complete."""
        return self.outcome in (Outcome.COMPLETE, Outcome.REPEAT)


def message_of(text: str) -> bytes | None:
    """The id of the message that a code's text is a frame of; None where it is no frame that can be taken."""
    try:
        return read_frame(text, Limits()).message_id
    except FrameError:
        return None


class _State(Enum):
    OPEN = auto()
    SOLVED = auto()
    HOPELESS = auto()


class _Reception:
    """The rows of one stream and what they give."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.state = _State.OPEN
        self.message = b""
        self._solver = Solver(stream.chunk_count)
        self._spoiled = False
        self._repairs_left = self._solver.max_rows if stream.chunk_count >= REPAIRABLE_CHUNKS else 1

    @property
    def rank(self) -> int:
        return self._solver.everything.rank

    def add(self, frame: Frame) -> Outcome:
        mask = row_mask(self.stream.message_id, self.stream.chunk_count, frame.seq)
        added = self._solver.add(mask, int.from_bytes(frame.chunk, "big"))
        self._spoiled = self._spoiled or added is Added.CONTRADICTION
        if added is Added.NEW and self._solver.everything.full:
            self._spoiled = not self._solved_by(self._solver.everything)
        if self.state is _State.OPEN and self._past_repair():
            self.state = _State.HOPELESS
        if self.state is _State.SOLVED:
            return Outcome.COMPLETE
        if self._spoiled:
            return Outcome.SPOILED
        return Outcome.USEFUL if added is Added.NEW else Outcome.KNOWN

    def _past_repair(self) -> bool:
        """Tries the rows that proved true once they are enough; True when that failed or takes too long."""
        if self._solver.trusted.full:
            return not self._solved_by(self._solver.trusted)
        self._repairs_left -= self._spoiled
        return self._repairs_left == 0 or self._solver.exhausted

    def _solved_by(self, basis: Basis) -> bool:
        chunks = b"".join(chunk.to_bytes(self.stream.chunk_bytes, "big") for chunk in basis.solve())
        message = scramble(self.stream.message_id, chunks)[: self.stream.length]
        if message_id(message) != self.stream.message_id:
            return False
        self.message = message
        self.state = _State.SOLVED
        return True


class FrameReceiver:
    """Receives any number of messages, one after the other or mixed:

    if receiver.add(text).outcome is Outcome.COMPLETE:
        session.receive(receiver.message)
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.reset()

    def reset(self) -> None:
        """Forgets everything, completed messages included."""
        self._running: OrderedDict[Stream, _Reception] = OrderedDict()
        self._waiting: OrderedDict[Stream, _Reception] = OrderedDict()
        self._completed: OrderedDict[bytes, None] = OrderedDict()
        self._shown: Stream | None = None
        self._silence = 0
        self._message: bytes | None = None
        self._message_chunks = 0

    @property
    def message(self) -> bytes | None:
        """The message completed last."""
        return self._message

    @property
    def unfinished(self) -> int:
        """How many messages have come in part."""
        return len({stream.message_id for stream in (*self._running, *self._waiting)})

    def add(self, text: str) -> Progress:
        """Takes one decoded QR text, whatever it is. Never raises."""
        try:
            frame = read_frame(text, self._limits)
        except FrameError as error:
            return self._progress(error.outcome)
        if frame.message_id in self._completed:
            return self._progress(Outcome.REPEAT)
        reception = self._reception(frame.stream)
        outcome = reception.add(frame)
        if reception.state is not _State.OPEN:
            return self._close(reception, outcome)
        self._keep(reception)
        if self._show(reception) or outcome is Outcome.SPOILED:
            return self._progress(outcome)
        return self._progress(Outcome.FOREIGN)

    def _reception(self, stream: Stream) -> _Reception:
        return self._running.get(stream) or self._waiting.get(stream) or _Reception(stream)

    def _close(self, reception: _Reception, outcome: Outcome) -> Progress:
        self._forget(reception.stream)
        if reception.state is _State.SOLVED:
            self._message = reception.message
            self._message_chunks = reception.stream.chunk_count
            self._completed[reception.stream.message_id] = None
            while len(self._completed) > self._limits.remembered:
                self._completed.popitem(last=False)
            return Progress(outcome, self._message_chunks, self._message_chunks)
        return self._progress(outcome)

    def _keep(self, reception: _Reception) -> None:
        """Puts it last in the place where it belongs, and drops from that place what has gone unfed
        longest."""
        self._waiting.pop(reception.stream, None)
        place, room = self._waiting, self._limits.waiting
        if reception.rank > 1:
            place, room = self._running, self._limits.running
        place[reception.stream] = reception
        place.move_to_end(reception.stream)
        while len(place) > room:
            self._forget(next(iter(place)))

    def _forget(self, stream: Stream) -> None:
        self._waiting.pop(stream, None)
        self._running.pop(stream, None)
        if self._shown == stream:
            self._shown = None

    def _show(self, reception: _Reception) -> bool:
        """Whether this is the reception whose progress is shown, which may change hereby."""
        if self._shown == reception.stream:
            self._silence = 0
            return True
        self._silence += 1
        shown_runs = self._shown in self._running
        overtakes = reception.rank > 1 and not shown_runs
        if self._shown is not None and self._silence <= PATIENCE and not overtakes:
            return False
        self._shown = reception.stream
        self._silence = 0
        return True

    def _progress(self, outcome: Outcome) -> Progress:
        shown = self._running.get(self._shown) or self._waiting.get(self._shown) if self._shown else None
        if shown is not None:
            needed = shown.stream.chunk_count
            return Progress(outcome, min(shown.rank, needed - 1), needed)
        return Progress(outcome, self._message_chunks, self._message_chunks)
