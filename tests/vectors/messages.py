"""Vectors of messages between wallets: SPEC 7. What reads them looks at shapes alone, never at a signature."""

from __future__ import annotations

from typing import Any, Final

from tests.support.vectors import Vector
from tests.vectors.forms import Cases
from tests.vectors.good import DEAL, SHOP, receipt, vector
from wallet.protocol import codec
from wallet.protocol.codes import Code

SOME_CODES: Final = ("declined", "too_large", "time_before_certificate")


def _problem(code: Any, facts: Any) -> bytes:
    return codec.encode([4, code, facts])


def valid() -> dict[str, Vector]:
    """Every valid vector of messages, without its meaning."""
    told = codec.decode(receipt(None), 1 << 16)
    most = [[chr(97 + n) + "x" * 31, "ә" * 32 if n % 2 else 2**53 - 1] for n in range(8)]
    made = {
        "request": codec.encode([1, DEAL.request.to_cbor()]),
        "payment": codec.encode([2, DEAL.payment.to_cbor()]),
        "receipt": codec.encode([3, told]),
        "problem": _problem("declined", []),
        "problem-with-facts": _problem("limit_payment", [["limit", 5], ["paid", "0 тг"]]),
        "problem-highest": _problem("time_before_certificate", most),
        "problem-facts-by-utf-8": _problem("declined", [["\uff5e", 0], ["\U00010000", ""]]),
        **{f"problem-{name.replace('_', '-')}": _problem(name, []) for name in SOME_CODES[1:]},
    }
    return {
        f"message-{name}": vector("message", raw, "any code travels well; what it says is for people")
        for name, raw in made.items()
    }


def cases() -> Cases:
    """Every invalid vector of messages."""
    request = DEAL.request.to_cbor()
    malformed: dict[str, Any] = {
        "no-array": 1,
        "empty": [],
        "alone": [1],
        "kind-0": [0, request],
        "kind-5": [5, request],
        "kind-true": [True, request],
        "kind-text": ["1", request],
        "request-and-more": [1, request, 0],
        "four-parts": [4, "declined", [], 0],
        "problem-without-facts": [4, "declined"],
        "problem-unknown": [4, "no_such_code", []],
        "problem-code-empty": [4, "", []],
        "problem-code-a-number": [4, 1, []],
        "facts-no-array": [4, "declined", 0],
        "facts-unsorted": [4, "declined", [["b", 0], ["a", 0]]],
        "facts-twice": [4, "declined", [["a", 0], ["a", 1]]],
        "fact-alone": [4, "declined", [["a"]]],
        "fact-name-empty": [4, "declined", [["", 0]]],
        "fact-name-of-33-bytes": [4, "declined", [["ә" * 16 + "x", 0]]],
        "fact-name-a-number": [4, "declined", [[1, 0]]],
        "fact-text-of-65-bytes": [4, "declined", [["a", "ә" * 32 + "x"]]],
        "fact-negative": [4, "declined", [["a", -1]]],
        "fact-over": [4, "declined", [["a", 2**53]]],
        "fact-null": [4, "declined", [["a", None]]],
        "fact-bool": [4, "declined", [["a", True]]],
        "fact-bytes": [4, "declined", [["a", b"x"]]],
        "receipt-as-a-request": [1, codec.decode(receipt(None), 1 << 16)],
        "nothing-in-it": [2, None],
    }
    listed = [
        (f"message-{name}", vector("message", codec.encode(item), name)) for name, item in malformed.items()
    ]
    nine = [[chr(97 + n), 0] for n in range(9)]
    return {
        Code.MALFORMED: listed,
        Code.TOO_MANY: [("message-facts", vector("message", _problem("declined", nine), "nine facts"))],
        Code.KIND_UNEXPECTED: [
            (
                "message-a-certificate",
                vector("message", codec.encode([1, SHOP.certificate.to_cbor()]), "no request"),
            )
        ],
        Code.MALFORMED_CBOR: [
            ("message-float", vector("message", _problem("declined", [["a", 1.5]]), "no floats"))
        ],
        Code.NOT_CANONICAL: [
            ("message-wide", vector("message", b"\x82\x18\x01" + DEAL.request.encode(), "1 in two bytes"))
        ],
    }
