"""CHANGELOG.md tells today's versions: of the package, of every kind on the wire, of every store."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from ledger_sync.bank.sql.storage import SCHEMA as BANK
from ledger_sync.central_bank.sql.storage import SCHEMA as CENTRAL_BANK
from ledger_sync.notary.sql_store import SCHEMA as NOTARY
from ledger_sync.service.heads import SCHEMA as HEADS
from ledger_sync.service.nonces import SCHEMA as NONCES
from ledger_sync.service.trust_store import SCHEMA as TRUST
from tests.support.cli import Cli
from tests.support.pages import ROOT, rows, section
from wallet.protocol.kinds import KINDS
from wallet.purse.store.store import SCHEMA as PURSE

PAGE = (ROOT / "CHANGELOG.md").read_text("utf-8")
TABLE = [(what, version) for what, version, _ in rows(section(PAGE, "Versions"))]
STORES = {
    "purse": PURSE,
    "bank": BANK,
    "central bank": CENTRAL_BANK,
    "notary": NOTARY,
    "nonces of each service": NONCES,
    "trust of each service": TRUST,
    "heads of banks and central bank": HEADS,
}


def test_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [version for what, version in TABLE if what == "package"] == [project["version"]]


def test_every_kind_on_the_wire() -> None:
    told = [
        f"{kind}{version}"
        for what, versions in TABLE
        if what.startswith("wire: ")
        for kind in re.findall(r"`(q..)`", what)
        for version in versions.split(", ")
    ]
    assert sorted(told) == sorted(kind.typ for kind in KINDS)


def test_every_store() -> None:
    told = {what.removeprefix("store: "): version for what, version in TABLE if what.startswith("store: ")}
    assert told == {name: str(schema.version) for name, schema in STORES.items()}


def test_a_release_has_its_section() -> None:
    """The newest section is what is not released yet, or the package's own version with its day."""
    newest = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)[1]
    version = importlib.metadata.version("qalta")
    assert newest == "Unreleased" or re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", newest)


def test_the_command_line_says_the_version(tmp_path: Path) -> None:
    done = Cli(tmp_path, anew=True).run("--version", pin=None)
    assert (done.status, done.out) == (0, f"qalta {importlib.metadata.version('qalta')}\n")
