"""What comes back: receipts from payees, commits, consumptions and settlements from the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import NOW, Key
from tests.vectors import good
from tests.vectors.good import AIGUL, BAURZHAN, DEAL, TOKEN, WORLD, refusal
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_SUM
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.receipt import Receipt, ReceiptBody, check_answer, check_receipt
from wallet.protocol.settlement import (
    CENTRAL_BANK,
    Commit,
    Consumption,
    Settlement,
    Verdict,
    check_commit,
    check_consumption,
    check_settlement,
    settle_values,
)
from wallet.protocol.transfer import ToAccount, TokenRef, ToPayer, Transfer

DIRECTORY = WORLD.directory()
ALATAU, ZHIBEK = WORLD.bank_key("alatau"), WORLD.bank_key("zhibek")
OTHER = Key.of("somebody else")


def receipt(code: Code | None, *refusals: Signed[Transfer], by: Key = BAURZHAN.key) -> Receipt:
    return Receipt.from_cbor(codec.decode(good.receipt(code, *refusals, by=by), 1 << 20))


def answered(answer: Receipt) -> Callable[[], None]:
    return lambda: check_answer(answer, DEAL.verified().received, DEAL.request.body, DIRECTORY)


class TestReceipt:
    def test_acceptance_and_refusal_are_signed_by_the_payee(self) -> None:
        for answer in (receipt(None), receipt(Code.LIMIT_BALANCE, refusal())):
            check_receipt(answer, BAURZHAN.key.public)
            answered(answer)()
        assert refusal_of(answered(receipt(None, by=OTHER))) is Code.RECEIPT_SIGNATURE

    def test_a_refusal_travels_with_the_redemptions_it_names(self) -> None:
        named = receipt(Code.LIMIT_BALANCE, refusal()).signed
        for carried in ((), (refusal(time=NOW + 9),), (refusal(), refusal(time=NOW + 9))):
            assert refusal_of(answered(Receipt(named, carried))) is Code.RECEIPT_SIGNATURE

    def test_a_refusal_by_somebody_else_gives_nothing_back(self) -> None:
        forged = cose.sign(refusal().body, OTHER.sign)
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, forged))) is Code.RECEIPT_SIGNATURE

    def test_it_gives_back_to_the_payer_and_to_nobody_else(self) -> None:
        answer = receipt(Code.LIMIT_BALANCE, refusal(payer=OTHER.public))
        check_receipt(answer, BAURZHAN.key.public)
        assert refusal_of(answered(answer)) is Code.REDEMPTION_PAYER

    def test_it_gives_back_what_was_paid_and_not_something_else(self) -> None:
        elsewhere = refusal(inputs=(TokenRef(b"\x01" * 32, 0),))
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, elsewhere))) is Code.PROVENANCE_MISSING
        account = refusal(purpose=ToAccount())
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, account))) is Code.RECEIPT_SIGNATURE
        less = refusal(amount=TOKEN.amount - 1)
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, less))) is Code.VALUE_MISMATCH
        own_key = refusal(payee=OTHER.public)
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, own_key))) is Code.REDEMPTION_KEY

    def test_it_gives_back_all_of_it_once(self) -> None:
        again = refusal(sequence=77)
        assert refusal_of(answered(receipt(Code.LIMIT_BALANCE, refusal(), again))) is Code.PROVENANCE_MISSING
        two = good.two_transfers()
        tokens = two.verified().received
        purpose = ToPayer(tokens[0].payer or b"")
        back = WORLD.transfer(two.payee, tokens[:1], WORLD.redemption.public, tokens[0].amount, purpose)
        body = ReceiptBody(two.payment.ids, Code.LIMIT_BALANCE, (back.id,), NOW)
        half = Receipt(cose.sign(body, two.payee.key.sign), (back,))
        asked = two.request.body
        assert (
            refusal_of(lambda: check_answer(half, two.verified().received, asked, DIRECTORY))
            is Code.REDEMPTION_AMOUNTS
        )

    def test_it_is_for_this_payment(self) -> None:
        two = good.two_transfers()
        elsewhere = cose.sign(ReceiptBody(two.payment.ids, None, (), NOW), BAURZHAN.key.sign)
        assert refusal_of(answered(Receipt(elsewhere))) is Code.PAYMENT_UNKNOWN


class TestLedger:
    def test_a_commit_is_signed_by_the_bank_it_names_or_by_the_central_bank(self) -> None:
        def check(raw: bytes) -> None:
            check_commit(cose.parse(Commit, raw), DIRECTORY)

        check(good.commit("alatau", ALATAU))
        check(good.commit(CENTRAL_BANK, WORLD.redemption))
        for bank, by in [
            ("alatau", ZHIBEK),
            (CENTRAL_BANK, ALATAU),
            (CENTRAL_BANK, WORLD.issuing),
            ("zhibek", ALATAU),
        ]:
            raw = good.commit(bank, by)
            assert refusal_of(lambda raw=raw: check(raw)) is Code.AUTH_SIGNATURE  # type: ignore[misc]
        assert refusal_of(lambda: check(good.commit("nowhere", ALATAU))) is Code.BANK_UNKNOWN

    def test_a_consumption_is_signed_by_the_notary(self) -> None:
        check_consumption(cose.parse(Consumption, good.consumption(WORLD.notary)), DIRECTORY)
        by_bank = cose.parse(Consumption, good.consumption(ALATAU))
        assert refusal_of(lambda: check_consumption(by_bank, DIRECTORY)) is Code.NOTARY_SIGNATURE

    def test_a_settlement_is_signed_by_the_bank_it_names(self) -> None:
        check_settlement(cose.parse(Settlement, good.settlement(ALATAU, Verdict.SETTLED, (1, 2))), DIRECTORY)
        by_other = cose.parse(Settlement, good.settlement(ZHIBEK, Verdict.SETTLED, (1, 2)))
        assert refusal_of(lambda: check_settlement(by_other, DIRECTORY)) is Code.SETTLEMENT_SIGNATURE


@pytest.mark.parametrize(
    ("amount", "change", "inputs", "values"),
    [
        (70, 30, (100,), (70, 30)),
        (70, 30, (60, 40), (70, 30)),
        (70, 30, (60, 0), (60, 0)),
        (70, 30, (80,), (70, 10)),
        (70, 30, (0, 0), (0, 0)),
        (100, 0, (40,), (40,)),
    ],
)
def test_what_is_short_goes_to_the_payee_before_the_change(
    amount: int, change: int, inputs: tuple[int, ...], values: tuple[int, ...]
) -> None:
    body = replace(DEAL.payment.transfers[0].body, amount=amount, change=change)
    assert settle_values(body, inputs) == values


@given(
    st.integers(1, MAX_SUM // 2),
    st.integers(0, MAX_SUM // 2),
    st.lists(st.integers(0, MAX_SUM // 64), max_size=32),
)
def test_settling_makes_no_value_and_gives_no_more_than_face(
    amount: int, change: int, inputs: list[int]
) -> None:
    body = replace(DEAL.payment.transfers[0].body, amount=amount, change=change)
    values = settle_values(body, inputs)
    faces = (amount, change) if change else (amount,)
    assert len(values) == len(faces)
    assert all(0 <= value <= face for value, face in zip(values, faces, strict=True))
    assert sum(values) == min(sum(inputs), amount + change)


def test_aigul_is_not_named_by_any_of_it() -> None:
    """The notary sees references, ids and a bank: no key, no amount."""
    for raw in (good.commit("alatau", ALATAU), good.consumption(WORLD.notary)):
        assert AIGUL.key.public not in raw
        assert codec.encode(TOKEN.amount) not in raw
