"""Idempotency keys: by what each act is done once, however often it is asked for. One table for all roles.

    act                                 at the bank (cause of a booking)      at the central bank (key of a row)
    ----------------------------------  ------------------------------------  -------------------------------------
    an account's opening amount         opening:<account>                     -
    funding: debit, issue, give back    funding:<id>:<attempt>[:issued|:back]  the funding id, 16 bytes
    redemption to an account            redemption:<txid>                     the redemption's txid
    refresh, refusal: new tokens        -                                     the txid; its first 16 bytes as funding id
    refund                              refund:<refund id>                    the refund id, as the notary's consumer
    compensation for what is not shown  challenge:<claim>:<wanted>:<place>:<paid>  claim, wanted and place
    any of these, forgotten meanwhile   forgotten:<kind>:<id>                 as above
    issue, withdrawal                   movement:<kind>:<id>                  the operator's 16 bytes
    lost challenge                      movement:<kind>:<id>:<number>         as the compensation

Rule: a key is made from what caused the act and from nothing that a second attempt would choose anew.
"""

from __future__ import annotations

import hashlib

from wallet.protocol import codec
from wallet.protocol.bounds import FUNDING_ID_BYTES
from wallet.protocol.transfer import TokenRef


def opening(account: str) -> str:
    """Of an account's first money."""
    return f"opening:{account}"


def funding(identifier: bytes, attempt: int) -> str:
    """Of a funding's debit: once, and anew where the central bank carried it out after it was given back."""
    return f"funding:{identifier.hex()}:{attempt}"


def funding_issued(identifier: bytes, attempt: int) -> str:
    """Of what became of the debit: tokens."""
    return f"{funding(identifier, attempt)}:issued"


def funding_back(identifier: bytes, attempt: int) -> str:
    """Of what became of the debit: it went back to the account."""
    return f"{funding(identifier, attempt)}:back"


def redemption(txid: bytes) -> str:
    """Of a redemption's money on its signer's account."""
    return f"redemption:{txid.hex()}"


def reissue(txid: bytes) -> bytes:
    """The funding id (16 bytes) of the issuance that a refresh or refusal gives. SPEC 4.3."""
    return txid[:FUNDING_ID_BYTES]


def refund_id(token: TokenRef) -> bytes:
    """The consumer of a refund at the notary: SHA-256("refund" ‖ the reference's CBOR). SPEC 9.6."""
    return hashlib.sha256(b"refund" + codec.encode(token.to_cbor())).digest()


def refund(token: TokenRef) -> str:
    """Of a refund's money on its owner's account."""
    return f"refund:{refund_id(token).hex()}"


def compensation(claim: bytes, wanted: bytes, place: int, paid: int) -> str:
    """Of what a bank paid because it could not show ``wanted``, which took a token from ``claim``, a transfer or a
    refund; ``place`` numbers the shares, and ``paid`` is what has come of one by then."""
    return f"challenge:{claim.hex()}:{wanted.hex()}:{place}:{paid}"


def forgotten(kind: str, cause: bytes) -> str:
    """Of a movement that a bank caused and, put back from a backup, no longer knows."""
    return f"forgotten:{kind}:{cause.hex()}"


def movement(kind: str, cause: bytes, number: int) -> str:
    """Of a movement of the bank's position that the bank did not cause itself. An order of the operator's is known by
    its id, for a central bank that was put back from a backup numbers it anew; a claim may be paid in parts, and what
    of a part was booked before is known by what all of them come to."""
    start = f"movement:{kind}:{cause.hex()}"
    return start if kind in ("issue", "withdrawal") else f"{start}:{number}"
