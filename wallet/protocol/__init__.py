"""What money is: wire objects, strict codec, signatures, verification, closed error codes.

SPEC.md beside this file lets another team write a second implementation. Depends on the standard library,
cbor2 and cryptography only.
"""

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.directory import Directory
from wallet.protocol.evidence import check_evidence
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token, Verified, verify

__all__ = [
    "Code",
    "Directory",
    "Payment",
    "Refusal",
    "Token",
    "TokenRef",
    "Verified",
    "check_evidence",
    "parse_payment",
    "verify",
]
