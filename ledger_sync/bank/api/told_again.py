"""Answers that are told again: who uploads the same bytes again gets the same answer, and nothing is looked up for it.

Rule: an answer is kept only where it is the same for ever: each transfer in it is a payment that has settled, in kinds
that the same caller reads. It is the caller's own: another who shows the same is somebody of whom the bank has to take
note. What is kept is what fits into so many bytes, the newest; whatever is not is answered from the store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger_sync.bank.ports.settlements import Told
from wallet.protocol import codec
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.settlement import Verdict

_MOST_BYTES: Final = 4_194_304
_OF_ENTRY: Final = 256
"""Bytes of an entry besides its answer, about."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload by the bytes that came, with who brought it and what that one reads."""

    uploader: str
    reads: frozenset[str]
    digest: bytes

    @classmethod
    def of(cls, body: bytes, uploader: str, reads: frozenset[str]) -> Upload | None:
        """None where the bytes are not at hand."""
        return cls(uploader, reads, sha256(body).digest()) if body else None


@dataclass(frozen=True, slots=True)
class Kept:
    """``answer`` as it is encoded, on so many ``transfers`` of an upload of so many ``items``."""

    answer: bytes
    transfers: int
    items: int


class ToldAgain:
    """The answers. Safe to share between threads."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._bytes = 0
        self._held: OrderedDict[Upload, Kept] = OrderedDict()

    def get(self, upload: Upload | None) -> Kept | None:
        """What it was answered with, but for when each was first answered."""
        with self._lock:
            kept = None if upload is None else self._held.get(upload)
            if upload is not None and kept is not None:
                self._held.move_to_end(upload)
            return kept

    def keep(
        self, upload: Upload | None, bundle: Bundle, rows: Sequence[Cbor], told: Mapping[bytes, Told]
    ) -> None:
        """Keep ``rows``, unless they may yet change; ``told``: of payments what they say."""
        if upload is None or not all(_is_for_ever(row, told.get(row[0])) for row in rows):
            return
        first = {txid: one.settlement.body.time for txid, one in told.items()}
        again = codec.encode([[txid, verdict, first[txid], *rest] for txid, verdict, _, *rest in rows])
        with self._lock:
            before = self._held.pop(upload, None)
            self._held[upload] = Kept(again, len(rows), items_of(bundle))
            self._bytes += _size(again) - (0 if before is None else _size(before.answer))
            while self._bytes > self._most_bytes:
                self._bytes -= _size(self._held.popitem(last=False)[1].answer)


def items_of(bundle: Bundle) -> int:
    """All that a bundle names."""
    return sum(map(len, (bundle.transfers, bundle.issuances, bundle.certificates, bundle.requests)))


def _size(answer: bytes) -> int:
    return len(answer) + _OF_ENTRY


def _is_for_ever(row: Sequence[Cbor], told: Told | None) -> bool:
    """It is not given as waiting, and has settled: what is refused may be let go of."""
    return row[1] is not None and told is not None and told.settlement.body.verdict is Verdict.SETTLED
