"""Whatever is changed in what is signed in a tree is refused by a code, or is read as it is written; nothing else."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.test_objects import STRANGE, places, with_item
from tests.support.vector_trees import KINDS
from tests.support.vectors import JUDGES, frozen
from tests.vectors import trees
from wallet.protocol import codec
from wallet.protocol.batch import read_together, together
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Refusal
from wallet.protocol.leaf import Path
from wallet.protocol.log import Growth, LogHead
from wallet.protocol.notary_evidence import read_notary_evidence

VALID: Final = {name: vector for name, vector in frozen("valid") if name in trees.valid()}


def read_again(kind: str, value: Cbor) -> Cbor:
    """What is written of what was read."""
    match kind:
        case "log-head":
            return LogHead.from_cbor(value).to_cbor()
        case "growth":
            return Growth.from_cbor(value).to_cbor()
        case "notary-evidence":
            return read_notary_evidence(value).to_cbor()
        case _:
            return together(read_together(KINDS, value)) if kind == "leaf" else alone(value)


def alone(value: Cbor) -> Cbor:
    (signed,) = read_together(KINDS, value)
    return signed.to_cbor()


@pytest.mark.parametrize("name", ["settlement-2-of-a-group", "leaf-settlements", "log-head", "growth"])
def test_a_strange_item_anywhere_is_refused_or_is_kept_as_it_is(name: str) -> None:
    vector = VALID[name]
    value = codec.decode(bytes.fromhex(vector["hex"]), 1 << 20)
    for path in places(value):
        for strange in STRANGE:
            changed = with_item(value, path, strange)
            try:
                again = read_again(vector["object"], changed)
            except Refusal:
                continue
            assert codec.encode(again) == codec.encode(changed), (path, strange)


@given(st.sampled_from(sorted(VALID)), st.data())
def test_flipped_bytes_are_refused_by_a_code_or_mean_what_they_say(name: str, data: st.DataObject) -> None:
    """The judge writes again what it reads, and compares."""
    vector = dict(VALID[name])
    raw = bytearray(bytes.fromhex(vector["hex"]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        meaning: Any = JUDGES[vector["object"]](bytes(raw), vector)
    except Refusal:
        return
    assert bytes(raw) == bytes.fromhex(vector["hex"])
    assert meaning == VALID[name]["means"]


@given(st.binary(max_size=80))
def test_bytes_at_random_are_no_path(raw: bytes) -> None:
    try:
        path = Path.read(raw, 1 << 16)
    except Refusal:
        return
    assert path.encode() == raw
    assert len(path.root(bytes(32))) == 32
