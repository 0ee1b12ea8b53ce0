"""Vectors of receipts: what a payer takes for the payee's word, and redemptions that give back. SPEC 4.7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.support.vectors import Vector
from tests.support.world import NOW, Key
from tests.vectors.forms import Cases
from tests.vectors.good import WORLD, in_world, vector
from tests.vectors.handmade import ASEL, BOLAT, DINA, ERLAN, handed, out
from tests.vectors.sales import USUAL, several
from wallet.protocol import codec, cose
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.transfer import Purpose, Refresh, ToAccount, TokenRef, ToPayer, Transfer

PAID: Final = several(USUAL.request, {}, {})
"""Two new transfers by two keys: 60 by Asel's, 40 by Bolat's."""
SAME: Final = several(USUAL.request, {}, {}, payers=(ASEL, ASEL))
FIRST, SECOND = (out(transfer) for transfer in PAID.transfers)
BACK_TO_ASEL, BACK_TO_BOLAT = ToPayer(ASEL.key.public), ToPayer(BOLAT.key.public)


def back(
    inputs: Sequence[TokenRef],
    amount: int,
    purpose: Purpose,
    *,
    by: Key = DINA.key,
    to: Key = WORLD.redemption,
    **edits: Any,
) -> Signed[Transfer]:
    """Dina gives back what came of these outputs."""
    return handed(by, inputs, to, amount, purpose=purpose, **{"total": 0, **edits})


ASELS: Final = back([FIRST], 60, BACK_TO_ASEL)
BOLATS: Final = back([SECOND], 40, BACK_TO_BOLAT, sequence=2)


def receipt(
    *given: Signed[Transfer],
    named: Sequence[Signed[Transfer]] | None = None,
    ids: Sequence[bytes] = PAID.ids,
    code: Code | None = Code.LIMIT_BALANCE,
    by: Key = DINA.key,
) -> bytes:
    """Dina's receipt that names ``named`` and carries ``given``."""
    told = given if named is None else named
    body = ReceiptBody(tuple(ids), code, tuple(item.id for item in told), NOW + 5)
    return codec.encode(Receipt(cose.sign(body, by.sign), given).to_cbor())


def answering(raw: bytes, note: str, payment: Payment = PAID) -> Vector:
    return in_world("receipt", raw, note, request=USUAL.request.encode(), payment=payment.encode())


def valid() -> dict[str, Vector]:
    """Every valid vector of receipts, without its meaning."""
    both = back([out(item) for item in SAME.transfers], 100, BACK_TO_ASEL)
    apart = [
        back([out(item)], 60 - 20 * n, BACK_TO_ASEL, sequence=n) for n, item in enumerate(SAME.transfers)
    ]
    made = {
        "refused-two-keys": (receipt(ASELS, BOLATS), PAID, "one redemption for each key that paid"),
        "refused-two-keys-other-order": (
            receipt(BOLATS, ASELS),
            PAID,
            "in the order that the receipt names them",
        ),
        "refused-one-key": (receipt(both, ids=SAME.ids), SAME, "two outputs of one key in one redemption"),
        "refused-one-key-twice": (receipt(*apart, ids=SAME.ids), SAME, "or in one each"),
        "refused-long-after": (
            receipt(back([FIRST], 60, BACK_TO_ASEL, time=NOW + 10**8), BOLATS),
            PAID,
            "whenever it was signed",
        ),
        "accepted-two-keys": (receipt(code=None), PAID, "accepted, all of it"),
    }
    return {f"receipt-{name}": answering(raw, note, payment) for name, (raw, payment, note) in made.items()}


def _of_its_form() -> dict[Code, dict[str, bytes]]:
    other = back([FIRST], 60, BACK_TO_ASEL, sequence=7)
    by_other = back([FIRST], 60, BACK_TO_ASEL, by=ERLAN.key)
    no_refusal = back([FIRST], 60, ToAccount())
    return {
        Code.RECEIPT_SIGNATURE: {
            "redemption-missing": receipt(ASELS, named=(ASELS, BOLATS)),
            "redemption-too-many": receipt(ASELS, BOLATS, named=(ASELS,)),
            "redemptions-swapped": receipt(BOLATS, ASELS, named=(ASELS, BOLATS)),
            "redemption-another": receipt(other, BOLATS, named=(ASELS, BOLATS)),
            "redemption-by-another": receipt(by_other, BOLATS),
            "second-redemption-by-another": receipt(BOLATS, by_other),
            "redemption-to-the-account": receipt(no_refusal, BOLATS),
            "second-redemption-to-the-account": receipt(BOLATS, no_refusal),
            "redemption-a-refresh": receipt(back([FIRST], 60, Refresh(ASEL.key.public, (60,))), BOLATS),
            "redemption-a-payment": receipt(back([FIRST], 60, bytes(16), to=ASEL.key), BOLATS),
            "accepted-with-redemptions": receipt(ASELS, named=(), code=None),
            "by-the-payer": receipt(ASELS, BOLATS, by=ASEL.key),
            "before-payment-unknown": receipt(ids=PAID.ids[:1], code=None, by=ERLAN.key),
        },
        Code.PAYMENT_UNKNOWN: {
            "other-order": receipt(ids=PAID.ids[::-1], code=None),
            "a-part-of-it": receipt(ids=PAID.ids[:1], code=None),
            "more-than-it": receipt(ids=(*PAID.ids, bytes(32)), code=None),
            "before-the-redemptions": receipt(ASELS, ASELS, ids=PAID.ids[:1]),
        },
    }


def _of_its_redemptions() -> dict[Code, dict[str, bytes]]:
    foreign = TokenRef(USUAL.payment.ids[0], 0)
    merged = back([FIRST, SECOND], 100, BACK_TO_ASEL)
    return {
        Code.PROVENANCE_MISSING: {
            "redeems-something-else": receipt(back([foreign], 60, BACK_TO_ASEL), BOLATS),
            "redeems-twice": receipt(ASELS, back([FIRST], 60, BACK_TO_ASEL, sequence=3)),
            "redeems-change": receipt(back([TokenRef(PAID.ids[0], 1)], 60, BACK_TO_ASEL), BOLATS),
            "before-its-form": receipt(back([foreign], 60, BACK_TO_ASEL, change=1), BOLATS),
        },
        Code.REDEMPTION_AMOUNTS: {
            "gives-back-a-part": receipt(ASELS),
            "keeps-change": receipt(back([FIRST], 59, BACK_TO_ASEL, change=1), BOLATS),
            "gives-back-the-other-part": receipt(BOLATS),
        },
        Code.REDEMPTION_PAYER: {
            "gives-back-to-the-other": receipt(back([FIRST], 60, BACK_TO_BOLAT), BOLATS),
            "gives-back-both-to-one": receipt(merged),
            "before-the-missing": receipt(back([FIRST], 60, BACK_TO_BOLAT)),
            "in-turn": receipt(back([FIRST], 60, BACK_TO_BOLAT), back([foreign], 40, BACK_TO_BOLAT)),
        },
        Code.REDEMPTION_KEY: {
            "gives-back-to-no-redemption-key": receipt(back([FIRST], 60, BACK_TO_ASEL, to=ERLAN.key), BOLATS)
        },
        Code.VALUE_MISMATCH: {"gives-back-less": receipt(back([FIRST], 59, BACK_TO_ASEL), BOLATS)},
        Code.TIME_BEFORE_INPUTS: {
            "gives-back-too-early": receipt(back([FIRST], 60, BACK_TO_ASEL, time=NOW - 1), BOLATS)
        },
    }


def cases() -> Cases:
    """Every invalid vector of receipts."""
    found: Cases = {}
    for group in (_of_its_form(), _of_its_redemptions()):
        for code, made in group.items():
            listed = [
                (f"receipt-{name}", answering(raw, name.replace("-", " "))) for name, raw in made.items()
            ]
            found.setdefault(code, []).extend(listed)
    forged = cose.sign(ASELS.body, ERLAN.key.sign)
    alone = vector(
        "receipt", receipt(forged), "its redemption is not signed by the payee", key=DINA.key.public
    )
    found[Code.RECEIPT_SIGNATURE].append(("redemption-forged", alone))
    return found
