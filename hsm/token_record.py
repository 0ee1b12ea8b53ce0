"""The record against rollback as a token carries it: its bytes, and the objects that hold them.

Rule: where a module has data objects the record is one, else the id of a key that signs nothing; either way a body that
was torn is told from a whole one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hsm.entrance import Parts
from hsm.keystore import DIGEST_BYTES, KeystoreError, Record
from hsm.pkcs11_store import Carrier
from hsm.profiles import RecordForm

RECORD_CHECK_BYTES: Final = 8
RECORD_BODY_BYTES: Final = 16 + DIGEST_BYTES + RECORD_CHECK_BYTES
RECORD_DOMAIN: Final = b"qalta/record/v1"


@dataclass(frozen=True, slots=True)
class Kept:
    """The record, and the object that carries it."""

    record: Record
    carrier: Carrier


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


def carriers(parts: Parts) -> list[Carrier]:
    match parts.entrance.running.profile.record_form:
        case RecordForm.DATA_OBJECT:
            return parts.session.data_carriers()
        case RecordForm.MARKER_KEY:
            return parts.session.key_carriers()


def add_carrier(parts: Parts, body: bytes) -> Carrier:
    match parts.entrance.running.profile.record_form:
        case RecordForm.DATA_OBJECT:
            return parts.session.add_data_carrier(body)
        case RecordForm.MARKER_KEY:
            return parts.session.add_key_carrier(body)
