"""docs/decisions/shares.md says of every table of every store who pays for it: none is missing, and none made up."""

from __future__ import annotations

import re

import pytest

from ledger_sync.bank.sql.storage import SCHEMA as BANK
from ledger_sync.central_bank.sql.storage import SCHEMA as CENTRAL_BANK
from ledger_sync.notary.sql_store import SCHEMA as NOTARY
from ledger_sync.service.heads import SCHEMA as HEADS
from ledger_sync.service.nonces import SCHEMA as NONCES
from ledger_sync.service.trust_store import SCHEMA as TRUST
from tests.support.pages import ROOT, page, rows, section
from wallet.database import Schema, connect
from wallet.purse.store.store import SCHEMA as PURSE

PAGE = page("decisions", "shares.md")
SECTIONS = {
    "Bank": BANK,
    "Central bank": CENTRAL_BANK,
    "Notary": NOTARY,
    "Every service: calls": NONCES,
    "Every service: trust": TRUST,
    "Banks and central bank: heads": HEADS,
    "Purse": PURSE,
}


def tables(schema: Schema) -> list[str]:
    connection = connect(":memory:", schema)
    sql = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
    found = [name for (name,) in connection.execute(sql)]
    connection.close()
    return sorted(found)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_table_stands_on_the_page_once(title: str) -> None:
    listed = [name for row in rows(section(PAGE, title)) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == tables(SECTIONS[title])


@pytest.mark.parametrize("title", SECTIONS)
def test_every_row_says_who_pays_and_what_frees_it(title: str) -> None:
    for row in rows(section(PAGE, title)):
        assert len(row) == 5, row
        assert all(row), row
        if "turnover" not in row[2] and "fixed" not in row[2]:
            assert row[3] != "-" or row[4] != "-" or "operator" in row[2], f"{row[0]} has no end"


def test_every_store_has_a_section() -> None:
    """And nothing else opens a database to write: `?mode=ro` is for those who measure."""
    rooms = ("qalta", "wallet", "hsm", "ledger_sync", "app")
    sources = {path: path.read_text("utf-8") for room in rooms for path in (ROOT / room).rglob("*.py")}
    made = re.findall(r"^SCHEMA: Final = Schema\(", "\n".join(sources.values()), re.MULTILINE)
    assert len(made) == len(SECTIONS)
    opening = [
        path.name for path, source in sources.items() if re.search(r"sqlite3\.connect\((?!.*mode=ro)", source)
    ]
    assert opening == ["database.py"]
