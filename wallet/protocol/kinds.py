"""The kinds of signed objects: ``typ`` is three letters and a version, and a version has one algorithm.

Rule: a version never changes. What would change it (a field, a bound, an algorithm) is a new version of the kind,
which stands beside the old one; a reader says which it reads, and refuses the others by name. SPEC sections 2.2, 11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wallet.protocol.bounds import MAX_DIRECTORY_BYTES, MAX_OBJECT_BYTES
from wallet.protocol.keys import ES256, Algorithm


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A version of a kind of signed object: ``letters`` say what it is, ``version`` which fields and bounds it has.

    ``most``: bytes of its payload, and of the object on its own.
    """

    letters: str
    version: int
    algorithm: Algorithm = ES256
    most: int = MAX_OBJECT_BYTES
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
COMMIT: Final = Kind("qcm", 1)
CONSUMPTION: Final = Kind("qnc", 1)
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
    COMMIT,
    CONSUMPTION,
    CALL,
    TIME_WORD,
    CONTACT,
)
"""All that this version of the software reads."""
