"""Parsed objects: what a payload says never changes, so it is parsed once while it is in use.

Rule: nothing here was checked by being here; whoever stored it did that (`ledger_sync.bank.intake.intake`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final, TypeVar

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.cose import Body, Signed, object_id

B = TypeVar("B", bound=Body)

_KEPT: Final = 4_096
"""Bodies that are kept."""


class _Bodies:
    """The bodies used last, with their ids. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[type[Body], bytes], tuple[Any, bytes]] = OrderedDict()

    def get(self, kind: type[Body], payload: bytes) -> tuple[Any, bytes] | None:
        key = (kind, payload)
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, body: Body, payload: bytes, object_name: bytes) -> None:
        with self._lock:
            self._held[type(body), payload] = body, object_name
            while len(self._held) > self._most:
                self._held.popitem(last=False)


_bodies: Final = _Bodies(_KEPT)


def keep(signed: Signed[Any]) -> None:
    """An object has just been parsed, and is likely to be asked for."""
    _bodies.put(signed.body, signed.payload, signed.id)


def load(kind: type[B], payload: bytes, signature: bytes = b"") -> Signed[B]:
    """An object as it was stored, where it was checked before."""
    found = _bodies.get(kind, payload)
    if found is None:
        found = kind.from_cbor(codec.decode(payload, MAX_OBJECT_BYTES)), object_id(kind.KIND, payload)
        _bodies.put(found[0], payload, found[1])
    return Signed(found[0], payload, signature, found[1])
