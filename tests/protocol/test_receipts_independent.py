"""Receipts of RFC 9942 that another implementation made are read and verified here, and its tree is ours.

The file was made once with the library that it names, which also took every object of `sets/trees.json` that is shown
alone, with null in place of its payload and tag 18 before it, and none of them for another entry.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.support.deals import refusal_of
from tests.support.vectors import FOLDER
from tests.vectors.good import WORLD
from wallet.protocol import codec, merkle
from wallet.protocol.codes import Code
from wallet.protocol.merkle import Tree
from wallet.protocol.settlement import check_settlement, read_settlement

FROZEN: Final[dict[str, Any]] = json.loads((FOLDER / "receipts-independent.json").read_text(encoding="utf-8"))
ENTRIES: Final = [bytes.fromhex(entry) for entry in FROZEN["entries"]]
LEAVES: Final = [merkle.leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize("receipt", FROZEN["receipts"], ids=lambda receipt: str(receipt["index"]))
def test_a_receipt_with_its_entry_put_in_is_an_object(receipt: dict[str, Any]) -> None:
    raw = bytes.fromhex(receipt["cose"])
    assert raw[:1] == b"\xd2"
    protected, unprotected, payload, signature = codec.decode(raw[1:], 1 << 12)
    assert payload is None
    signed = read_settlement([protected, unprotected, ENTRIES[receipt["index"]], signature])
    check_settlement(signed, WORLD.directory())
    assert signed.leaf is not None
    assert signed.leaf.root(signed.payload).hex() == FROZEN["root"]
    assert signed.leaf.path.hashes == Tree.of(LEAVES).path(receipt["index"])
    other = read_settlement([protected, unprotected, ENTRIES[receipt["index"] - 1], signature])
    assert refusal_of(lambda: check_settlement(other, WORLD.directory())) is Code.SETTLEMENT_SIGNATURE


@pytest.mark.parametrize("proof", FROZEN["consistency"], ids=lambda proof: str(proof["first"]))
def test_its_proofs_of_consistency_are_ours(proof: dict[str, Any]) -> None:
    path = [bytes.fromhex(item) for item in proof["path"]]
    first_root = bytes.fromhex(proof["first_root"])
    assert Tree.of(LEAVES[: proof["first"]]).root == first_root
    root = bytes.fromhex(FROZEN["root"])
    assert merkle.is_consistent(proof["first"], proof["second"], first_root, root, path)
