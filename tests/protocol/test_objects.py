"""Every object is read back as it was written; every field has its type and its bounds, and nothing is normalised."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vectors import frozen
from tests.support.world import Key
from tests.vectors import good
from wallet.protocol import codec, cose, kinds
from wallet.protocol.batch import Group
from wallet.protocol.bounds import (
    MAX_AMOUNTS,
    MAX_BANKS,
    MAX_CERTIFICATE_LIFE,
    MAX_DELTAS,
    MAX_INPUTS,
    MAX_ISSUANCES,
    MAX_KEYS_PER_ROLE,
    MAX_MARK_BYTES,
    MAX_MEMO_BYTES,
    MAX_REFUSALS,
    MAX_REVOKED_PER_DELTA,
    MAX_SUM,
    MAX_TIME,
    MAX_TOKEN_LIFE,
    MAX_TRANSFERS,
)
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.contact import Contact
from wallet.protocol.directory import DirectoryBody, DirectoryBody2
from wallet.protocol.evidence import Evidence
from wallet.protocol.handover import Published
from wallet.protocol.issuance import Issuance
from wallet.protocol.kinds import Signing
from wallet.protocol.leaf import Extent, Path
from wallet.protocol.log import Growth, LogHead
from wallet.protocol.notary_evidence import read_notary_evidence
from wallet.protocol.payment import Payment, parse_payment
from wallet.protocol.policy import Baseline, PolicyBase, PolicyDelta, PolicyHead, PolicyUpdate
from wallet.protocol.receipt import Receipt, ReceiptBody
from wallet.protocol.request import Request
from wallet.protocol.settlement import Commit, Commit2, Consumption, Consumption2, Settlement, Settlement2
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import Transfer

BODIES: dict[str, type[Any]] = {
    body.KIND.typ: body
    for body in (
        DirectoryBody,
        DirectoryBody2,
        Contact,
        PolicyHead,
        PolicyDelta,
        PolicyBase,
        TimeWord,
        Certificate,
        Issuance,
        Request,
        Transfer,
        ReceiptBody,
        Settlement,
        Settlement2,
        Commit,
        Commit2,
        Consumption,
        Consumption2,
    )
}
CONTAINERS: dict[str, Callable[[codec.Cbor], Any]] = {
    "published": Published.from_cbor,
    "payment": Payment.from_cbor,
    "receipt": Receipt.from_cbor,
    "policy": PolicyUpdate.from_cbor,
    "baseline": Baseline.from_cbor,
    "evidence": Evidence.from_cbor,
    "bundle": Bundle.from_cbor,
    "log-head": LogHead.from_cbor,
    "growth": Growth.from_cbor,
    "notary-evidence": read_notary_evidence,
}
SIGNED_KINDS = {
    "directory",
    "certificate",
    "issuance",
    "request",
    "transfer",
    "commit",
    "consumption",
    "settlement",
    "time-word",
}
KEY = Key.of("any").public
VDS = 395
"""In the protected header of what is signed in a tree."""


def signed_parts(value: codec.Cbor) -> Iterator[list[Any]]:
    """Every COSE_Sign1 with a body in a decoded object, those inside payloads too: alone or in a tree."""
    if isinstance(value, list):
        if len(value) == 4 and isinstance(value[1], dict) and isinstance(value[2], bytes):
            if value[1] == {} and VDS in codec.decode(value[0], 64):
                return  # a head: its payload is a hash
            yield value
            yield from signed_parts(codec.decode(value[2], 1 << 20))
        else:
            for item in value:
                yield from signed_parts(item)


ELSEWHERE = {"call", "message", "possession", "ref", "clock", "life", "room", "weight", "notary", "leaf"}
READ = [pair for pair in frozen("valid") if pair[1]["object"] not in ELSEWHERE]
"""Objects of the protocol; the others are written again by the judge of the vectors."""


def samples() -> dict[str, list[codec.Cbor]]:
    """Payloads of valid vectors by kind."""
    found: dict[str, list[codec.Cbor]] = {}
    for _, vector in READ:
        for header, _, payload, _ in signed_parts(codec.decode(bytes.fromhex(vector["hex"]), 1 << 20)):
            typ = codec.decode(header, 64)[16]
            value = codec.decode(payload, 1 << 20)
            if value not in found.setdefault(typ, []):
                found[typ].append(value)
    return found


SAMPLES = samples()


def test_every_kind_has_a_sample_and_the_calls_of_http_are_tested_with_them() -> None:
    assert set(SAMPLES) == set(BODIES) == {kind.typ for kind in kinds.KINDS} - {kinds.CALL.typ}


@pytest.mark.parametrize("typ", BODIES)
def test_a_body_comes_back_as_it_was_written(typ: str) -> None:
    for payload in SAMPLES[typ]:
        body = BODIES[typ].from_cbor(payload)
        assert body.to_cbor() == payload
        if body.KIND.signing is Signing.ALONE:
            signed = cose.sign(body, Key.of("any").sign)
        else:
            log = 0 if body.KIND.signing is Signing.IN_LOG else None
            (signed,) = Group.of([body]).signed(Extent(1, 0, log), Path(1, 0, ()), bytes(64))
        assert cose.parse(BODIES[typ], signed.encode()) == signed


@pytest.mark.parametrize("name", dict(READ))
def test_an_object_encodes_to_the_bytes_it_was_read_from(name: str) -> None:
    vector = dict(READ)[name]
    raw = bytes.fromhex(vector["hex"])
    value = codec.decode(raw, 1 << 20)
    if vector["object"] in CONTAINERS:
        read = CONTAINERS[vector["object"]](value)
    else:
        read = cose.from_cbor(BODIES[codec.decode(value[0], 64)[16]], value)
    assert codec.encode(read.to_cbor()) == raw


STRANGE: list[codec.Cbor] = [
    *(None, False, True, 0, 1, 2, -1, MAX_SUM, MAX_SUM + 1, 2**64 - 1, -(2**64)),
    *(b"", b"x", b"x" * 16, b"x" * 32, b"\x02" * 33, KEY, b"x" * 300, "", "x", "KZT", "x" * 300),
    *([], [None], [0], [1], [[]], [KEY, 0], [2, KEY], [b"x" * 32, 0], [[b"x" * 32, 0]], [1] * 40, {}, {1: 1}),
]


def places(value: codec.Cbor, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every item of a decoded value."""
    items: list[Any] = []
    if isinstance(value, list):
        items = list(enumerate(value))
    elif isinstance(value, dict):
        items = list(value.items())
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def with_item(value: codec.Cbor, path: tuple[Any, ...], item: codec.Cbor) -> codec.Cbor:
    """What is off the path is shared with the original: nobody who reads changes what it is given."""
    changed: Any = copy.copy(value)
    changed[path[0]] = item if len(path) == 1 else with_item(changed[path[0]], path[1:], item)
    return changed


@pytest.mark.parametrize("typ", BODIES)
def test_a_strange_item_anywhere_is_refused_or_is_kept_as_it_is(typ: str) -> None:
    """What is read encodes to the same bytes: no default, no rounding, no True for 1."""
    payload = max(SAMPLES[typ], key=lambda value: len(codec.encode(value)))
    accepted = 0
    for path in places(payload):
        for strange in STRANGE:
            changed = with_item(payload, path, strange)
            try:
                body = BODIES[typ].from_cbor(changed)
            except Refusal:
                continue
            accepted += 1
            assert codec.encode(body.to_cbor()) == codec.encode(changed), (path, strange)
    assert accepted > 0


# What RFC 8949 has and we have not, and keys that Python takes for our integers.
FOREIGN: list[Any] = [
    *(1.0, 0.0, float("nan"), cbor2.undefined, cbor2.CBORSimpleValue(32), cbor2.CBORTag(2, b"\1"), 2**64),
    *({"x": 1}, {b"x": 1}, {True: 1}, {1.0: 1}, {(1, 2): 1}, [1.0], {1: [1.0]}),
]


def outcome(action: Callable[[], Any]) -> Any:
    """What an action gives, or the code that it is refused with."""
    try:
        return action()
    except Refusal as refusal:
        return refusal.code


def by_both_paths(body: type[Any], raw: bytes) -> list[Any]:
    """What `read` gives, and what decoding and then reading gives: bodies or codes."""
    return [
        outcome(lambda: codec.read(raw, 1 << 20, body.from_cbor)),
        outcome(lambda: body.from_cbor(codec.decode(raw, 1 << 20))),
    ]


@pytest.mark.parametrize("typ", BODIES)
def test_what_is_foreign_is_malformed_wherever_it_stands(typ: str) -> None:
    """No field is left unread: the readers alone keep foreign types out, and the code is the same."""
    payload = max(SAMPLES[typ], key=lambda value: len(codec.encode(value)))
    for path in places(payload):
        for foreign in FOREIGN:
            raw = cbor2.dumps(with_item(payload, path, foreign))
            assert by_both_paths(BODIES[typ], raw) == [Code.MALFORMED_CBOR] * 2, (path, foreign)


def test_what_is_foreign_is_malformed_outside_of_payloads_too() -> None:
    carried = dict(frozen("valid"))["payment-with-policy"]
    payment = codec.decode(bytes.fromhex(carried["hex"]), 1 << 20)
    for path in places(payment):
        for foreign in FOREIGN:
            raw = cbor2.dumps(with_item(payment, path, foreign))
            assert outcome(lambda raw=raw: parse_payment(raw)) is Code.MALFORMED_CBOR, (path, foreign)  # type: ignore[misc]
    transfer = payment[1][0]
    for path in places(transfer):
        for foreign in FOREIGN:
            raw = cbor2.dumps(with_item(transfer, path, foreign))
            assert outcome(lambda raw=raw: cose.parse(Transfer, raw)) is Code.MALFORMED_CBOR  # type: ignore[misc]


@given(st.sampled_from(sorted(BODIES)), st.data())
def test_reading_at_once_is_decoding_and_then_reading(typ: str, data: st.DataObject) -> None:
    raw = bytearray(codec.encode(data.draw(st.sampled_from(SAMPLES[typ]))))
    for _ in range(data.draw(st.integers(0, 2))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    at_once, in_turn = by_both_paths(BODIES[typ], bytes(raw))
    assert at_once == in_turn


def test_claims_in_another_order_or_under_other_keys_are_refused() -> None:
    payload = SAMPLES["qwc1"][0]
    backwards = dict(reversed(payload.items()))
    assert by_both_paths(Certificate, cbor2.dumps(backwards)) == [Code.NOT_CANONICAL] * 2
    for other in (True, 1.0, "iss"):
        renamed = {other if key == 1 else key: value for key, value in payload.items()}
        assert by_both_paths(Certificate, cbor2.dumps(renamed)) == [Code.MALFORMED_CBOR] * 2


def field(typ: str, index: Any, value: codec.Cbor) -> tuple[type[Any], codec.Cbor]:
    return BODIES[typ], with_item(SAMPLES[typ][0], index if isinstance(index, tuple) else (index,), value)


def settlement(verdict: int, code: str | None) -> tuple[type[Any], codec.Cbor]:
    return Settlement, ["alatau", b"x" * 32, verdict, [], code, 0]


def test_what_is_short_or_in_conflict_may_say_why() -> None:
    for verdict, code in [(1, None), (2, None), (2, "too_late"), (3, None), (3, "too_late"), (4, "too_late")]:
        body, value = settlement(verdict, code)
        assert body.from_cbor(value).to_cbor() == value


def bounds() -> Iterator[tuple[str, type[Any], codec.Cbor, Code]]:
    entry = [KEY, 0, None]
    entries = [[Key.of(f"{n}").public, 0, None] for n in range(MAX_KEYS_PER_ROLE + 1)]
    ref = [b"x" * 32, 0]
    refs = [[b"x" * 32, 31], [b"y" * 32, 32]]
    certificate, issuance = SAMPLES["qwc1"][0], SAMPLES["qis1"][0]
    for name, (body, value), code in [
        ("amount 0", field("qtr1", 2, 0), Code.AMOUNT_INVALID),
        ("amount 2^53", field("qtr1", 2, 2**53), Code.AMOUNT_INVALID),
        ("change -1", field("qtr1", 3, -1), Code.AMOUNT_INVALID),
        ("sum of outputs", field("qtr1", 3, MAX_SUM), Code.AMOUNT_INVALID),
        ("output index", field("qtr1", 0, refs), Code.MALFORMED),
        ("no inputs", field("qtr1", 0, []), Code.MALFORMED),
        ("inputs", field("qtr1", 0, [ref] * (MAX_INPUTS + 1)), Code.TOO_MANY),
        ("inputs twice", field("qtr1", 0, [ref, ref]), Code.INPUTS_UNSORTED),
        ("short ref", field("qtr1", 4, b"x" * 15), Code.MALFORMED),
        ("unknown purpose", field("qtr1", 4, [3]), Code.MALFORMED),
        ("purpose false", field("qtr1", 4, [False, KEY, [1]]), Code.MALFORMED),
        ("purpose true", field("qtr1", 4, [True]), Code.MALFORMED),
        ("refresh of nothing", field("qtr1", 4, [0, KEY, []]), Code.MALFORMED),
        ("refresh amounts", field("qtr1", 4, [0, KEY, [1] * (MAX_AMOUNTS + 1)]), Code.TOO_MANY),
        ("refresh of 0", field("qtr1", 4, [0, KEY, [0]]), Code.AMOUNT_INVALID),
        ("refusal to no key", field("qtr1", 4, [2, b"x"]), Code.KEY_INVALID),
        ("account with more", field("qtr1", 4, [1, KEY]), Code.MALFORMED),
        ("sequence", field("qtr1", 5, 2**32), Code.MALFORMED),
        ("total", field("qtr1", 6, 2**53), Code.AMOUNT_INVALID),
        ("time", field("qtr1", 7, MAX_TIME + 1), Code.TIME_INVALID),
        ("funding id", field("qis1", 0, b"x" * 15), Code.MALFORMED),
        ("currency", field("qis1", 2, "KZTT"), Code.MALFORMED),
        ("mark", field("qis1", 4, b"x" * (MAX_MARK_BYTES + 1)), Code.MALFORMED),
        ("nonce", field("qrq1", 4, b"x" * 15), Code.MALFORMED),
        ("memo", field("qrq1", 5, "қ" * (MAX_MEMO_BYTES // 2 + 1)), Code.MALFORMED),
        ("open 1", field("qrq1", 3, 1), Code.MALFORMED),
        (
            "payee of another kind",
            field("qrq1", 0, good.DEAL.payment.transfers[0].to_cbor()),
            Code.KIND_UNEXPECTED,
        ),
        ("no bank", field("qwc1", 1, ""), Code.MALFORMED),
        ("bank", field("qwc1", 1, "x" * 17), Code.MALFORMED),
        ("wallet id", field("qwc1", 7, b"x" * 15), Code.MALFORMED),
        ("expires before issued", field("qwc1", 4, certificate[6] - 1), Code.TIME_INVALID),
        ("life", field("qwc1", 4, certificate[6] + MAX_CERTIFICATE_LIFE + 1), Code.TIME_INVALID),
        ("life of a token", field("qis1", 6, issuance[5] + MAX_TOKEN_LIFE + 1), Code.TIME_INVALID),
        ("key type", field("qwc1", (8, 1, 1), 3), Code.KEY_INVALID),
        ("key type true", field("qwc1", (8, 1, -1), True), Code.KEY_INVALID),
        ("sign of y", field("qwc1", (8, 1, -3), 0), Code.KEY_INVALID),
        ("x", field("qwc1", (8, 1, -2), b"x" * 31), Code.MALFORMED),
        ("x off the curve", field("qwc1", (8, 1, -2), b"\xff" * 32), Code.KEY_INVALID),
        ("claim", field("qwc1", 2, "sub"), Code.MALFORMED),
        ("wallet kind", field("qwc1", (-70_001, 0), 2), Code.MALFORMED),
        ("wallet kind true", field("qwc1", (-70_001, 0), True), Code.MALFORMED),
        ("a person with a category", field("qwc1", -70_001, [*certificate[-70_001], 1, "x"]), Code.MALFORMED),
        (
            "a merchant without a name",
            field("qwc1", -70_001, [1, *certificate[-70_001][1:], 1, ""]),
            Code.MALFORMED,
        ),
        ("hops", field("qwc1", (-70_001, 1, 3), 16), Code.MALFORMED),
        ("days", field("qwc1", (-70_001, 1, 4), 3_661), Code.MALFORMED),
        ("balance", field("qwc1", (-70_001, 1, 0), 0), Code.AMOUNT_INVALID),
        ("banks", field("qbd1", 2, [[f"{n:02}", "x", []] for n in range(MAX_BANKS + 1)]), Code.TOO_MANY),
        ("banks unsorted", field("qbd1", 2, [["b", "x", []], ["a", "x", []]]), Code.MALFORMED),
        ("a bank twice", field("qbd1", 2, [["a", "x", []], ["a", "x", []]]), Code.MALFORMED),
        ("keys", field("qbd1", (3, 0), entries), Code.TOO_MANY),
        ("a key twice", field("qbd1", (3, 0), [entry, entry]), Code.DUPLICATE_ITEM),
        ("a key retired before it began", field("qbd1", (3, 0), [[KEY, 5, 4]]), Code.TIME_INVALID),
        ("a role too few", field("qbd1", 3, [[], [], []]), Code.MALFORMED),
        ("revoked", field("qpd1", 2, [[b"x" * 16, 1]] * (MAX_REVOKED_PER_DELTA + 1)), Code.TOO_MANY),
        ("reason", field("qpd1", 2, [[b"x" * 16, 5]]), Code.MALFORMED),
        ("reason true", field("qpd1", 2, [[b"x" * 16, True]]), Code.MALFORMED),
        ("a role with a bank", field("qpd1", 4, [[1, "alatau", "", entry]]), Code.MALFORMED),
        ("a bank without a name", field("qpd1", 4, [[0, "alatau", "", entry]]), Code.MALFORMED),
        ("a role too high", field("qpd1", 4, [[256, "", "", entry]]), Code.MALFORMED),
        ("grace", field("qph1", 3, 2**32), Code.MALFORMED),
        ("no transfers", field("qrc1", 0, []), Code.MALFORMED),
        ("transfers", field("qrc1", 0, [b"x" * 32] * (MAX_TRANSFERS + 1)), Code.TOO_MANY),
        ("an unknown code", field("qrc1", 1, "because"), Code.MALFORMED),
        ("a code without refusals", field("qrc1", 1, "limit_balance"), Code.MALFORMED),
        ("refusals without a code", field("qrc1", 2, [b"x" * 32]), Code.MALFORMED),
        ("refusals", field("qrc1", 2, [b"x" * 32] * (MAX_REFUSALS + 1)), Code.TOO_MANY),
        ("verdict", field("qsa1", 2, 5), Code.MALFORMED),
        ("verdict true", field("qsa1", 2, True), Code.MALFORMED),
        ("values", field("qsa1", 3, [1, 2, 3]), Code.TOO_MANY),
        ("refused without a code", settlement(4, None), Code.MALFORMED),
        ("settled with a code", settlement(1, "too_late"), Code.MALFORMED),
        ("refs of a commit", field("qcm1", 2, [[b"y" * 32, 0], [b"x" * 32, 0]]), Code.INPUTS_UNSORTED),
        ("refs of a consumption", field("qnc1", 3, [ref, ref]), Code.INPUTS_UNSORTED),
        *((f"salt of {typ}", field(typ, 0, b"x" * 15), Code.MALFORMED) for typ in ("qsa2", "qcm2", "qnc2")),
        *(
            (f"long salt of {typ}", field(typ, 0, b"x" * 17), Code.MALFORMED)
            for typ in ("qsa2", "qcm2", "qnc2")
        ),
    ]:
        yield name, body, value, code


@pytest.mark.parametrize(
    ("name", "body", "value", "code"), list(bounds()), ids=[case[0] for case in bounds()]
)
def test_a_field_out_of_bounds_gives_its_code(
    name: str, body: type[Any], value: codec.Cbor, code: Code
) -> None:
    with pytest.raises(Refusal) as refused:
        body.from_cbor(value)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("typ", "issued", "expires", "most"),
    [("qwc1", 6, 4, MAX_CERTIFICATE_LIFE), ("qis1", 5, 6, MAX_TOKEN_LIFE)],
)
def test_certificates_and_tokens_last_as_long_as_their_bound_and_no_longer(
    typ: str, issued: int, expires: int, most: int
) -> None:
    for begin in (0, 1_800_000_000, MAX_TIME - most - 1):
        body, value = field(typ, issued, begin)
        for life, code in ((-1, Code.TIME_INVALID), (0, None), (most, None), (most + 1, Code.TIME_INVALID)):
            read = by_both_paths(body, codec.encode(with_item(value, (expires,), begin + life)))
            assert [item if isinstance(item, Code) else None for item in read] == [code] * 2, (begin, life)


def test_what_travels_together_is_counted() -> None:
    payment = good.DEAL.payment.to_cbor()
    receipt = codec.decode(good.receipt(None), 1 << 20)
    one = good.delta(1).to_cbor()
    transfer, issuance = payment[1][0], payment[2][0]
    many: list[tuple[type[Any], codec.Cbor]] = [
        (Payment, with_item(payment, (1,), [transfer] * (MAX_TRANSFERS + 1))),
        (Payment, with_item(payment, (2,), [issuance] * (MAX_ISSUANCES + 1))),
        (Payment, with_item(payment, (4,), [None, [one] * (MAX_DELTAS + 1)])),
        (Receipt, with_item(receipt, (1,), [transfer] * (MAX_REFUSALS + 1))),
        (Bundle, [[], [issuance] * (MAX_BUNDLE_ITEMS + 1), [], []]),
    ]
    for container, value in many:
        with pytest.raises(Refusal) as refused:
            container.from_cbor(value)
        assert refused.value.code is Code.TOO_MANY
