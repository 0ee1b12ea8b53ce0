"""`qalta evidence` of what the notary said twice: shown to anybody, proved to who has the root key, and to no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.main import main
from tests.vectors import trees
from tests.vectors.good import WORLD
from wallet.protocol import codec
from wallet.protocol.codes import Code
from wallet.protocol.notary_evidence import NotaryContradiction

NAMES = {
    "notary-evidence-consumers": NotaryContradiction.TWO_CONSUMERS,
    "notary-evidence-entries": NotaryContradiction.TWO_ENTRIES,
    "notary-evidence-histories": NotaryContradiction.TWO_HISTORIES,
}


def file_of(folder: Path, raw: bytes) -> str:
    path = folder / "notary.evidence"
    path.write_bytes(codec.encode([WORLD.signed_directory().encode(), codec.decode(raw, 1 << 20)]))
    return str(path)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_notary_said_twice_is_shown_and_proved(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(tmp_path, bytes.fromhex(trees.valid()[name]["hex"]))
    assert main(["--json", "evidence", "show", path]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["proved"]) == (NAMES[name].name.lower(), False)
    assert main(["--json", "evidence", "check", path, "--root", WORLD.root.public.hex()]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["proved"]
    one, other = checked["said"]
    assert one.keys() == other.keys()
    assert one != other
    assert main(["evidence", "check", path, "--root", WORLD.root.public.hex()]) == 0
    assert all(str(value) in capsys.readouterr().out for value in list(one.values())[-1:])


def test_what_proves_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made,) = [case for label, case in trees.cases()[Code.EVIDENCE_INVALID] if "the-same" in label][:1]
    path = file_of(tmp_path, bytes.fromhex(made["hex"]))
    assert main(["--json", "evidence", "check", path, "--root", WORLD.root.public.hex()]) == 1
    assert json.loads(capsys.readouterr().out)["refused"] == "evidence_invalid"
    assert main(["--json", "evidence", "check", path, "--root", "02" * 33]) == 1
    assert json.loads(capsys.readouterr().out)["refused"] == "directory_signature"
