"""The frozen vectors are exactly what the code reads and refuses, and the generator makes them again."""

from __future__ import annotations

import pytest

from tests.support.vectors import FOLDER, frozen, judge
from tests.vectors import make
from wallet.protocol.codes import Refusal

VALID = dict(frozen("valid"))
INVALID = dict(frozen("invalid"))


@pytest.mark.parametrize("name", VALID)
def test_a_valid_vector_is_read_and_means_what_it_says(name: str) -> None:
    assert judge(VALID[name]) == VALID[name]["means"]


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_vector_gives_its_code(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        judge(INVALID[name])
    assert refused.value.code.value == INVALID[name]["code"]
    assert name.startswith(INVALID[name]["code"].replace("_", "-"))


def test_the_generator_makes_the_same_files() -> None:
    made = make.build()
    kept = {path for which in ("valid", "invalid", "sets") for path in (FOLDER / which).glob("*.json")}
    kept |= {FOLDER / "qr" / "sequences.json", FOLDER / "qr" / "bounds.json"}
    assert {FOLDER / path for path in made} == kept
    for path, text in made.items():
        assert (FOLDER / path).read_text(encoding="utf-8") == text, path


def test_they_cover_the_objects_and_at_least_thirty_codes() -> None:
    assert len({vector["code"] for vector in INVALID.values()}) >= 30
    objects = {vector["object"] for vector in VALID.values()}
    assert objects == {
        "directory",
        "directory-2",
        "contact",
        "published",
        "certificate",
        "issuance",
        "request",
        "transfer",
        "payment",
        "receipt",
        "policy",
        "baseline",
        "time-word",
        "commit",
        "consumption",
        "settlement",
        "commit-2",
        "consumption-2",
        "settlement-2",
        "leaf",
        "log-head",
        "growth",
        "notary-evidence",
        "evidence",
        "bundle",
        "ref",
        "message",
        "call",
        "possession",
        "clock",
        "life",
        "weight",
        "room",
        "notary",
    }
