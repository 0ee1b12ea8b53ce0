"""Parsed objects: what a payload says never changes, so it is parsed once while it is in use.

Rule: nothing here was checked by being here; whoever stored it did that (`ledger_sync.bank.intake.intake`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from wallet.protocol.cose import Body, Signed, object_id, unsealed
from wallet.protocol.settlement import (
    CONSUMPTIONS,
    SETTLEMENTS,
    Consumption,
    Settlement,
    body_of,
)

B = TypeVar("B", bound=Body)

_VERSIONS: Final[Mapping[type[Body], Sequence[type[Any]]]] = {
    Consumption: CONSUMPTIONS,
    Settlement: SETTLEMENTS,
}
"""What is stored in any of its versions, and asked for by the first."""
_ASKED_BY: Final = {version: first for first, versions in _VERSIONS.items() for version in versions}
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
            self._held[_ASKED_BY.get(type(body), type(body)), payload] = body, object_name
            while len(self._held) > self._most:
                self._held.popitem(last=False)


_bodies: Final = _Bodies(_KEPT)


def keep(signed: Signed[Any]) -> None:
    """An object has just been parsed, and is likely to be asked for."""
    _bodies.put(signed.body, signed.payload, signed.id)


def load(kind: type[B], payload: bytes, seal: bytes = b"") -> Signed[B]:
    """An object as it was stored (``Signed.seal``), in whichever version, where it was checked before."""
    found = _bodies.get(kind, payload)
    if found is None:
        body = body_of(_VERSIONS.get(kind, (kind,)), payload)
        found = body, object_id(body.KIND, payload)
        _bodies.put(body, payload, found[1])
    return unsealed(found[0], payload, seal, found[1])
