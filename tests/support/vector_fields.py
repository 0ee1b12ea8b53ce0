"""What a vector that asks for ``fields`` says an object holds: every field by its name in the SPEC, bytes as hex.

A vector without them says less, because it was frozen before; what it says stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.keys import PublicKey
from wallet.protocol.policy import Policy
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer
from wallet.protocol.validity import Token, Verified


def plain(value: Any) -> Any:
    """``value`` as JSON holds it: signed objects by their id, token references as ``txid:index``."""
    match value:
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case Signed():
            return value.id.hex()
        case TokenRef():
            return str(value)
        case Refresh(owner, amounts):
            return {"refresh": [owner.hex(), list(amounts)]}
        case ToAccount():
            return {"defunding": True}
        case ToPayer(payer):
            return {"refusal": payer.hex()}
        case Mapping():
            return {plain(name): plain(item) for name, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
    if isinstance(value, PublicKey):
        return value.raw.hex()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def of_token(token: Token) -> dict[str, Any]:
    """All that a verifier finds of one output."""
    return plain(token)  # type: ignore[no-any-return]


def of_payment(verified: Verified) -> dict[str, Any]:
    """Each transfer with the certificate that it was judged by, and every output, in the order of the payment."""
    transfers = verified.payment.transfers
    return {
        "new": [txid.hex() for txid in verified.payment.ids],
        "signers": [verified.signers[transfer.id].id.hex() for transfer in transfers],
        "tokens": [of_token(token) for token in verified.tokens.values()],
    }


def of_directory(directory: Directory) -> dict[str, Any]:
    """Banks and roles with their keys."""
    return {
        "version": directory.version,
        "time": directory.time,
        "banks": plain(directory.banks),
        "roles": {
            role.name.lower(): plain(directory.roles.get(role, ()))
            for role in Role
            if role is not Role.AUDITOR or role in directory.roles
        },
    }


def of_policy(policy: Policy) -> dict[str, Any]:
    """The directory after all changes, and the head."""
    return {"directory": of_directory(policy.directory), "head": plain(policy.head)}
