"""An operator's orders about keys: the next one of a service, and that it follows on the present ones.

Rule: the same order again is the same act. A key is made where it will sign and is listed by the central bank before it
is good; so the one order goes to the service, the other to the central bank, by whoever operates each.
"""

from __future__ import annotations

from typing import Final

from ledger_sync.client.bank import Service
from ledger_sync.http.peers import read
from wallet.protocol import codec
from wallet.protocol.bounds import KEY_BYTES, MAX_SUM
from wallet.protocol.codec import Cbor
from wallet.protocol.directory import Role

ROLES: Final = {
    "issuing": Role.ISSUING,
    "policy": Role.POLICY,
    "notary": Role.NOTARY,
    "redemption": Role.REDEMPTION,
}
"""Whose keys follow one on the other, besides banks'."""
_OF_BANK: Final = 0


class KeyOrders:
    """The calls of the key that a service's settings name as its operator's. Each raises ``RemoteRefusal`` or
    ``NoAnswer``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def make(self, purpose: str, number: int) -> bytes:
        """The service's key of a purpose by its number, from 2 on, made where there is none; 33 bytes. NOT_FOUND: it
        has no such purpose."""
        return _key(self._service.post("/v1/keys/own", [purpose, number]))

    def follow(self, key: bytes, since: int, rest: int, *, bank: str = "", role: int | None = None) -> int:
        """Have the central bank let ``key`` follow on those of a bank, or else of a role, as which a part of the notary
        counts (`wallet.protocol.parts.role_of`): good from ``since`` (unix seconds), and those before for ``rest``
        seconds more. The policy version that says so. MALFORMED, BANK_UNKNOWN, TOO_MANY."""
        order: list[Cbor] = [_OF_BANK if role is None else role, bank, key, since, rest]
        return read(self._service.post("/v1/keys", order), _version)

    def hand_over(self, version: int) -> bytes:
        """Have the central bank's root hand over to a fresh one by the directory of this version, the next; the new
        root, 33 bytes. MALFORMED, with the version that it ``have``."""
        return _key(self._service.post("/v1/handovers", [version]))


def _key(answer: Cbor) -> bytes:
    return read(answer, lambda held: codec.octets(codec.array(held, 1)[0], KEY_BYTES))


def _version(answer: Cbor) -> int:
    (version,) = codec.array(answer, 1)
    return codec.uint(version, MAX_SUM)
