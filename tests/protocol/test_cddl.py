"""The CDDL says the same shapes as the code, over every frozen vector.

pycddl checks shape, never encoding, and has limits that this file works around. It applies ``.cbor`` in an array to
all items of it: so the outside is checked with ``.cbor`` taken away, and every protected header and payload on its
own, by its kind. It takes the name of a member for a rule of that name: so they differ. It confuses a choice between
arrays with the array around it: so each choice is tried with one alternative at a time. There is no wheel of it for
every machine; where there is none this file has nothing to run, and the vectors alone speak for the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import wallet.protocol
from tests.support.vectors import FOLDER, frozen
from wallet.protocol import codec
from wallet.protocol.kinds import KINDS

pycddl = pytest.importorskip("pycddl")

TEXT = (Path(wallet.protocol.__file__).parent / "qalta.cddl").read_text(encoding="utf-8")
SEALED = re.compile(
    r"^(\S+) = \[protected: bstr \.cbor (\S+), unprotected: (?:\{\}|[\w-]+), payload: bstr \.cbor (\S+), ",
    re.M,
)
TYP = re.compile(r'^(\S+)-header = \{1 => -7, 16 => "(\w+)"(?:, 395 => 1, -70002 => [\w-]+)?\}$', re.M)
NAMES = {typ: name for name, typ in TYP.findall(TEXT)}
PLAIN = re.sub(r"bstr \.cbor [\w-]+", "bstr", TEXT)
RULES = dict(re.findall(r"^([a-z][\w-]*) = (.*?)(?=^[a-z;]|\Z)", PLAIN, flags=re.M | re.S))
CHOICES = {
    name: body.split(" / ")
    for name, body in re.findall(r"^([a-z][\w-]*) = ([\w-]+(?: / [\w-]+)+)$", PLAIN, flags=re.M)
    if any(RULES.get(alternative, "").startswith("[") for alternative in body.split(" / "))
}

VALID = {name: vector for name, vector in frozen("valid") if vector["hex"] and vector["object"] != "room"}
# Of those that share a file most are of one field each; what pycddl cannot tell of a field is not worth a list.
INVALID = {
    name: vector for name, vector in frozen("invalid") if (FOLDER / "invalid" / f"{name}.json").exists()
}
# What a shape can show. Whether an amount is positive is shape; whether a sum is, or a key on the curve, is not.
SHAPE = {
    "malformed",
    "too_many",
    "algorithm_unknown",
    "version_unknown",
    "amount_invalid",
    "time_invalid",
    "key_invalid",
}
NO_SHAPE = {
    "amount-invalid-sum-over",
    "time-invalid-expires-before-issued",
    "time-invalid-certificate-for-too-long",
    "time-invalid-token-for-too-long",
    "key-invalid-off-curve",
    "key-invalid-contact",
    "malformed-new-more-than-there-are",
    "malformed-attachments-unsorted",
    "malformed-directory-2-role-twice",
    "malformed-directory-2-roles-unsorted",
    # pycddl does not count the arrays in an array
    "too-many-attachments-many",
    "too-many-directory-2-roles",
    # pycddl takes any map for the empty one
    "malformed-unprotected-header",
}


def reachable(rule: str) -> set[str]:
    """The rules that a rule is made of."""
    found, waiting = set(), {rule}
    while waiting:
        name = waiting.pop()
        found.add(name)
        body = RULES.get(name, "")
        waiting |= {word for word in re.findall(r"[a-z][\w-]*(?!\w*:)", body) if word in RULES} - found
    return found


@cache
def schemas(rule: str) -> list[Any]:
    """The grammar with one alternative of each choice that the rule can meet, in every combination."""
    choices = [name for name in sorted(reachable(rule)) if name in CHOICES]
    found = []
    for picked in product(*(CHOICES[name] for name in choices)):
        text = PLAIN
        for name, alternative in zip(choices, picked, strict=True):
            text = re.sub(rf"^{name} = .*$", f"{name} = {alternative}", text, flags=re.M)
        found.append(pycddl.Schema(f"start = {rule}\n{text}"))
    return found


def fits(rule: str, raw: bytes) -> bool:
    return any(_is_valid(schema, raw) for schema in schemas(rule))


def _is_valid(schema: Any, raw: bytes) -> bool:
    try:
        schema.validate_cbor(raw)
    except pycddl.ValidationError:
        return False
    return True


def sealed(value: Any) -> Iterator[tuple[str, bytes]]:
    """What is encoded in byte strings of a decoded object, with its rule: of every COSE_Sign1 the header, the body, or
    the bodies of a leaf, and what is in those; the paths in a tree. A head has none: its payload is a hash."""
    if not isinstance(value, list):
        return
    if len(value) != 4 or not isinstance(value[1], dict) or not isinstance(value[2], bytes | list):
        for item in value:
            yield from sealed(item)
        return
    protected, place, payload, _ = value
    header = codec.decode(protected, 64)
    name = NAMES.get(header[16], "")
    yield f"{name}-header", protected
    in_tree = 395 in header
    if place == {} and in_tree:
        return
    for item in payload if isinstance(payload, list) else [payload]:
        yield f"{name}-body", item
        yield from sealed(codec.decode(item, 1 << 20))
    if in_tree:
        yield "log-path" if len(header[-70_002]) == 3 else "batch-path", place[396][-1][0]
    if in_tree and -70_003 in place:
        yield "group-path", place[-70_003]


def conforms(kind: str, raw: bytes) -> bool:
    """Whether the object and everything sealed in it have the shapes of the page."""
    if not fits(kind, raw):
        return False
    return all(rule in RULES and fits(rule, item) for rule, item in sealed(codec.decode(raw, 1 << 20)))


def test_every_kind_of_signed_object_has_its_shapes() -> None:
    assert set(NAMES) == {kind.typ for kind in KINDS}
    assert {(name, f"{name}-header", f"{name}-body") for name in NAMES.values()} == set(SEALED.findall(TEXT))


@pytest.mark.parametrize("name", VALID)
def test_a_valid_vector_has_the_shape(name: str) -> None:
    assert conforms(VALID[name]["object"], bytes.fromhex(VALID[name]["hex"]))


@pytest.mark.parametrize("name", [name for name in INVALID if INVALID[name]["code"] in SHAPE])
def test_a_vector_of_the_wrong_shape_has_not(name: str) -> None:
    assert conforms(INVALID[name]["object"], bytes.fromhex(INVALID[name]["hex"])) == (name in NO_SHAPE)


def test_messages_and_calls_have_the_shape() -> None:
    payment = VALID["payment-1-hop"]["hex"]
    assert fits("message", bytes.fromhex("8202" + payment))
    assert not fits("message", bytes.fromhex("8201" + payment))
    assert fits("message", codec.encode([4, "declined", [["have", 5], ["who", "x"]]]))
    assert not fits("message", codec.encode([5, "declined", []]))
    key = bytes.fromhex(VALID["directory"]["root"])
    assert fits("call-body", codec.encode(["POST", "x/v1/uploads", b"x" * 32, 5, b"x" * 16, key]))
