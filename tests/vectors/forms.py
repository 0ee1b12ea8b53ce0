"""What the generators of vectors build with: any body at all, well signed, and one field of it replaced."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.vectors import Vector
from tests.support.world import ORDER, Key
from wallet.protocol import codec
from wallet.protocol.codes import Code

Case = tuple[str, Vector]
Cases = dict[Code, list[Case]]


def sealed(body: codec.Cbor, by: Key, typ: Any, algorithm: Any = -7) -> list[codec.Cbor]:
    """A COSE_Sign1 of any body at all, well signed."""
    return sealed_payload(codec.encode(body), by, typ, algorithm)


def sealed_payload(payload: bytes, by: Key, typ: Any, algorithm: Any = -7) -> list[codec.Cbor]:
    """The same of a payload that need not be what an encoder gives."""
    header = codec.encode({1: algorithm, 16: typ})
    structure = codec.encode(["Signature1", header, b"", payload])
    return [header, {}, payload, by.sign(structure)]


def of_no_message(by: Key) -> bytes:
    """A signature in its right form over a digest of zeros, of which nobody knows a message."""
    r, s = decode_dss_signature(
        by.private.sign(bytes(32), ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
    )
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def replaced(value: codec.Cbor, path: Sequence[int], item: Any) -> codec.Cbor:
    """``value`` with another ``item`` at ``path``."""
    changed = deepcopy(value)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = item
    return changed


def merged(*groups: Cases) -> Cases:
    """All cases by their code."""
    found: Cases = {}
    for group in groups:
        for code, cases in group.items():
            found.setdefault(code, []).extend(cases)
    return found


def labelled(cases: Cases) -> dict[str, Vector]:
    """Every case under a name that begins with its code, and with it."""
    found: dict[str, Vector] = {}
    for code, listed in cases.items():
        for name, made in listed:
            label = f"{code.value}-{name}".replace("_", "-")
            assert label not in found, label
            found[label] = {**made, "code": code.value}
    return found
