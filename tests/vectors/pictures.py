"""Vectors of QR frames (their SPEC, 5 and 6): what a sender shows in order, and receptions at the receiver's bounds.

Made from messages of a few bytes, with frames that senders make and, among them, some that somebody made up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from wallet.transport.qr.frames import FrameEncoder
from wallet.transport.qr.layout import (
    MAX_CHUNK_BYTES,
    Frame,
    Limits,
    Outcome,
    message_id,
    read_frame,
    write_frame,
)
from wallet.transport.qr.receiver import FrameReceiver


def message(number: int, chunks: int) -> bytes:
    """A message of so many chunks of 2 bytes; another for each number."""
    return bytes([number, chunks] * chunks)


def frames(number: int, chunks: int, *seqs: int) -> list[str]:
    """Frames of ``message(number, chunks)``."""
    encoder = FrameEncoder(message(number, chunks), 2)
    return [encoder.frame(seq) for seq in seqs]


def made_up(number: int, chunks: int, *seqs: int) -> list[str]:
    """Frames that claim to be of that message and are not."""
    whole = message(number, chunks)
    return [write_frame(Frame(message_id(whole), len(whole), seq, bytes([seq % 251, 7]))) for seq in seqs]


def sequences() -> Iterator[dict[str, Any]]:
    """What a sender shows: few chunks pass rows over, many do not, one repeats frame 0."""
    for chunks in (1, 2, 3, 5, 9, 16, 17):
        whole = message(chunks, chunks)
        shown = list(islice(FrameEncoder(whole, 2).frames(), 4 * chunks + 8))
        seqs = [read_frame(text, Limits()).seq for text in shown]
        yield {"name": f"{chunks} chunks", "message": whole.hex(), "chunk_size": 2, "seqs": seqs}


def _texts() -> dict[str, list[str]]:
    waiting = [frames(n, 3, 0)[0] for n in range(17)]
    running = [text for n in range(9) for text in frames(n, 3, 0, 1)]
    remembered = [frames(n, 1, 0)[0] for n in range(17)]
    others = [frames(n, 3, 0)[0] for n in range(1, 19)]
    eight = list(range(8, 60))
    return {
        "16 wait, the seventeenth pushes out the first": [*waiting, *frames(0, 3, 1, 2), *frames(1, 3, 1, 2)],
        "16 wait, the second is still there": [*waiting, *frames(1, 3, 1, 2)],
        "8 run, the ninth pushes out the first": [*running, *frames(0, 3, 2), *frames(1, 3, 2)],
        "fed again, it is pushed out last": [
            *running[:16],
            *frames(0, 3, 1),
            *running[16:],
            *frames(0, 3, 2),
        ],
        "16 complete messages are remembered": [*remembered, *frames(1, 1, 0), *frames(0, 1, 0)],
        "shown until 16 frames of others have come": [*frames(0, 3, 0), *others, *frames(0, 3, 1)],
        "one that runs is shown before one that waits": [
            *frames(0, 3, 0),
            *frames(1, 3, 0, 1),
            *frames(2, 3, 0, 1),
        ],
        "of three chunks, begun anew at once": [
            *made_up(0, 3, 0),
            *frames(0, 3, 1, 2),
            *frames(0, 3, 0, 1, 2),
        ],
        "of one chunk, nothing is shown after": [*made_up(0, 1, 0), *frames(0, 1, 0)],
        "a failed check below rank k": [
            *frames(0, 4, 0, 1),
            *made_up(0, 4, 1),
            *frames(0, 4, 1, 2),
            *frames(0, 4, *range(3, 16)),
        ],
        "of four chunks, repaired": [*made_up(0, 4, 0), *frames(0, 4, *range(1, 16))],
        "begun anew after 3k + 32 in vain": [
            *made_up(0, 8, *range(8)),
            *made_up(0, 8, *eight),
            *made_up(0, 8, *range(60, 80)),
            *frames(0, 8, *range(8)),
        ],
        "repeats and other texts after the end": [
            *frames(0, 3, 0, 1, 2, 0),
            "QALTA2:",
            *frames(1, 1, 0),
            *frames(0, 3, 1),
        ],
        "another length or chunk size is another stream": [
            *frames(0, 3, 0),
            write_frame(Frame(message_id(message(0, 3)), 5, 1, b"xx")),
            write_frame(Frame(message_id(message(0, 3)), 6, 1, b"xxx")),
            *frames(0, 3, 1, 2),
        ],
        "1024 chunks are not too many": [
            FrameEncoder(bytes(1024), 1).frame(0),
            FrameEncoder(bytes(1024), 1).frame(1025),
        ],
        "65536 bytes are not too long": [FrameEncoder(bytes(65_536), 64).frame(65_535)],
        "4296 characters are not too many": [FrameEncoder(bytes(MAX_CHUNK_BYTES), MAX_CHUNK_BYTES).frame(0)],
        "every number is allowed": [*frames(0, 1, 65535), *frames(1, 2, 65535, 65534, 65533, 65532, 65531)],
    }


def receptions() -> Iterator[dict[str, Any]]:
    """Texts in order, with what became of each."""
    for name, texts in _texts().items():
        receiver = FrameReceiver()
        steps, messages = [], []
        for text in texts:
            progress = receiver.add(text)
            steps.append(
                {
                    "text": text,
                    "outcome": progress.outcome.value,
                    "rank": progress.rank,
                    "needed": progress.needed,
                }
            )
            if progress.outcome is Outcome.COMPLETE:
                assert receiver.message is not None
                messages.append(receiver.message.hex())
        yield {"name": name, "steps": steps, "messages": messages}


def as_text(made: Iterable[dict[str, Any]]) -> str:
    """A file, one step or sequence a line."""
    return (
        json.dumps(list(made), indent=None).replace('{"name"', '\n{"name"').replace('{"text"', '\n {"text"')
        + "\n"
    )
