"""`qalta audit` with a key in a token, over a network: of a clean log, and of one that gives a token twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.catalogue import catalogue
from app.cli.commands.audit import audit
from app.cli.context import Context
from app.cli.main import main
from app.cli.parser import build_parser
from app.cli.pin import PinSource
from app.terminal.show import Show
from app.terminal.status import Status
from app.wallets.places import Home
from ledger_sync.sandbox.in_process import NOTARY, url
from tests.ledger_sync.audit.test_log import body, commit_of, make_up
from tests.ledger_sync.notary.backends import ref
from tests.ledger_sync.notary.test_log_routes import Rig
from tests.support.world import NOW
from wallet.protocol.codes import Code, Refusal

PIN = "2580"


def pin_fd() -> int:
    reading, writing = os.pipe()
    os.write(writing, PIN.encode() + b"\n")
    os.close(writing)
    return reading


@dataclass
class Office:
    """A network, and who audits it."""

    rig: Rig
    folder: Path
    told: dict[str, Any] = field(default_factory=dict)
    """What the last one came to."""

    def audits(self, *options: str, folder: str = "auditor") -> Status:
        """The command, over lines of the network."""
        words = catalogue("en")
        show = Show(words, as_json=False)
        argv = ["audit", "notary", url(NOTARY), "--directory", url("alatau"), *options]
        argv += ["--root", self.rig.network.root.hex(), "--folder", str(self.folder / folder)]
        args = build_parser(words).parse_args(argv)
        context = Context(Home(self.folder), None, show, PinSource(pin_fd()), lambda: NOW, os.urandom)
        status = audit(args, context, self.rig.network.lines.connect("somebody"))
        self.told = show.fields
        return status


def key_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--json", "--pin-fd", str(pin_fd()), "audit", "key", str(folder)]) == Status.DONE
    return str(json.loads(capsys.readouterr().out)["key"])


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    key = key_in(tmp_path / "auditor", capsys)
    assert key_in(tmp_path / "auditor", capsys) == key, "the same again"
    rig = Rig(tmp_path / "network", bytes.fromhex(key))
    try:
        yield Office(rig, tmp_path)
    finally:
        rig.network.close()


def test_a_log_that_is_as_it_was_said_is_clean_and_goes_on(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.rig.commit("alatau", "a", ref("1"), ref("2"))
    assert office.audits() == Status.DONE
    assert {name: office.told[name] for name in ("entries", "references", "findings", "evidence")} == {
        "entries": 1,
        "references": 2,
        "findings": [],
        "evidence": 0,
    }
    assert "went to whoever asked first" in " ".join(capsys.readouterr().out.split())
    office.rig.commit("zhibek", "b", ref("2"), ref("3"))
    assert office.audits() == Status.DONE
    assert office.told["entries"] == 2


def test_what_was_given_twice_is_told_and_anybody_can_check_the_evidence(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, kept = office.rig, office.folder / "evidence"
    rig.commit("alatau", "a", ref("1"))
    make_up(rig, 2, body("b", "1"), commit_of(rig, "b", "1"))
    rig.commit("alatau", "c", ref("3"))
    assert office.audits("--evidence", str(kept)) == Status.REFUSED
    assert "a token that an earlier entry has given" in " ".join(capsys.readouterr().out.split())
    (file,) = office.told["files"]
    assert main(["--json", "evidence", "check", file, "--root", str(kept / "root.hex")]) == Status.DONE
    assert json.loads(capsys.readouterr().out)["kind"] == "two_consumers"


def test_a_log_that_is_another_one_than_before_is_evidence(office: Office) -> None:
    """Also where each of the two is what its head says: here the notary was put back, and nobody has told it."""
    rig, file = office.rig, office.folder / "network" / NOTARY / "notary.db"
    rig.commit("alatau", "a", ref("1"))
    rig.network.stop(NOTARY)
    early = file.read_bytes()
    rig.network.start(NOTARY)
    rig.network.work(NOTARY)
    rig.commit("alatau", "b", ref("2"))
    assert office.audits() == Status.DONE
    rig.network.stop(NOTARY)
    file.write_bytes(early)
    rig.network.start(NOTARY)
    rig.network.work(NOTARY)
    rig.commit("alatau", "c", ref("3"))
    assert office.audits() == Status.REFUSED
    assert (office.told["findings"], office.told["evidence"]) == ([], 1)


def test_whom_the_directory_does_not_name_is_not_served(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.rig.commit("alatau", "a", ref("1"))
    key_in(office.folder / "stranger", capsys)
    with pytest.raises(Refusal) as caught:
        office.audits(folder="stranger")
    assert caught.value.code is Code.AUTH_FORBIDDEN
    assert "auditor" in catalogue("en").tell(caught.value.code, caught.value.facts).what
