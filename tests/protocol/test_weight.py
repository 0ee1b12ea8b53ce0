"""The bounds of all roles fit each other: what one may make, every other can carry, prove and give back.

The largest that each kind of object can be is made here by its own encoder, so that a field that grows shows.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_sync.bank.settlement.handlers import RELAYED_AT_ONCE
from ledger_sync.bank.terms import Capacity
from ledger_sync.http.client import MAX_ANSWER_BYTES
from tests.support.world import NOW, Key, World
from wallet.protocol import bounds, bundle, codec, cose
from wallet.protocol.bounds import MAX_AMOUNTS, MAX_INPUTS, MAX_SEQUENCE, MAX_SUM, MAX_TIME
from wallet.protocol.certificate import Certificate, Limits, WalletKind
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import Redemption, Refresh, ToAccount, TokenRef, ToPayer, Transfer
from wallet.protocol.weight import Weight, fits, leaves_money

WORLD = World()
KEY = Key.of("anybody")
ALL = MAX_SUM // 2
AMOUNTS = tuple([2**48] * MAX_AMOUNTS)
MOST_LIMITS = Limits(MAX_SUM, MAX_SUM, MAX_SUM, 15, 3_660)


def largest_certificate() -> Signed[Certificate]:
    return WORLD.person(
        "x",
        kind=WalletKind.MERCHANT,
        category=9_999,
        name="ә" * (bounds.MAX_NAME_BYTES // 2),
        limits=MOST_LIMITS,
        total=MAX_SUM,
        bank="b" * bounds.MAX_ID_BYTES,
        issued=MAX_TIME - 1,
        expires=MAX_TIME,
    ).certificate


def largest_request() -> int:
    payee = replace(WORLD.person("x"), certificate=largest_certificate())
    request = WORLD.request(payee, MAX_SUM, memo="m" * bounds.MAX_MEMO_BYTES, expires=MAX_TIME)
    return len(request.encode()) + 4


def statement(refs: int, bank: str = "b" * bounds.MAX_ID_BYTES) -> Signed[Consumption]:
    named = tuple(TokenRef(bytes([n]) * 32, 31) for n in range(refs))
    return cose.sign(Consumption(bytes(32), bank, MAX_TIME, named), KEY.sign)


def transfer(inputs: int, purpose: bytes | Redemption, *, large: bool, change: int = ALL) -> Signed[Transfer]:
    refs = tuple(TokenRef(bytes([n]) * 32, 31 if large else 0) for n in range(inputs))
    numbers = (ALL, change, MAX_SEQUENCE, MAX_SUM, MAX_TIME) if large else (1, 0, 0, 0, 0)
    amount, rest, sequence, total, time = numbers
    body = Transfer(
        inputs=refs,
        payee=KEY.public,
        amount=amount,
        change=rest,
        purpose=purpose,
        sequence=sequence,
        total=total,
        time=time,
    )
    return cose.sign(body, KEY.sign)


PURPOSES: list[bytes | Redemption] = [
    bytes(16),
    Refresh(KEY.public, AMOUNTS),
    ToAccount(),
    ToPayer(KEY.public),
]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("inputs", [1, MAX_INPUTS])
def test_an_object_adds_no_more_to_its_payload_than_is_counted(inputs: int, purpose: bytes) -> None:
    for large in (False, True):
        made = transfer(inputs, purpose, large=large)
        assert len(made.encode()) <= len(made.payload) + bundle.PROVENANCE_ITEM_BYTES
    issued = cose.sign(
        Issuance(
            funding=bytes(16),
            owner=KEY.public,
            currency="KZT",
            amounts=AMOUNTS,
            mark=b"m" * bounds.MAX_MARK_BYTES,
            issued=NOW,
            expires=MAX_TIME,
        ),
        KEY.sign,
    )
    assert len(issued.encode()) <= len(issued.payload) + bundle.PROVENANCE_ITEM_BYTES


def test_a_bundle_holds_any_provenance_with_its_certificates_and_a_relays_requests() -> None:
    lists = 4 * 3 + 1
    certificates = bundle.MAX_BUNDLE_ITEMS * len(largest_certificate().encode())
    requests = RELAYED_AT_ONCE * largest_request()
    whole = bundle.MAX_PROVENANCE_BYTES + certificates + requests + lists
    assert whole <= bundle.MAX_BUNDLE_BYTES


def test_there_is_a_statement_for_every_input_that_can_be_named() -> None:
    least = len(codec.encode(TokenRef(bytes(32), 0).to_cbor()))
    assert bundle.MAX_PROVENANCE_BYTES // least <= bundle.MAX_STATEMENTS


def test_a_call_holds_any_proof_and_an_answer_any_page() -> None:
    possession = len(largest_certificate().encode()) + 2 * bounds.SIGNATURE_BYTES
    beside = len(statement(MAX_INPUTS).encode()) + possession + bundle.REDEMPTION_BYTES
    statements = bundle.MAX_STATEMENTS * len(statement(1).encode())
    certificates = bundle.MAX_BUNDLE_ITEMS * len(largest_certificate().encode())
    whole = bundle.MAX_PROVENANCE_BYTES + certificates + statements + beside
    assert whole <= bundle.MAX_PROOF_BYTES
    requests = bundle.MAX_BUNDLE_ITEMS * largest_request()
    page = max(Capacity().delivered, bundle.MAX_PROVENANCE_BYTES) + certificates + requests
    assert page + Capacity().rows <= MAX_ANSWER_BYTES


def test_what_may_be_paid_can_be_redeemed_in_every_way() -> None:
    """The largest redemption of one token fits above the heaviest that leaves money offline."""
    heaviest = Weight(
        bundle.MAX_BUNDLE_ITEMS - 1,
        bundle.MAX_BUNDLE_ITEMS,
        bundle.MAX_PROVENANCE_BYTES
        - bundle.REDEMPTION_BYTES
        - (2 * bundle.MAX_BUNDLE_ITEMS - 1) * bundle.PROVENANCE_ITEM_BYTES,
    )
    assert fits(heaviest, leaves=True)
    assert not fits(replace(heaviest, payloads=heaviest.payloads + 1), leaves=True)
    assert not fits(replace(heaviest, transfers=heaviest.transfers + 1, payloads=0), leaves=True)
    for purpose in PURPOSES[1:]:
        redemption = transfer(1, purpose, large=True, change=0)
        assert not leaves_money(redemption.body)
        assert fits(heaviest.and_transfer(len(redemption.payload)), leaves=False)


def test_every_payment_between_wallets_can_settle_and_be_redeemed() -> None:
    """Its payloads are within MAX_PAYMENT_BYTES; on top come 32 inputs' redemption, each of another such payment."""
    most = min(bounds.MAX_TRANSFERS, bundle.MAX_BUNDLE_ITEMS)
    payment = Weight(most, bounds.MAX_ISSUANCES, bounds.MAX_PAYMENT_BYTES)
    assert fits(payment, leaves=True)
    refusal = transfer(MAX_INPUTS, ToPayer(KEY.public), large=True, change=0)
    assert fits(payment.and_transfer(len(refusal.payload)), leaves=False)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 160_000))
def test_what_leaves_money_leaves_room_above_it(transfers: int, issuances: int, payloads: int) -> None:
    weight = Weight(transfers, issuances, payloads)
    if fits(weight, leaves=True):
        most = bundle.REDEMPTION_BYTES - bundle.PROVENANCE_ITEM_BYTES
        assert fits(weight.and_transfer(most), leaves=False)
    if fits(weight, leaves=False):
        assert weight.bytes <= bundle.MAX_PROVENANCE_BYTES
