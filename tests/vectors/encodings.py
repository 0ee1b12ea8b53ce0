"""Invalid vectors of encodings, headers, signatures and points: SPEC 2 and 8.1.1 to 8.1.9, 8.1.12, 8.1.14."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tests.support.vectors import Vector
from tests.support.world import NOW, ORDER, Key
from tests.vectors.forms import Case, Cases, of_no_message, sealed, sealed_payload
from tests.vectors.good import (
    AIGUL,
    DEAL,
    SHOP,
    WORLD,
    delta,
    in_world,
    update,
    vector,
)
from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_DELTA_BYTES
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.directory import KeyChange, KeyEntry
from wallet.protocol.keys import p256
from wallet.protocol.policy import PolicyDelta, Reason

ISSUANCE: Final = DEAL.payment.issuances[0]
BODY: Final = ISSUANCE.body.to_cbor()
OTHER: Final = Key.of("somebody else")
FIELD_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1


def delta_of(size: int) -> Signed[PolicyDelta]:
    """A delta of version 1 that has exactly ``size`` bytes when signed."""
    people = [(WORLD.person(f"{n}"), Reason.LOST) for n in range(32)]
    made = delta(1, *people)
    for room in range(4, 256):
        names = [(room + n) // 4 for n in range(4)]
        changes = tuple(
            KeyChange(0, f"bank {n}", "x" * length, KeyEntry(p256(WORLD.bank_key(f"bank {n}").public), NOW))
            for n, length in enumerate(names)
        )
        made = cose.sign(replace(made.body, changes=changes), WORLD.policy_key.sign)
        if len(made.encode()) == size and max(names) <= 64:
            return made
    raise AssertionError("no such delta")


def _large() -> list[Case]:
    payload = sealed([bytes(16_400), *BODY[1:]], WORLD.issuing, "qis1")
    long_header = [codec.encode({1: -7, 16: "q" * 59}), *ISSUANCE.to_cbor()[1:]]
    whole = DEAL.payment.to_cbor()
    return [
        ("payment", in_world("payment", b"\x00", "a byte over the bound of a payment", times=49_153)),
        ("object", in_world("issuance", b"\x00", "a byte over the bound of an object alone", times=16_385)),
        ("bundle", vector("bundle", b"\x00", "a byte over the bound of a bundle", times=262_145)),
        ("message", vector("message", b"\x00", "a byte over the bound of a message", times=65_537)),
        ("evidence", in_world("evidence", b"\x00", "a byte over three objects", times=49_153)),
        (
            "payload",
            in_world(
                "payment", codec.encode([1, whole[1], [payload], *whole[3:]]), "a payload over 16384 bytes"
            ),
        ),
        ("header", in_world("issuance", codec.encode(long_header), "a protected header over 64 bytes")),
        (
            "payment-in-a-message",
            vector("message", codec.encode([2, bytes(49_150)]), "a payment over its bound, in a message"),
        ),
        ("delta-by-a-byte", in_world("policy", update(1, delta_of(MAX_DELTA_BYTES + 1)), "1025 bytes")),
    ]


def _just_not_too_large() -> list[Case]:
    """At the bound the next check speaks."""
    return [
        ("payment-at-its-bound", in_world("payment", b"\x00", "one item, then more", times=49_152)),
        ("object-at-its-bound", in_world("issuance", b"\x00", "one item, then more", times=16_384)),
        ("bundle-at-its-bound", vector("bundle", b"\x00", "one item, then more", times=262_144)),
        ("message-at-its-bound", vector("message", b"\x00", "one item, then more", times=65_536)),
        ("evidence-at-its-bound", in_world("evidence", b"\x00", "one item, then more", times=49_152)),
    ]


def _in_payload(payload: bytes, note: str) -> Vector:
    return in_world("issuance", codec.encode(sealed_payload(payload, WORLD.issuing, "qis1")), note)


def _with_header(header: Any, note: str) -> Vector:
    raw = header if isinstance(header, bytes) else codec.encode(header)
    return in_world("issuance", codec.encode([raw, *ISSUANCE.to_cbor()[1:]]), note)


def _not_cbor() -> list[Case]:
    payload = ISSUANCE.payload
    mark = payload.index(b"\xf6")
    currency = payload.index(b"\x63KZT")

    def marked(raw: bytes) -> bytes:
        return payload[:mark] + raw + payload[mark + 1 :]

    def spelt(raw: bytes) -> bytes:
        return payload[:currency] + raw + payload[currency + 4 :]

    return [
        ("header-empty", _with_header(b"", "a header is a map")),
        ("header-text-key", _with_header(bytes.fromhex("a2012661741026"), "map keys are integers")),
        ("header-key-twice", _with_header(bytes.fromhex("a201260126"), "a key twice")),
        ("header-key-twice-wide", _with_header(bytes.fromhex("a20126180126"), "twice, once wide")),
        ("utf-8", _in_payload(spelt(b"\x63K\xffT"), "no UTF-8")),
        ("utf-8-surrogate", _in_payload(spelt(b"\x63\xed\xa0\x80"), "a surrogate is no UTF-8")),
        ("undefined", _in_payload(marked(b"\xf7"), "no undefined")),
        ("simple", _in_payload(marked(b"\xf0"), "no other simple values")),
        ("simple-of-two-bytes", _in_payload(marked(b"\xf8\x14"), "false is f4 alone: RFC 8949 section 3.3")),
        ("tag-inside", _in_payload(marked(b"\xc1\x05"), "no tags, in payloads neither")),
        ("half-float", _in_payload(marked(b"\xf9\x3c\x00"), "no floats of any width")),
        ("indefinite-bytes", _in_payload(marked(b"\x5f\x41\x00\xff"), "no indefinite lengths")),
        ("reserved-length", _in_payload(marked(b"\x5c"), "28 to 30 are reserved")),
        ("break-alone", _in_payload(marked(b"\xff"), "a break with nothing to end")),
        ("longer-than-there-is", _in_payload(marked(b"\x9b" + b"\xff" * 8), "an array of 2^64 - 1 items")),
        ("deep-inside", _in_payload(b"\x81" * 13 + b"\x00", "a payload is an encoding on its own")),
        ("deep-though-too-wide", _in_payload(b"\x98\x01" * 13 + b"\x00", "8.1.2 before 8.1.3")),
    ]


def _not_canonical() -> list[Case]:
    payload = ISSUANCE.payload
    claims = AIGUL.certificate.payload
    expires = claims.index(b"\x04\x1a")
    swapped = (
        claims[:expires]
        + claims[expires + 6 : expires + 12]
        + claims[expires : expires + 6]
        + claims[expires + 12 :]
    )
    unsorted = sealed_payload(swapped, WORLD.bank_key("alatau"), "qwc1")
    return [
        (
            "wide-text",
            _in_payload(payload.replace(b"\x63KZT", b"\x78\x03KZT"), "a length of one byte would do"),
        ),
        ("wide-array", _in_payload(b"\x98\x07" + payload[1:], "a length of no byte would do")),
        ("left-over-inside", _in_payload(payload + b"\xf6", "a payload is an encoding on its own")),
        ("header-left-over", _with_header(ISSUANCE.to_cbor()[0] + b"\x00", "so is a header")),
        ("header-wide", _with_header(bytes.fromhex("a20138061064") + b"qis1", "-7 in two bytes")),
        ("unsorted-claims", in_world("certificate", codec.encode(unsorted), "6 before 4")),
        (
            "depth-of-twelve",
            _in_payload(b"\x81" * 12 + b"\x18\x00", "twelve are not too deep; 0 in two bytes"),
        ),
        ("negative-wide", _in_payload(payload.replace(b"\xf6", b"\x38\x00"), "-1 in two bytes")),
    ]


def _headers() -> Cases:
    header, _, payload, signature = ISSUANCE.to_cbor()

    def outside(*parts: Any) -> Vector:
        return in_world("issuance", codec.encode(list(parts)), "around an issuance")

    def typed(typ: Any, algorithm: Any = -7) -> Vector:
        raw = codec.encode(sealed(BODY, WORLD.issuing, typ, algorithm))
        return in_world("issuance", raw, f"typ {typ!r}, algorithm {algorithm}")

    return {
        Code.MALFORMED: [
            ("header-a-map", outside({1: -7, 16: "qis1"}, {}, payload, signature)),
            ("header-no-map", _with_header([1, 2], "a header is a map")),
            ("header-without-typ", _with_header({1: -7}, "no kind")),
            ("header-with-kid", _with_header({1: -7, 4: b"k", 16: "qis1"}, "two entries only")),
            ("header-with-0", _with_header({0: 0, 1: -7, 16: "qis1"}, "0 is the first of all keys")),
            (
                "header-with-1000",
                _with_header(bytes.fromhex("a21903e8002000"), "1000 before -1: sorted by bytes"),
            ),
            ("header-of-64-bytes", _with_header({1: -7, 16: "q" * 58}, "no typ is so long")),
            ("typ-a-number", typed(16)),
            ("typ-before-the-algorithm", typed(16, -8)),
            ("typ-of-17-bytes", typed("q" * 17)),
            ("unprotected-null", outside(header, None, payload, signature)),
            ("unprotected-array", outside(header, [], payload, signature)),
            ("payload-detached", outside(header, {}, None, signature)),
            ("signature-short", outside(header, {}, payload, signature[:-1])),
            ("signature-long", outside(header, {}, payload, signature + b"\x00")),
            ("signature-text", outside(header, {}, payload, "x" * 64)),
            ("three-parts", outside(header, {}, payload)),
            ("five-parts", outside(header, {}, payload, signature, 0)),
            ("no-array", in_world("issuance", b"\xa0", "a map")),
            (
                "depth-of-twelve",
                _in_payload(b"\x81" * 12 + b"\x00", "twelve deep is read, and is no issuance"),
            ),
        ],
        Code.ALGORITHM_UNKNOWN: [
            ("es384", typed("qis1", -35)),
            ("as-text", typed("qis1", "ES256")),
            ("true", typed("qis1", True)),
            ("of-another-kind", typed("qtr1", -8)),
        ],
        Code.VERSION_UNKNOWN: [
            ("of-16-bytes", typed("qis" + "1" * 13)),
            ("none", typed("qis")),
            ("ten", typed("qis10")),
            ("zero", typed("qis0")),
        ],
        Code.KIND_UNEXPECTED: [
            ("nothing", typed("")),
            ("two-letters", typed("qi")),
            ("capital", typed("Qis1")),
            ("certificate-for-issuance", in_world("issuance", AIGUL.certificate.encode(), "another kind")),
            ("unknown", typed("qzz1")),
        ],
    }


def _signature(r: int, s: int, payload: bytes = ISSUANCE.payload, header: bytes | None = None) -> Vector:
    own = ISSUANCE.to_cbor()[0] if header is None else header
    raw = codec.encode([own, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])
    return in_world("issuance", raw, "r and s at their bounds")


def _signatures() -> Cases:
    good = ISSUANCE.signature
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    half = ORDER // 2
    other_header = codec.encode({1: -7, 16: "qtr1"})
    return {
        Code.SIGNATURE_HIGH_S: [
            ("half-and-one", _signature(r, half + 1)),
            ("order", _signature(r, ORDER)),
            ("before-the-payload", _signature(r, half + 1, b"\xf6")),
            ("before-its-cbor", _signature(r, half + 1, b"")),
        ],
        Code.KIND_UNEXPECTED: [("before-high-s", _signature(r, half + 1, header=other_header))],
        Code.ISSUANCE_SIGNATURE: [
            ("s-half", _signature(r, half)),
            ("s-zero", _signature(r, 0)),
            ("r-zero", _signature(0, s)),
            ("r-order", _signature(ORDER, s)),
            ("r-all-ones", _signature(2**256 - 1, s)),
            ("both-zero", _signature(0, 0)),
        ],
    }


def _points() -> list[Case]:
    def owner(key: bytes) -> Vector:
        raw = codec.encode(sealed([BODY[0], key, *BODY[2:]], WORLD.issuing, "qis1"))
        return in_world("issuance", raw, "an owner that is no compressed point")

    beyond = b"\x02" + (FIELD_PRIME + 5).to_bytes(32, "big")
    return [
        ("beyond-the-field", owner(beyond)),
        ("infinity", owner(b"\x00")),
        ("infinity-padded", owner(bytes(33))),
        ("form-five", owner(b"\x05" + BODY[1][1:])),
        ("hybrid", owner(b"\x06" + BODY[1][1:])),
        ("null", owner(None)),  # type: ignore[arg-type]
    ]


def _again(signed: Signed[Any]) -> Signed[Any]:
    """The same object with another signature: one body signed twice is one object."""
    return replace(signed, signature=of_no_message(OTHER))


def _duplicates() -> list[Case]:
    money = DEAL.payment
    certificate = AIGUL.certificate

    def paid(**changes: Any) -> Vector:
        return in_world("payment", replace(money, **changes).encode(), "each item once, by its id")

    def bundled(**items: Any) -> Vector:
        return vector("bundle", Bundle(**items).encode(), "each item once, by its id")

    both = (*money.issuances, _again(money.issuances[0]))
    return [
        ("transfer", paid(transfers=money.transfers * 2)),
        ("certificate", paid(certificates=(certificate, certificate))),
        ("issuance-signed-again", paid(issuances=both)),
        ("certificate-signed-again", paid(certificates=(certificate, _again(certificate)))),
        ("transfer-signed-again", paid(transfers=(*money.transfers, _again(money.transfers[0])))),
        ("issuance-in-bundle", bundled(issuances=both)),
        ("certificate-in-bundle", bundled(certificates=(certificate, _again(certificate)))),
        ("request-in-bundle", bundled(requests=(DEAL.request, DEAL.request))),
    ]


def _many() -> list[Case]:
    money = DEAL.payment.to_cbor()
    listed: list[Case] = []
    for place, name in ((1, "transfers"), (2, "issuances"), (3, "certificates")):
        body = [*money[:place], money[place] * 65, *money[place + 1 :]]
        listed.append((f"{name}-in-a-payment", in_world("payment", codec.encode(body), f"65 {name}")))
    for place, name in enumerate(("transfers", "issuances", "certificates", "requests")):
        bundle: list[Any] = [[], [], [], []]
        bundle[place] = [0] * 257
        listed.append((f"{name}-in-a-bundle", vector("bundle", codec.encode(bundle), f"257 {name}")))
    return listed


def _around() -> list[Case]:
    money = DEAL.payment.to_cbor()
    bodies: dict[str, Any] = {
        "payment-four-fields": money[:4],
        "payment-six-fields": [*money, 0],
        "payment-no-transfers": [1, [], *money[2:]],
        "payment-no-issuances": [*money[:2], [], *money[3:]],
        "payment-no-certificates": [*money[:3], [], money[4]],
        "payment-new-65": [65, *money[1:]],
        "payment-new-negative": [-1, *money[1:]],
        "payment-policy-a-number": [*money[:4], 0],
        "payment-transfers-no-array": [1, 0, *money[2:]],
    }
    listed = [(name, in_world("payment", codec.encode(body), name)) for name, body in bodies.items()]
    for name, bundle in (
        ("bundle-three-lists", [[], [], []]),
        ("bundle-five-lists", [[], [], [], [], []]),
        ("bundle-no-array", [0, [], [], []]),
    ):
        listed.append((name, vector("bundle", codec.encode(bundle), name)))
    first, second = DEAL.payment.transfers[0].to_cbor(), SHOP.certificate.to_cbor()
    for name, claim in (
        ("evidence-kind-0", [0, first, first, second]),
        ("evidence-kind-3", [3, first, first, second]),
        ("evidence-kind-true", [True, first, first, second]),
        ("evidence-three-fields", [1, first, first]),
    ):
        listed.append((name, in_world("evidence", codec.encode(claim), name)))
    return listed


def cases() -> Cases:
    """Every invalid vector of bytes that has a file of its own."""
    found: Cases = {
        Code.TOO_LARGE: _large(),
        Code.MALFORMED_CBOR: _not_cbor(),
        Code.NOT_CANONICAL: [*_just_not_too_large(), *_not_canonical()],
        Code.KEY_INVALID: _points(),
        Code.DUPLICATE_ITEM: _duplicates(),
        Code.TOO_MANY: _many(),
        Code.MALFORMED: _around(),
    }
    for group in (_headers(), _signatures()):
        for code, listed in group.items():
            found.setdefault(code, []).extend(listed)
    return found


def valid() -> dict[str, Vector]:
    """None: those stand elsewhere."""
    return {}
