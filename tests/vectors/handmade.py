"""Transfers and payments put together by hand, right or wrong: nothing here is checked before it is signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.support.vectors import Vector
from tests.support.world import NOW, Key, Person
from tests.vectors.good import WORLD, in_world, vector
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.cose import Signed
from wallet.protocol.directory import DirectoryBody
from wallet.protocol.issuance import Issuance
from wallet.protocol.payment import Payment
from wallet.protocol.policy import PolicyUpdate
from wallet.protocol.transfer import Purpose, TokenRef, Transfer

SOME_REQUEST: Final = b"some request ref"
ASEL, BOLAT, DINA, ERLAN = (WORLD.person(name) for name in ("Asel", "Bolat", "Dina", "Erlan"))


def handed(
    by: Key,
    inputs: Sequence[TokenRef],
    payee: Key,
    amount: int,
    change: int = 0,
    *,
    purpose: Purpose = SOME_REQUEST,
    sequence: int = 1,
    total: int | None = None,
    time: int = NOW,
) -> Signed[Transfer]:
    """A transfer of these inputs; ``total``: the amount, where it is not said."""
    body = Transfer(
        inputs=tuple(sorted(inputs)),
        payee=payee.public,
        amount=amount,
        change=change,
        purpose=purpose,
        sequence=sequence,
        total=amount if total is None else total,
        time=time,
    )
    return cose.sign(body, by.sign)


def out(signed: Signed[Transfer] | Signed[Issuance], output: int = 0) -> TokenRef:
    """The name of an output."""
    return TokenRef(signed.id, output)


def paid(
    transfers: Sequence[Signed[Transfer]],
    issuances: Sequence[Signed[Issuance]],
    people: Sequence[Person | Signed[Certificate]],
    *,
    new: int = 1,
    policy: PolicyUpdate | None = None,
) -> Payment:
    """A payment with the certificates of these people."""
    certificates = tuple(who.certificate if isinstance(who, Person) else who for who in people)
    return Payment(new, tuple(transfers), tuple(issuances), certificates, policy)


def shown(
    payment: Payment, note: str, *, under: Signed[DirectoryBody] | None = None, **context: Any
) -> Vector:
    """A payment as a vector that says every output and which certificate each transfer was judged by."""
    if under is None:
        return in_world("payment", payment.encode(), note, fields=True, **context)
    directory = under.encode()
    return vector(
        "payment", payment.encode(), note, root=WORLD.root.public, directory=directory, fields=True, **context
    )


def plain(payment: Payment, note: str = "", **context: Any) -> Vector:
    """The same with nothing but what ``means`` of old says."""
    made = shown(payment, note, **context)
    del made["fields"]
    return made
