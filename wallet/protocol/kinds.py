"""The kinds of signed objects: ``typ`` is three letters and a version, and a version has one algorithm and one way of
being signed.

Rule: a version never changes. What would change it (a field, a bound, an algorithm) is a new version of the kind,
which stands beside the old one; a reader says which it reads, and refuses the others by name. SPEC sections 2.2, 11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from wallet.protocol.bounds import MAX_DIRECTORY_BYTES, MAX_OBJECT_BYTES
from wallet.protocol.keys import ES256, Algorithm


class Signing(Enum):
    """What a signature is over: one object, or the head of a tree that many objects are leaves of, which is made for
    these alone (a batch) or grows by them (a log). SPEC section 2.5."""

    ALONE = auto()
    IN_BATCH = auto()
    IN_LOG = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A version of a kind of signed object: ``letters`` say what it is, ``version`` which fields and bounds it has.

    ``most``: bytes of its payload, and of the object on its own.
    """

    letters: str
    version: int
    algorithm: Algorithm = ES256
    most: int = MAX_OBJECT_BYTES
    signing: Signing = Signing.ALONE
    typ: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "typ", f"{self.letters}{self.version}")

    def __str__(self) -> str:
        return self.typ


DIRECTORY: Final = Kind("qbd", 1)
DIRECTORY_2: Final = Kind("qbd", 2, most=MAX_DIRECTORY_BYTES)
POLICY_HEAD: Final = Kind("qph", 1)
POLICY_DELTA: Final = Kind("qpd", 1)
POLICY_BASE: Final = Kind("qpb", 1)
CERTIFICATE: Final = Kind("qwc", 1)
ISSUANCE: Final = Kind("qis", 1)
REQUEST: Final = Kind("qrq", 1)
TRANSFER: Final = Kind("qtr", 1)
RECEIPT: Final = Kind("qrc", 1)
SETTLEMENT: Final = Kind("qsa", 1)
SETTLEMENT_2: Final = Kind("qsa", 2, signing=Signing.IN_BATCH)
COMMIT: Final = Kind("qcm", 1)
COMMIT_2: Final = Kind("qcm", 2, signing=Signing.IN_BATCH)
CONSUMPTION: Final = Kind("qnc", 1)
CONSUMPTION_2: Final = Kind("qnc", 2, signing=Signing.IN_LOG)
CALL: Final = Kind("qhc", 1)
TIME_WORD: Final = Kind("qtw", 1)
CONTACT: Final = Kind("qck", 1)

KINDS: Final = (
    DIRECTORY,
    DIRECTORY_2,
    POLICY_HEAD,
    POLICY_DELTA,
    POLICY_BASE,
    CERTIFICATE,
    ISSUANCE,
    REQUEST,
    TRANSFER,
    RECEIPT,
    SETTLEMENT,
    SETTLEMENT_2,
    COMMIT,
    COMMIT_2,
    CONSUMPTION,
    CONSUMPTION_2,
    CALL,
    TIME_WORD,
    CONTACT,
)
"""All that this version of the software reads."""
