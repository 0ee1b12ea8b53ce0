"""Whatever a stranger makes of valid bytes: a typed refusal, or the same meaning. Any other exception is a bug."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import Deal, chain, deal
from tests.support.vectors import frozen, judge
from tests.support.world import Key
from tests.vectors.good import SHOP, two_transfers
from wallet.protocol import codec, kinds
from wallet.protocol.acceptance import check_acceptance
from wallet.protocol.codes import Refusal
from wallet.protocol.cose import object_id, signature_structure
from wallet.protocol.validity import Verified, verify

DEALS: list[Deal] = [
    deal(),
    chain(3).deal(),
    two_transfers(),
    deal(payee=SHOP, nonce=None, is_open=True, memo="Алма"),
]
ORIGINALS = [made.verified() for made in DEALS]
# Rules that have no bytes, and what is not judged by a signature over them.
OTHERS = {"call", "clock", "life", "message", "notary", "ref", "room", "weight"}
VECTORS = [case for case in frozen("valid") if case[1]["object"] not in OTHERS and not case[1].get("ledger")]
# Unsigned outsides and unchecked insides: another meaning there is another object, not a forgery.
UNSIGNED = {"bundle", "transfer"}

Raw = bytes
Mutation = Callable[[st.DataObject, bytearray], None]


def flip(data: st.DataObject, raw: bytearray) -> None:
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))


def cut(data: st.DataObject, raw: bytearray) -> None:
    start = data.draw(st.integers(0, len(raw) - 1))
    del raw[start : start + data.draw(st.integers(1, 200))]


def insert(data: st.DataObject, raw: bytearray) -> None:
    start = data.draw(st.integers(0, len(raw)))
    raw[start:start] = data.draw(st.binary(min_size=1, max_size=40))


def repeat(data: st.DataObject, raw: bytearray) -> None:
    start, size = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 400))
    raw[start:start] = raw[start : start + size]


def move(data: st.DataObject, raw: bytearray) -> None:
    start, size = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 400))
    part = raw[start : start + size]
    del raw[start : start + size]
    target = data.draw(st.integers(0, len(raw)))
    raw[target:target] = part


MUTATIONS: list[Mutation] = [flip, cut, insert, repeat, move]


def mutated(data: st.DataObject, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for mutation in data.draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3)):
        if changed:
            mutation(data, changed)
    return bytes(changed)


def says_nothing_new(read: Verified, original: Verified) -> bool:
    """Every output that it proves, the original proves alike."""
    return all(original.tokens.get(ref) == token for ref, token in read.tokens.items())


@given(st.data(), st.sampled_from(range(len(DEALS))))
def test_mutated_bytes_of_a_payment_are_refused_or_mean_the_same(data: st.DataObject, which: int) -> None:
    made, original = DEALS[which], ORIGINALS[which]
    raw = mutated(data, made.payment.encode())
    try:
        read = verify(raw, made.world.directory())
        assert codec.encode(codec.decode(raw, len(raw))) == read.payment.encode() == raw
        assert says_nothing_new(read, original)
        check_acceptance(read, made.view())
    except Refusal:
        return
    assert read.received == original.received


@given(st.data(), st.sampled_from(VECTORS))
def test_mutated_bytes_of_any_object_are_refused_or_mean_the_same(data: st.DataObject, case: Any) -> None:
    _, vector = case
    raw = mutated(data, bytes.fromhex(vector["hex"]))
    try:
        meaning = judge({**vector, "hex": raw.hex()})
    except Refusal:
        return
    if vector["object"] == "evidence":
        # Its kind is not signed; two transfers may be conflict and fork at once. The culprit is the same.
        assert (meaning["wallet"], meaning["bank"]) == (vector["means"]["wallet"], vector["means"]["bank"])
    elif vector["object"] == "payment":
        # How many are new is for the request to say: acceptance.
        wanted = vector["means"]["received"]
        assert all(token in wanted for token in meaning["received"]) or "payee" not in vector
    elif vector["object"] == "contact":
        # What does not verify is no contact.
        assert meaning["key"] in (None, vector["means"]["key"])
    elif vector["object"] == "published":
        # Nothing of what it leads to is another root's; what is left out leads nowhere.
        assert set(meaning["roots"]) <= set(vector["means"]["roots"])
    elif vector["object"] not in UNSIGNED:
        assert meaning == vector["means"]


@given(st.binary(max_size=300), st.sampled_from(VECTORS))
def test_garbage_is_refused(raw: bytes, case: Any) -> None:
    _, vector = case
    try:
        judge({**vector, "hex": raw.hex()})
    except Refusal:
        return
    # Only what is not signed can be made from nothing.
    assert vector["object"] == "bundle"


Path = tuple[int, ...]


def paths(value: codec.Cbor, path: Path = ()) -> list[Path]:
    """Where the items of nested lists are."""
    if not isinstance(value, list):
        return []
    found = []
    for index, item in enumerate(value):
        found += [(*path, index), *paths(item, (*path, index))]
    return found


def at(value: codec.Cbor, path: Path) -> codec.Cbor:
    for index in path:
        value = value[index]
    return value


def put(value: codec.Cbor, path: Path, item: codec.Cbor) -> None:
    at(value, path[:-1])[path[-1]] = item


@given(st.data(), st.sampled_from(range(len(DEALS))))
def test_items_of_a_payment_put_elsewhere_make_no_money(data: st.DataObject, which: int) -> None:
    """Well-formed, canonical, of true signatures in other places: the order and the company are checked too."""
    made, original = DEALS[which], ORIGINALS[which]
    value = copy.deepcopy(made.payment.to_cbor())
    donors = [codec.decode(other.payment.encode(), 1 << 20) for other in DEALS]
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(paths(value)))
        donor = data.draw(st.sampled_from([value, *donors]))
        item = at(donor, data.draw(st.sampled_from(paths(donor))))
        put(value, where, copy.deepcopy(item))
    try:
        read = verify(codec.encode(value), made.world.directory())
        check_acceptance(read, made.view())
    except Refusal:
        return
    assert says_nothing_new(read, original)
    # Two new transfers may stand in either order: the same money.
    assert set(read.received) == set(original.received)


FIELDS = [
    (2, [0, 1, 10**6, 10**15]),
    (3, [0, 1, 10**6]),
    (5, [0, 7]),
    (6, [0, 1, 10**9]),
    (7, [0, 2**32 - 1]),
]


@given(st.sampled_from(range(len(DEALS))), st.data())
def test_a_field_changed_and_signed_again_by_another_key_is_refused(which: int, data: st.DataObject) -> None:
    """A thief can sign what they like with a key of their own."""
    made = DEALS[which]
    value = copy.deepcopy(made.payment.to_cbor())
    signed = data.draw(st.sampled_from(value[1]))
    body = codec.decode(signed[2], 1 << 20)
    index, choices = data.draw(st.sampled_from(FIELDS))
    body[index] = data.draw(st.sampled_from(choices))
    before = signed[2]
    signed[2] = codec.encode(body)
    message = signature_structure(kinds.TRANSFER, signed[2])
    if data.draw(st.booleans()):
        signed[3] = Key.of(data.draw(st.sampled_from(["thief", "root", "Baurzhan"]))).sign(message)
    if object_id(kinds.TRANSFER, before) == object_id(kinds.TRANSFER, signed[2]):
        return
    with pytest.raises(Refusal):
        verify(codec.encode(value), made.world.directory())


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    st.data(),
)
def test_what_comes_out_is_what_went_in(amounts: list[int], data: st.DataObject) -> None:
    """Conservation: the outputs of a payment that nothing consumes sum to what was issued to it."""
    total = sum(amounts)
    made = deal(amount=1)
    issuances = [
        made.world.issue(made.payer, amount, funding=bytes([index]) * 16)
        for index, amount in enumerate(amounts)
    ]
    paid = data.draw(st.integers(1, total))
    verified = deal(made.world, payer=made.payer, issuances=issuances, amount=paid).verified()
    consumed = {ref for transfer in verified.payment.transfers for ref in transfer.body.inputs}
    assert sum(token.amount for ref, token in verified.tokens.items() if ref not in consumed) == total
    assert sum(token.amount for token in verified.received) == paid
