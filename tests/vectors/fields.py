"""What no field of a type holds, and objects of which one field is replaced by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.support.vectors import Vector
from tests.support.world import Key
from tests.vectors.forms import Case, replaced, sealed
from tests.vectors.good import (
    AIGUL,
    in_world,
    vector,
)
from wallet.protocol import codec
from wallet.protocol.codes import Code

Values = tuple[tuple[str, Any], ...]
OFF_CURVE: Final = b"\x02" + b"\xff" * 32

# What no field of a type holds; the name says why.
COUNT: Final = (Code.MALFORMED, (("over", 2**32), ("negative", -1), ("bool", True)))
TIME: Final = (Code.TIME_INVALID, (("over", 2**32), ("negative", -1), ("bool", True), ("text", "1")))
AMOUNT: Final = (Code.AMOUNT_INVALID, (("zero", 0), ("over", 2**53), ("text", "1")))
SUM: Final = (Code.AMOUNT_INVALID, (("negative", -1), ("over", 2**53), ("bool", False)))
KEY: Final = (
    Code.KEY_INVALID,
    (
        ("off-curve", OFF_CURVE),
        ("uncompressed-form", b"\x04" + AIGUL.key.public[1:]),
        ("short", AIGUL.key.public[:-1]),
        ("text", "A" * 33),
    ),
)
CURRENCY: Final = (
    Code.MALFORMED,
    (("short", "KZ"), ("long", "KZTT"), ("letters-not-bytes", "КZТ"), ("bytes", b"KZT")),
)
FLAG: Final = (Code.MALFORMED, (("number", 1), ("null", None)))


def octets(size: int) -> tuple[Code, Values]:
    return Code.MALFORMED, (("short", bytes(size - 1)), ("long", bytes(size + 1)), ("text", "x" * size))


def text(size: int, *, least: int = 1) -> tuple[Code, Values]:
    """One byte too many, though fewer letters than that; and none, where there must be one."""
    long = "ә" * (size // 2) + "x" * (size % 2 + 1)
    empty: Values = (("empty", ""),) if least else ()
    return Code.MALFORMED, (("long", long), ("bytes", b"x"), *empty)


def up_to(most: int, *, least: int = 0) -> tuple[Code, Values]:
    low: Values = (("negative", -1),) if least == 0 else (("low", least - 1),)
    return Code.MALFORMED, (("over", most + 1), *low, ("bool", True))


def number(size: int, item: Any, *, least: int = 0) -> list[tuple[Code, Values]]:
    """Of an array: one item more than it may have, none where it must have one, and no array."""
    empty: Values = (("empty", []),) if least else ()
    return [
        (Code.TOO_MANY, (("items", [item] * (size + 1)),)),
        (Code.MALFORMED, (("no-array", item), *empty)),
    ]


@dataclass(frozen=True)
class Form:
    """An object of which fields are replaced: its ``body`` as CBOR, who signs it, and the judge's context."""

    name: str
    typ: str
    body: codec.Cbor
    by: Key
    made: Callable[[bytes, str], Vector]
    around: Callable[[codec.Cbor], codec.Cbor] = lambda signed: signed

    def with_field(self, path: tuple[int, ...], item: Any) -> bytes:
        return codec.encode(self.around(sealed(replaced(self.body, path, item), self.by, self.typ)))

    def cases(
        self, field: str, path: tuple[int, ...], *wrong: tuple[Code, Values]
    ) -> Iterator[tuple[Code, Case]]:
        for code, values in wrong:
            for why, item in values:
                note = f"{field} of a {self.name}: {why}"
                yield code, (f"{self.name}-{field}-{why}", self.made(self.with_field(path, item), note))

    def fields_missing(self) -> Iterator[tuple[Code, Case]]:
        """One field fewer, one more, and no array or map at all."""
        if isinstance(self.body, list):
            bodies = {"field-missing": self.body[:-1], "field-extra": [*self.body, 0], "no-array": 0}
        else:
            last = max(self.body, key=abs)
            fewer = {name: item for name, item in self.body.items() if name != last}
            bodies = {"claim-missing": fewer, "claim-extra": {**self.body, 9: 0}, "no-map": 0}
        for why, body in bodies.items():
            raw = codec.encode(self.around(sealed(body, self.by, self.typ)))
            yield Code.MALFORMED, (f"{self.name}-{why}", self.made(raw, f"a {self.name}: {why}"))


def judged_in_world(kind: str, **context: object) -> Callable[[bytes, str], Vector]:
    return lambda raw, note: in_world(kind, raw, note, **context)


def judged_alone(kind: str, **context: object) -> Callable[[bytes, str], Vector]:
    return lambda raw, note: vector(kind, raw, note, **context)


LIMITS_FIELDS: Final = (
    ("balance", 0, AMOUNT),
    ("payment", 1, AMOUNT),
    ("total", 2, AMOUNT),
    ("hops", 3, up_to(15)),
    ("days", 4, up_to(3660)),
)
