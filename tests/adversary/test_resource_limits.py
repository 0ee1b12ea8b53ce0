"""Oversized, over-announced, duplicated and unknown: refused with a code, in little memory and processor time.

The bounds are the kernel's, on a process of its own; no clock is read here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from unittest.mock import patch

import pytest

from tests.adversary.resource_limits import READERS
from tests.support.cli import ROOT
from tests.support.deals import chain, refusal_of
from tests.support.world import World
from wallet.protocol import codec
from wallet.protocol.codes import Code
from wallet.protocol.keys import PublicKey
from wallet.protocol.validity import verify

MEGABYTES, SECONDS = 96, 60
EACH_BYTE = 80
"""Bytes of memory that one byte of input may cost: an empty list in a list is 64."""


@pytest.fixture(scope="module")
def fed() -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.adversary.resource_limits", str(MEGABYTES), str(SECONDS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_whatever_it_is_fed_the_process_stays_within_its_memory_and_time(fed: list[dict[str, Any]]) -> None:
    assert {row["reader"] for row in fed} == set(READERS)
    assert len(fed) > 150


def test_all_of_it_is_refused_with_a_code(fed: list[dict[str, Any]]) -> None:
    read = [row for row in fed if row["code"] is None and row["reader"] not in ("stream", "frame")]
    assert read == [], "frames and pieces of a stream are passed over, or wait for more"
    assert {Code(row["code"]) for row in fed if row["code"]} >= {
        Code.TOO_LARGE,
        Code.TOO_MANY,
        Code.MALFORMED,
        Code.MALFORMED_CBOR,
        Code.NOT_CANONICAL,
        Code.DUPLICATE_ITEM,
        Code.ALGORITHM_UNKNOWN,
        Code.KIND_UNEXPECTED,
        Code.PROVENANCE_MISSING,
    }


def test_memory_follows_the_bytes_that_came_and_not_what_they_announce(fed: list[dict[str, Any]]) -> None:
    for row in fed:
        limit = READERS[row["reader"]][0]
        if row["bytes"] > limit:
            as_text = row["bytes"] if row["reader"] == "frame" else 0
            assert row["peak"] < 16_384 + as_text, row
        else:
            assert row["peak"] < 100_000 + EACH_BYTE * row["bytes"], row


def test_a_payment_costs_no_more_signatures_than_it_has() -> None:
    world = World()
    raw = chain(15, world).payment.encode()
    with patch.object(PublicKey, "verify", autospec=True, side_effect=PublicKey.verify) as verified:
        verify(raw, world.directory())
    signatures = sum(len(part) for part in codec.decode(raw, len(raw))[1:4])
    directory = 1
    assert verified.call_count <= signatures + directory


def test_the_first_thing_that_is_wrong_ends_the_work() -> None:
    world = World()
    new, transfers, issuances, certificates, policy = chain(15, world).payment.to_cbor()
    forged = [*transfers[0][:3], bytes(64)]
    raw = codec.encode([new, [forged, *transfers[1:]], issuances, certificates, policy])
    directory = world.directory()
    with patch.object(PublicKey, "verify", autospec=True, side_effect=PublicKey.verify) as verified:
        assert refusal_of(lambda: verify(raw, directory)) is Code.TRANSFER_SIGNATURE
    assert verified.call_count <= len(issuances) + len(certificates) + 1
