"""What other COSE implementations make of our header and payload is what we make, and we verify what they sign.

The file was made once with the libraries that it names; RFC 9052 appendix C.2.1 is the standard's own example.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.vectors import FOLDER
from wallet.protocol import codec, cose, kinds
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.issuance import Issuance
from wallet.protocol.keys import p256

FROZEN: dict[str, Any] = json.loads((FOLDER / "cose-independent.json").read_text(encoding="utf-8"))
PAYLOAD, KEY = bytes.fromhex(FROZEN["payload"]), bytes.fromhex(FROZEN["key"])
MADE = {made["made_with"]: made for made in FROZEN["independent"]}


@pytest.mark.parametrize("library", MADE)
def test_we_verify_what_another_implementation_signed(library: str) -> None:
    raw = bytes.fromhex(MADE[library]["cose"])
    if MADE[library]["tagged"]:
        with pytest.raises(Refusal) as refused:
            cose.parse(Issuance, raw)
        assert refused.value.code is Code.MALFORMED_CBOR
        raw = raw.removeprefix(b"\xd2")
    signed = cose.parse(Issuance, raw)
    assert signed.payload == PAYLOAD
    assert signed.signed_by(p256(KEY))
    assert signed.encode() == raw


def test_the_bytes_that_are_signed_agree() -> None:
    (theirs,) = [made["sig_structure"] for made in MADE.values() if "sig_structure" in made]
    assert cose.signature_structure(kinds.ISSUANCE, PAYLOAD).hex() == theirs


def test_the_example_of_the_standard_is_built_and_verified_alike() -> None:
    example = FROZEN["rfc9052"]
    protected, payload = bytes.fromhex(example["protected"]), bytes.fromhex(example["payload"])
    structure = codec.encode(["Signature1", protected, b"", payload])
    assert structure.hex() == example["sig_structure"]
    parts = codec.decode(bytes.fromhex(example["cose"]).removeprefix(b"\xd2"), 1024)
    assert (parts[0], parts[2]) == (protected, payload)
    assert p256(bytes.fromhex(example["key"])).verify(structure, parts[3])
