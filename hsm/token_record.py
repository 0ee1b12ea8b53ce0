"""The record against rollback as a token carries it: its bytes, and the objects that hold them.

Rule: the record is the id of a marker key, which signs nothing. There are two, written over in turn, so that the newest
is never touched and that a step changes the contents of one object and no list of names: one flush to disk. A body that
was torn is told from a whole one. A record that an earlier Qalta kept in a data object is read as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hsm.keystore import DIGEST_BYTES, KeystoreError, Record
from hsm.pkcs11_store import Carrier

RECORD_CHECK_BYTES: Final = 8
RECORD_BODY_BYTES: Final = 16 + DIGEST_BYTES + RECORD_CHECK_BYTES
RECORD_DOMAIN: Final = b"qalta/record/v1"


@dataclass(frozen=True, slots=True)
class Kept:
    """The record, the object that carries it, and the one that the next will be written over."""

    record: Record
    carrier: Carrier
    spare: Carrier | None


def encode_record(record: Record) -> bytes:
    """56 bytes: step (8), sequence (8), digest (32), and 8 bytes that tell a whole one from a torn one."""
    content = record.step.to_bytes(8, "big") + record.sequence.to_bytes(8, "big") + record.digest
    return content + hashlib.sha256(RECORD_DOMAIN + content).digest()[:RECORD_CHECK_BYTES]


def decode_record(body: bytes) -> Record | None:
    """The record in a carrier's body, or None if the body is not whole."""
    if len(body) != RECORD_BODY_BYTES:
        return None
    step, sequence = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
    try:
        record = Record(step, sequence, body[16 : 16 + DIGEST_BYTES])
    except KeystoreError:
        return None
    return record if encode_record(record) == body else None


def newest_of(found: Sequence[Carrier]) -> tuple[Kept | None, tuple[Carrier, ...]]:
    """The newest record, and the carriers that it makes superfluous. None if there is no whole one: then what can't
    be read stays, since it may be read the next time."""
    whole = [(record, carrier) for carrier in found if (record := decode_record(carrier.body)) is not None]
    if not whole:
        return None, ()
    record, newest = max(whole, key=lambda item: item[0].step)
    spares = (carrier for _, carrier in whole if carrier is not newest and carrier.is_lasting)
    kept = Kept(record, newest, next(spares, None))
    return kept, tuple(carrier for carrier in found if carrier not in (newest, kept.spare))
