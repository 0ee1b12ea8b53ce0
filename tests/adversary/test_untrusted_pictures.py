"""Pictures and evidence files that a stranger hands over: read, or refused with a code; never anything else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.cli.commands.evidence import read_evidence
from tests.adversary.conftest import InProcess
from tests.vectors.good import AIGUL, DEAL, SHOP, WORLD, rival
from wallet.protocol import codec
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Evidence
from wallet.transport.qr.picture import write_gif, write_png

FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
COMMANDS = ("pay", "receive")
PICTURES = {
    Code.PICTURE_UNREADABLE,
    Code.FRAMES_MISSING,
    Code.MALFORMED_CBOR,
    Code.NOT_CANONICAL,
    Code.MALFORMED,
    Code.TOO_MANY,
    Code.TOO_LARGE,
}
EVIDENCE = {*PICTURES, *(code for code in Code if code.name.endswith(("_INVALID", "_SIGNATURE", "_UNKNOWN")))}
EVIDENCE |= {Code.KIND_UNEXPECTED, Code.SIGNATURE_HIGH_S, Code.INPUTS_UNSORTED, Code.DUPLICATE_ITEM}


def whole_picture(suffix: str, folder: Path) -> bytes:
    path = folder / f"whole{suffix}"
    message = codec.encode([9, b"no message of ours"])
    if suffix == ".gif":
        write_gif(message * 20, path, frames=4, box=1)
    else:
        write_png(message, path)
    return path.read_bytes()


@FUZZ
@given(
    content=st.binary(max_size=400),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"RIFF", b"BM"]),
    suffix=st.sampled_from([".png", ".gif", ".jpg", ".txt", ""]),
    command=st.sampled_from(COMMANDS),
)
def test_garbage_is_no_picture(
    in_process: InProcess, tmp_path: Path, content: bytes, start: bytes, suffix: str, command: str
) -> None:
    path = tmp_path / f"stranger{suffix}"
    path.write_bytes(start + content)
    status, told = in_process(command, str(path))
    assert status == 1
    assert Code(told["refused"]) is Code.PICTURE_UNREADABLE


@FUZZ
@given(
    seed=st.integers(0, 2**32), suffix=st.sampled_from([".png", ".gif"]), command=st.sampled_from(COMMANDS)
)
def test_a_picture_with_changed_bytes_is_refused_with_a_code(
    in_process: InProcess, tmp_path: Path, seed: int, suffix: str, command: str
) -> None:
    chance = random.Random(seed)
    data = bytearray(whole_picture(suffix, tmp_path))
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / f"stranger{suffix}"
    path.write_bytes(data[: chance.randint(1, len(data))] if chance.random() < 0.2 else data)
    status, told = in_process(command, str(path))
    assert status == 1
    assert Code(told["refused"]) in PICTURES


@FUZZ
@given(message=st.binary(min_size=1, max_size=200), command=st.sampled_from(COMMANDS))
def test_whatever_a_code_says_is_read_strictly(
    in_process: InProcess, tmp_path: Path, message: bytes, command: str
) -> None:
    path = tmp_path / "stranger.png"
    write_png(message, path)
    status, told = in_process(command, str(path))
    assert status == 1
    assert Code(told["refused"]) in PICTURES - {Code.PICTURE_UNREADABLE, Code.FRAMES_MISSING}


def test_folders_devices_and_bombs(in_process: InProcess, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "again.png").symlink_to(tmp_path / "loop")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("empty", "loop", "bomb.png"):
        status, told = in_process("pay", str(tmp_path / name))
        assert (status, told["refused"]) == (1, Code.PICTURE_UNREADABLE), name
    status, told = in_process("pay", "/dev/zero")
    assert (status, told["refused"]) == (1, Code.PICTURE_UNREADABLE)


# evidence


def evidence_file() -> bytes:
    found = Evidence.of(DEAL.payment.transfers[0], rival(payee=SHOP.key.public), AIGUL.certificate)
    assert found is not None
    return codec.encode([WORLD.signed_directory().encode(), found.to_cbor()])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.hex"
    path.write_text(WORLD.root.public.hex())
    return path


def test_a_whole_evidence_file_is_believed(in_process: InProcess, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "a.evidence"
    path.write_bytes(evidence_file())
    status, told = in_process("evidence", "check", str(path), "--root", str(root))
    assert (status, told["proved"]) == (0, True)
    assert read_evidence(path)[1].kind.name.lower() == told["kind"]


@FUZZ
@given(data=st.data())
def test_an_evidence_file_with_changed_bytes_accuses_nobody_else(
    in_process: InProcess, tmp_path: Path, root: Path, data: st.DataObject
) -> None:
    whole = evidence_file()
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "a.evidence"
    path.write_bytes(raw)
    status, told = in_process("evidence", "check", str(path), "--root", str(root))
    if status == 0:
        path.write_bytes(whole)
        assert told["key"] == in_process("evidence", "check", str(path), "--root", str(root))[1]["key"]
    else:
        assert Code(told["refused"]) in EVIDENCE


@FUZZ
@given(content=st.binary(max_size=200), key=st.binary(max_size=80) | st.just(b"02" * 33))
def test_garbage_is_no_evidence_and_no_root(
    in_process: InProcess, tmp_path: Path, root: Path, content: bytes, key: bytes
) -> None:
    path = tmp_path / "a.evidence"
    for raw, trusted in ((content, root.read_bytes()), (evidence_file(), key)):
        path.write_bytes(raw)
        (tmp_path / "b.hex").write_bytes(trusted)
        status, told = in_process("evidence", "check", str(path), "--root", str(tmp_path / "b.hex"))
        assert status == 1
        assert Code(told["refused"]) in EVIDENCE
