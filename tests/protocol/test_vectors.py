"""The frozen vectors are exactly what the code reads and refuses, and the generator makes them again."""

from __future__ import annotations

import json

import pytest

from tests.support.vectors import FOLDER, Vector, frozen, judge
from tests.vectors import make
from wallet.protocol.codes import Refusal

VALID = dict(frozen("valid"))
INVALID = dict(frozen("invalid"))
MADE = make.build()


@pytest.mark.parametrize("name", VALID)
def test_a_valid_vector_is_read_and_means_what_it_says(name: str) -> None:
    assert judge(VALID[name]) == VALID[name]["means"]


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_vector_gives_its_code(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        judge(INVALID[name])
    assert refused.value.code.value == INVALID[name]["code"]
    assert name.startswith(INVALID[name]["code"].replace("_", "-"))


@pytest.mark.parametrize("which", ["valid", "invalid"])
def test_the_generator_makes_the_same_bytes(which: str) -> None:
    frozen_ones: dict[str, Vector] = {"valid": VALID, "invalid": INVALID}[which]
    assert MADE[which].keys() == frozen_ones.keys()
    for name, vector in MADE[which].items():
        assert json.loads(make.as_text(vector)) == frozen_ones[name], name
        assert (FOLDER / which / f"{name}.json").read_text(encoding="utf-8") == make.as_text(vector)


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
        "evidence",
        "bundle",
    }
