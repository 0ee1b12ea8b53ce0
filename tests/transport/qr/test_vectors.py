"""The frozen bytes of SPEC: what this format once wrote it writes for ever; what it refused it refuses."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from wallet.transport.qr import base45
from wallet.transport.qr.fountain import row_mask, scramble
from wallet.transport.qr.frames import FrameEncoder, FrameReceiver, Outcome
from wallet.transport.qr.layout import Limits, message_id, read_frame

FOLDER = Path(__file__).parents[2] / "vectors" / "qr"


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("vector", vectors("base45")["valid"])
def test_base45(vector: dict[str, str]) -> None:
    assert base45.encode(bytes.fromhex(vector["hex"])) == vector["text"]
    assert base45.decode(vector["text"]).hex() == vector["hex"]


@pytest.mark.parametrize("text", vectors("base45")["invalid"])
def test_base45_refused(text: str) -> None:
    with pytest.raises(base45.Base45Error):
        base45.decode(text)


def test_masks() -> None:
    for vector in vectors("masks"):
        mask = row_mask(bytes.fromhex(vector["message_id"]), vector["chunk_count"], vector["seq"])
        assert [chunk for chunk in range(vector["chunk_count"]) if mask >> chunk & 1] == vector["chunks"]


@pytest.mark.parametrize("vector", vectors("frames"), ids=lambda vector: vector["name"])
def test_frames(vector: dict[str, Any]) -> None:
    message = bytes.fromhex(vector["message"])
    encoder = FrameEncoder(message, vector["chunk_size"])
    assert encoder.chunk_count == vector["chunk_count"]
    assert message_id(message).hex() == vector["message_id"]
    padded = message.ljust(vector["chunk_bytes"] * vector["chunk_count"], b"\0")
    assert scramble(message_id(message), padded).hex() == vector["scrambled"]
    for frame in vector["frames"]:
        assert encoder.frame(frame["seq"]) == frame["text"]
        assert read_frame(frame["text"], Limits()).seq == frame["seq"]


@pytest.mark.parametrize("vector", vectors("invalid_frames"), ids=lambda vector: vector["name"])
def test_frames_refused(vector: dict[str, str]) -> None:
    assert FrameReceiver().add(vector["text"]).outcome.value == vector["outcome"]


@pytest.mark.parametrize("vector", vectors("sequences"), ids=lambda vector: vector["name"])
def test_sequences(vector: dict[str, Any]) -> None:
    shown = FrameEncoder(bytes.fromhex(vector["message"]), vector["chunk_size"]).frames()
    assert [read_frame(text, Limits()).seq for text in islice(shown, len(vector["seqs"]))] == vector["seqs"]


@pytest.mark.parametrize(
    "vector", vectors("receptions") + vectors("bounds"), ids=lambda vector: vector["name"]
)
def test_receptions(vector: dict[str, Any]) -> None:
    receiver = FrameReceiver()
    messages: list[str] = []
    for step in vector["steps"]:
        progress = receiver.add(step["text"])
        assert (progress.outcome.value, progress.rank, progress.needed) == (
            step["outcome"],
            step["rank"],
            step["needed"],
        )
        if progress.outcome is Outcome.COMPLETE:
            assert receiver.message is not None
            messages.append(receiver.message.hex())
    assert messages == vector["messages"]
